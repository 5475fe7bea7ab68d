"""Functions built on softplus, or on e**x inside a saturating gate.

Near the identity from x = 2 or 3 on, like x e**x on the left. Differentiated naively they give
0 * inf for x > 89 in single precision; here every product of that kind lets the zero win.
"""

from actlas import expr
from actlas.catalogue import POSITIVE, Claim, Paper, activation, fixed, learnable
from actlas.catalogue._paper import (
    differentiable, lower_bound, minimum_at, monotone, not_monotone, slope_at_zero, smooth,
    unbounded_above, zero_at_zero,
)  # fmt: skip
from actlas.expr import erf, exp, expm1, hypot1, log, log1p, sqrt, tanh, where

_TANHSOFT = Paper("Biswas, Kumar, Banerjee and Pandey", 2020, arxiv="2009.03863", title="TanhSoft "
                  "- a family of activation functions combining Tanh and Softplus")  # fmt: skip
_TANHSOFT_UNREAD = ("The form and constants are those of secondary lists; of the paper only the "
                    "abstract could be read.")  # fmt: skip
_ERFACT = Paper("Biswas, Kumar, Banerjee and Pandey", 2021, arxiv="2109.04386", title="ErfAct and "
                "Pserf: Non-monotonic Smooth Trainable Activation Functions")  # fmt: skip
_ERFACT_UNREAD = "The initial values are those of secondary lists; the paper could not be read."
_BOUNDED_BELOW = Claim("bounded below", lambda facts: facts.range[0] > float("-inf"))


# softplus(u) = u + softplus(-u): on the right this neither overflows nor cancels in d/dbeta.
@activation(
    paper=Paper("Dugas, Bengio, Bélisle, Nadeau and Garcia", 2001, title="Incorporating "
                "Second-Order Functional Knowledge for Better Option Pricing", venue="NIPS 13"),
    aliases=("smooth_relu",),
    claims=[smooth, monotone, lower_bound(0.0), slope_at_zero(0.5), unbounded_above],
    errata=("PyTorch switches to the identity above beta*x = 20, an error of 2e-9 that double "
            "precision can see; here there is no switch.",),
    tags=("torch",),
    formula=lambda x, beta: expr.softplus(beta * x) / beta,
)  # fmt: skip
def softplus(x, beta=fixed(1.0, POSITIVE)):
    """A smooth rectifier, the integral of the sigmoid."""
    left = expr.softplus(beta * x) / beta
    return where(x > 0, x + expr.softplus(-(beta * x)) / beta, left)


@activation(
    paper=Paper("Misra", 2019, arxiv="1908.08681",
                title="Mish: A Self Regularized Non-Monotonic Activation Function"),
    claims=[lower_bound(-0.31), smooth, not_monotone, unbounded_above, slope_at_zero(0.6)],
    errata=("Its range is sometimes misprinted as [0.31, inf); it starts at -0.3088.",
            "F.mish(-inf) is NaN in PyTorch 2.13; the limit is 0."),
    tags=("torch",),
)  # fmt: skip
def mish(x):
    """Self-gated by the tanh of softplus; the smooth relative of Swish."""
    return x * tanh(expr.softplus(x))


@activation(
    paper=Paper("Liu and Di", 2020, arxiv="2003.09855", title="TanhExp: A Smooth Activation "
                "Function with High Convergence Speed for Lightweight Neural Networks"),
    title="TeLU",
    aliases=("tanhexp", "tanh_exponential_linear_unit"),
    claims=[smooth, not_monotone, unbounded_above, lower_bound(-0.3533), minimum_at(-1.0789),
            slope_at_zero(0.7616)],
    collisions=("TeLU is also x*tanh(ELU(a*x)) in the survey of Kunc and Kléma (here tanh_elu).",),
    errata=("TeLU (Fernandez and Mali 2024, arXiv 2412.20269) is the TanhExp of Liu and Di 2020.",
            "Differentiated naively it is NaN for x > 88.7 in float32 and x > 11.1 in float16.",
            "Its published speed compares unfused Python compositions, not kernels.",
            "Its derivative fades like x e**x on the left, as those of SiLU and Mish do."),
)  # fmt: skip
def telu(x):
    """The input times tanh(e**x), near the identity from x = 2 on."""
    return x * tanh(exp(x))


@activation(
    paper=_TANHSOFT,
    title="TanhSoft1",
    claims=[smooth, not_monotone, zero_at_zero],
    reconstructed=_TANHSOFT_UNREAD,
)
def tanhsoft_1(x, alpha=learnable(0.87)):
    """Softplus times tanh, the member of the TanhSoft family without its exponential."""
    return tanh(alpha * x) * expr.softplus(x)


@activation(
    paper=_TANHSOFT,
    title="TanhSoft2",
    claims=[smooth, not_monotone, zero_at_zero],
    errata=("With beta = gamma = 1 it is TeLU; the paper's abstract uses beta = 0.6, gamma = 1.",),
    reconstructed=_TANHSOFT_UNREAD,
)
def tanhsoft_2(x, beta=learnable(0.75), gamma=learnable(0.75)):
    """TeLU with a learned strength and rate of its exponential."""
    return x * tanh(beta * exp(gamma * x))


# On the right e**x is kept inside the logarithm: log(1 + e**x t) = softplus(x + log t).
@activation(
    paper=_TANHSOFT,
    title="TanhSoft3",
    claims=[smooth, not_monotone, zero_at_zero],
    reconstructed=_TANHSOFT_UNREAD,
    formula=lambda x, delta: log(1 + exp(x) * tanh(delta * x)),
)
def tanhsoft_3(x, delta=learnable(0.85, POSITIVE)):
    """Softplus with a tanh inside its logarithm, which brings it through the origin."""
    right = expr.softplus(x + log(tanh(delta * x)))
    return where(x > 1, right, log1p(exp(x) * tanh(delta * x)))


@activation(
    paper=Paper("Barron", 2021, arxiv="2112.11687", title="Squareplus: A Softplus-Like Algebraic "
                "Rectifier"),
    claims=[smooth, monotone, lower_bound(0.0), unbounded_above, slope_at_zero(0.5)],
    formula=lambda x, b: (x + sqrt(x**2 + b)) / 2,
)  # fmt: skip
def squareplus(x, b=fixed(4.0, POSITIVE)):
    """The algebraic softplus: a hyperbola between zero and the identity."""
    scale = sqrt(b)
    u = x / scale
    right = x + scale / (2 * (hypot1(u) + u))
    return where(x > 0, right, scale / (2 * (hypot1(u) - u)))


@activation(
    paper=Paper("Nag and Bhattacharyya", 2021, arxiv="2108.09598", title="SERF: Towards better "
                "training of deep neural networks using log-Softplus ERror activation Function"),
    claims=[smooth, not_monotone, unbounded_above, lower_bound(-0.348), slope_at_zero(0.673)],
    errata=("The paper's f' = p(x) swish(x) + f(x)/x is 0/0 at x = 0 if coded literally.",
            "Its left tail is 1.128 times that of TeLU, Mish and SiLU."),
)  # fmt: skip
def serf(x):
    """Mish with the error function in place of tanh."""
    return x * erf(expr.softplus(x))


@activation(
    paper=_ERFACT,
    title="ErfAct",
    claims=[smooth, not_monotone, zero_at_zero],
    reconstructed=_ERFACT_UNREAD,
)
def erf_act(x, alpha=learnable(0.75), beta=learnable(0.75)):
    """The input gated by the error function of a learned exponential."""
    return x * erf(alpha * exp(beta * x))


@activation(
    paper=_ERFACT,
    title="Pserf",
    claims=[smooth, not_monotone, zero_at_zero],
    reconstructed=_ERFACT_UNREAD,
)
def pserf(x, gamma=learnable(1.25), delta=learnable(0.85)):
    """Serf with a learned scale inside and outside its softplus."""
    return x * erf(gamma * expr.softplus(delta * x))


# Left: multiplied through by w = e**(x + e**x), which cannot overflow there.
@activation(
    paper=Paper("Vagerwal", 2021, arxiv="2112.12078", title="Deeper Learning with CoLU Activation"),
    title="CoLU",
    aliases=("collapsing_linear_unit",),
    claims=[smooth, not_monotone, unbounded_above, _BOUNDED_BELOW, slope_at_zero(1.0)],
    errata=("Often misquoted as x/(1 - x**-(x + e**x)); the abstract has "
            "x/(1 - x e**-(x + e**x)).",
            "There is no pole: the denominator is at least 0.9397 for x > 0.",
            "Its left tail is -e**x, without the factor x of Swish and Mish."),
    formula=lambda x: x / (1 - x * exp(-(x + exp(x)))),
)  # fmt: skip
def colu(x):
    """A curve that leaves the identity only near and below the origin."""
    w = exp(x + exp(x))
    return where(x < 0, x * w / (w - x), x / (1 - x * exp(-(x + exp(x)))))


@activation(
    paper=Paper("Fernandez and Mali", 2024, arxiv="2412.20269", title="TeLU Activation Function "
                "for Fast and Stable Deep Learning"),
    title="ParametricTeLU",
    collisions=("Written P_TeLU in code that uses it; PTELU is the parametric tanh linear unit.",),
    claims=[smooth, zero_at_zero],
    reconstructed="Known from public code only, without a paper of its own.",
)  # fmt: skip
def parametric_telu(x, a=learnable(1.0), b=learnable(1.0)):
    """TeLU with a learned height and rate."""
    return b * (x * tanh(exp(a * x)))


@activation(
    paper=Paper("Kunc and Kléma", 2024, arxiv="2402.09092", title="Three Decades of Activations: "
                "A Comprehensive Survey of 400 Activation Functions for Neural Networks"),
    title="TanhELU",
    claims=[differentiable, not_monotone, zero_at_zero],
    collisions=("The survey calls it TeLU; the usual TeLU is x*tanh(e**x).",),
    reconstructed="Known from the survey only; the domain and initial value of a are ours.",
    formula=lambda x, a: x * tanh(where(x > 0, a * x, exp(a * x) - 1)),
)  # fmt: skip
def tanh_elu(x, a=learnable(1.0, POSITIVE)):
    """The input gated by the tanh of an ELU: a slope of 1 on the right, -0.76 on the left."""
    return x * tanh(where(x > 0, a * x, expm1(a * x)))
