"""Exponential units: identity to the right, a smooth fall to a finite floor on the left.

The floor keeps the mean activation near zero without a dead half; the price is one exponential
(or a root, a quotient or a tanh in its place) per negative input. All branches are written so
that the one not taken may overflow; the derivative at the joint is PyTorch's.
"""

from dataclasses import dataclass
from fractions import Fraction

from actlas import expr
from actlas.catalogue import (
    NONNEGATIVE, POSITIVE, Claim, Domain, Paper, activation, fixed, learnable,
)  # fmt: skip
from actlas.catalogue._paper import (
    differentiable, lower_bound, minimum_at, monotone, not_monotone, not_smooth, self_normalising,
    slope_at_zero, unbounded_above, zero_at_zero,
)  # fmt: skip
from actlas.catalogue.tanhs import isru
from actlas.expr import (
    absolute, clamp, exp, expm1, log1p, maximum, sigmoid, softsign, sqrt, tanh, tanhshrink, where,
)  # fmt: skip

_SURVEYS_ONLY = "The formula is that of the surveys; the paper's own text could not be read."
_convex = Claim(
    "convex: the slope never falls",
    lambda facts: bool((facts.curve.slope(2)([-30.0, -5.0, -1.0, -0.1, 0.1, 1.0, 5.0]) >= 0).all()),
)


@activation(
    paper=Paper("Clevert", 2016, arxiv="1511.07289", title="Fast and Accurate Deep Network "
                "Learning by Exponential Linear Units (ELUs)"),
    title="ELU",
    claims=[monotone, differentiable, lower_bound(-1.0), unbounded_above, slope_at_zero(1.0)],
    errata=("Differentiable at 0 for alpha = 1 only; CELU is the form that is so for every alpha.",
            "Masking a*(exp(x) - 1) after the fact gives NaN gradients beyond x = 88 in float32."),
    tags=("torch",),
)  # fmt: skip
def elu(x, alpha=fixed(1.0, NONNEGATIVE)):
    """Identity to the right, an exponential approach to -alpha on the left."""
    return where(x > 0, x, alpha * expm1(x))


@activation(
    paper=Paper("Li", 2016, arxiv="1606.00305", title="Improving Deep Neural Network with Multiple "
                "Parametric Exponential Linear Units"),
    title="MPELU",
    claims=[unbounded_above, zero_at_zero],
    reconstructed=_SURVEYS_ONLY,
)  # fmt: skip
def mpelu(x, alpha=learnable(1.0, NONNEGATIVE), beta=learnable(1.0, POSITIVE)):
    """ELU with learned depth and rate of the left branch, so that it spans PReLU to ELU."""
    return where(x > 0, x, alpha * expm1(beta * x))


@activation(
    paper=Paper("Trottier, Giguère and Chaib-draa", 2017, arxiv="1605.09332", title="Parametric "
                "Exponential Linear Unit for Deep Convolutional Neural Networks"),
    title="PELU",
    claims=[monotone, differentiable, unbounded_above],
    reconstructed=_SURVEYS_ONLY,
)  # fmt: skip
def pelu(x, a=learnable(1.0, POSITIVE), b=learnable(1.0, POSITIVE)):
    """ELU with learned depth and width whose right slope follows, so that no kink arises."""
    return where(x > 0, a / b * x, a * expm1(x / b))


def _expm1_above_line(u):
    """Return e**u - 1 - u for -1 < u < 0, written so that its slope does not cancel either."""
    half = tanh(u / 2)
    return (u * half - 2 * tanhshrink(u / 2)) / (2 * sigmoid(-u))


# Near 0 the derivative by alpha is of the second order, the difference of two of the first.
@activation(
    paper=Paper("Barron", 2017, arxiv="1704.07483", title="Continuously Differentiable Exponential "
                "Linear Units"),
    title="CELU",
    claims=[monotone, differentiable, lower_bound(-1.0), slope_at_zero(1.0)],
    errata=("CELU and ELU agree for alpha = 1 only.",),
    tags=("torch",),
    formula=lambda x, alpha: where(x > 0, x, alpha * expm1(x / alpha)),
)  # fmt: skip
def celu(x, alpha=fixed(1.0, POSITIVE)):
    """ELU rescaled so that its slope at 0 is 1 whatever the depth."""
    u = x / alpha
    return where(x > 0, x, where(u > -1, x + alpha * _expm1_above_line(u), alpha * expm1(u)))


@activation(
    paper=Paper("Klambauer", 2017, arxiv="1706.02515", title="Self-Normalizing Neural Networks"),
    title="SELU",
    claims=[self_normalising, monotone, not_smooth, lower_bound(-1.7581)],
    tags=("torch",),
)
def selu(x):
    """ELU scaled so that zero mean and unit variance are a fixed point of a layer."""
    scale = Fraction("1.0507009873554804934193349852946")
    alpha = Fraction("1.6732632423543772848170429916717")
    return where(x > 0, scale * x, scale * alpha * expm1(x))


@activation(
    paper=Paper("Carlile", 2017, arxiv="1710.09967", title="Improving Deep Learning by Inverse "
                "Square Root Linear Units (ISRLUs)"),
    title="ISRLU",
    aliases=("inverse_square_root_linear_unit",),
    claims=[monotone, differentiable, lower_bound(-1.0), unbounded_above, slope_at_zero(1.0),
            Claim("its second derivative is continuous", lambda facts: facts.smoothness == "C^2")],
    formula=lambda x, alpha: where(x < 0, expr.isru(sqrt(alpha) * x) / sqrt(alpha), x),
)  # fmt: skip
def isrlu(x, alpha=fixed(1.0, POSITIVE)):
    """ELU with a reciprocal square root in place of the exponential."""
    return where(x < 0, isru.body(x, alpha), x)


@activation(
    paper=Paper("Gupta and Duggal", 2017, title="P-TELU: Parametric Tan Hyperbolic Linear Unit "
                "Activation for Deep Neural Networks", venue="ICCV Workshops"),
    title="PTELU",
    claims=[monotone, unbounded_above, zero_at_zero],
    errata=("Differentiable at 0 only where alpha beta = 1.",),
    reconstructed=_SURVEYS_ONLY,
)  # fmt: skip
def ptelu(x, alpha=learnable(1.0, NONNEGATIVE), beta=learnable(1.0, NONNEGATIVE)):
    """Identity to the right, a learned tanh on the left."""
    return where(x > 0, x, alpha * tanh(beta * x))


@activation(
    paper=Paper("Zhang and Li", 2018, arxiv="1807.10117", title="Effectiveness of Scaled "
                "Exponentially-Regularized Linear Units (SERLUs)"),
    title="SERLU",
    claims=[
        not_monotone, not_smooth,
        Claim("keeps zero mean and unit variance to the digits of its constants",
              lambda facts: abs(facts.mean) < 1e-5 and abs(facts.second_moment - 1) < 1e-5),
    ],
    reconstructed="Only the abstract was read; the two constants are confirmed by the moments.",
)  # fmt: skip
def serlu(x):
    """A self-normalising unit with a bump to the left that fades back to zero."""
    scale, alpha = 1.07862, 2.90427
    return where(x > 0, scale * x, scale * alpha * (x * exp(x)))


_BASIRAT = Paper("Basirat and Roth", 2018, arxiv="1808.00783", title="The Quest for the Golden "
                 "Activation Function")  # fmt: skip


@activation(
    paper=_BASIRAT,
    title="ELiSH",
    claims=[differentiable, not_monotone, lower_bound(-0.17157), minimum_at(-0.88137)],
    errata=("The ELiSH of the Echo library returns nothing.",),
    reconstructed=_SURVEYS_ONLY,
)
def elish(x):
    """SiLU to the right, ELU times the sigmoid on the left."""
    return where(x < 0, expm1(x), x) * sigmoid(x)


# The gate is clamped before it is halved, so that its ends are exactly at -1 and 1.
@activation(
    paper=_BASIRAT,
    title="HardELiSH",
    claims=[not_monotone, not_smooth, lower_bound(-0.0996732), minimum_at(-0.442854)],
    errata=("The HardELiSH of the Echo library computes exp(x - 1) for exp(x) - 1.",),
    reconstructed=_SURVEYS_ONLY,
)
def hard_elish(x):
    """ELiSH with a straight-line gate between -1 and 1 in place of the sigmoid."""
    gate = (clamp(x, -1, 1) + 1) / 2
    return where(x < 0, expm1(x), x) * gate


@dataclass(frozen=True)
class _PositiveNotOne(Domain):
    """t = 1 is the limit ELU, where the exponent 1/(1 - t) has a pole."""

    def __contains__(self, value: float) -> bool:
        return value != 1 and Domain.__contains__(self, value)


def _log1p_by_argument(u):
    """Return log1p(u)/u for |u| < 1/4 as 2 atanh(z)/u, z = u/(2 + u), which does not cancel."""
    square, series = (u / (2 + u)) ** 2, 0
    for k in range(9, -1, -1):
        series = series * square + Fraction(1, 2 * k + 1)
    return 2 * series / (2 + u)


# expm1(log1p(u)/(1 - t)) keeps (1 + u)**(1/(1 - t)) - 1 exact near 0, and the series its
# derivative by t; for t < 1 the floor is reached at u = -1.
@activation(
    paper=Paper("Cheng, Li, Wu, Ma and Ngan", 2020, title="Parametric Deformable Exponential "
                "Linear Units for deep neural networks", venue="Neural Networks 125"),
    title="PDELU",
    claims=[monotone, differentiable, lower_bound(-1.0)],
    errata=("The benchmark code of Dubey, Singh and Chaudhuri zeroes the negative half before it "
            "uses it, so that its PDELU is exactly ReLU.",
            "For t < 1 the floor -alpha is reached at x = -1/(1 - t), and the slope is 0 below."),
    reconstructed="The formula and t = 0.9 are those of benchmark code; the authors' Caffe files "
    "use t = 1.5 or 30, and the paper could not be read.",
    formula=lambda x, alpha, t: where(
        x > 0, x, alpha * (exp(log1p(maximum((1 - t) * x, -1)) / (1 - t)) - 1)
    ),
)  # fmt: skip
def pdelu(
    x, alpha=learnable(1.0, NONNEGATIVE),
    t=fixed(0.9, _PositiveNotOne("greater than 0 and not 1", low=0.0)),
):  # fmt: skip
    """ELU with a deformed exponential, which for t < 1 has a floor of finite reach."""
    u = (1 - t) * x
    power = where(absolute(u) < 1 / 4, x * _log1p_by_argument(u), log1p(u) / (1 - t))
    return where(x > 0, x, where(u > -1, alpha * expm1(power), -alpha))


_DUAN = Paper("Duan, Yang and Dai", 2022, arxiv="2111.14349", title="First Power Linear Unit with "
              "Sign", venue="Electronics 11(13):1980",
              doi="10.3390/electronics11131980")  # fmt: skip


@activation(
    paper=_DUAN,
    title="FPLUS",
    aliases=("polylu",),
    claims=[zero_at_zero, monotone, differentiable, unbounded_above, lower_bound(-1.0), _convex],
    errata=("It is the PolyLU of Feng and Yang (2018).",
            "where(x >= 0, x, x/(1 - x)) has a NaN gradient at x = 1 under automatic "
            "differentiation."),
)  # fmt: skip
def fplus(x):
    """Identity to the right, a hyperbola that sinks to -1 on the left."""
    return where(x < 0, softsign(x), x)


# Beyond mu*x = -1 numerator and denominator are divided by x: mu*x may overflow.
@activation(
    paper=_DUAN,
    title="PFPLUS",
    claims=[zero_at_zero, monotone, differentiable, unbounded_above],
    reconstructed="The authors' defaults could not be read (0.2 and 10 in one repository, 1 and "
    "0.1 in another); 1 and 1 give FPLUS.",
    formula=lambda x, lam, mu: where(x < 0, lam / mu * softsign(mu * x), lam * x),
)
def pfplus(x, lam=learnable(1.0, POSITIVE), mu=learnable(1.0, NONNEGATIVE)):
    """FPLUS with a learned slope and a learned depth of the left branch."""
    near, far = lam * x / (1 - mu * x), lam / (1 / x - mu)
    return where(x < 0, where(mu * x > -1, near, far), lam * x)
