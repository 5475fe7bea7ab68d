"""Functions gated by a Gaussian (or another) cumulative distribution of their own input.

Their left tails vanish much faster than e**x, which is where naive forms lose every digit:
0.5*x*(1 + erf) is 0 from x = -6 on in single precision, so ncdf and erfc are used throughout.
"""

from actlas.catalogue import POSITIVE, Claim, Paper, activation, choice, fixed, learnable
from actlas.catalogue._paper import (
    lower_bound, minimum_at, not_monotone, not_smooth, slope_at_zero, smooth, unbounded_above,
    zero_at_zero,
)  # fmt: skip
from actlas.expr import erf, erfc, exp, ncdf, pi, sigmoid, sqrt, tanh, where

_HENDRYCKS = Paper("Hendrycks and Gimpel", 2016, arxiv="1606.08415",
                   title="Gaussian Error Linear Units (GELUs)")  # fmt: skip


@activation(
    paper=_HENDRYCKS,
    title="GELU",
    claims=[not_monotone, smooth, unbounded_above, lower_bound(-0.17), minimum_at(-0.752),
            Claim("not convex: it falls and then rises to a line",
                  lambda facts: facts.monotone_intervals[0][2] < 0)],
    errata=("PyTorch's F.gelu is 17 % wrong at -5 in float32, exactly 0 from -6 on, and returns 0 "
            "in float64 from -10 on, where the truth is -7.6e-23.",
            "F.gelu gives NaN at both infinities; the limits are 0 and infinity."),
    tags=("torch",),
)  # fmt: skip
def gelu(x, approximate=choice("none", "tanh")):
    """The input times the probability that a standard normal variable lies below it."""
    return x * ncdf(x) if approximate == "none" else x * sigmoid(_twice_the_cubic(x))


# 0.5 (1 + tanh u) is sigmoid(2u): no cancellation in the left tail.
def _twice_the_cubic(x):
    return 2 * sqrt(2 / pi) * (x + 0.044715 * x**3)


@activation(
    paper=_HENDRYCKS,
    title="GELUTanh",
    aliases=("gelu_new", "gelu_pytorch_tanh", "tanh_gelu"),
    claims=[not_monotone, smooth, lower_bound(-0.17004), slope_at_zero(0.5)],
    errata=("Its largest distance from GELU is 4.73e-4; F.gelu(x, approximate='tanh').",),
)
def gelu_tanh(x):
    """GELU with the normal distribution replaced by a tanh of a cubic."""
    return x * sigmoid(_twice_the_cubic(x))


@activation(
    paper=Paper("Yu and Su", 2019, arxiv="1911.03925",
                title="Symmetrical Gaussian Error Linear Units (SGELUs)"),
    title="SGELU",
    claims=[smooth, not_monotone, lower_bound(0.0),
            Claim("symmetric: both tails rise alike",
                  lambda facts: facts.tails[0].slope == -facts.tails[1].slope)],
    reconstructed="Secondary sources disagree (alpha*x*erf(x/sqrt 2) or x*ncdf(alpha*x)); only the "
                  "first is symmetric as the title says, and alpha = 1 is our choice.",
)  # fmt: skip
def sgelu(x, alpha=fixed(1.0)):
    """The even relative of GELU, gated by the error function itself."""
    return alpha * (x * erf(x / sqrt(2)))


# Written as x P + alpha x (1 - P) with erfc on both sides: exact in both tails for every alpha.
@activation(
    paper=Paper("Biswas, Kumar, Banerjee and Pandey", 2021, arxiv="2111.04682", title="SMU: "
                "smooth activation function for deep networks using smoothing maximum technique"),
    title="SMU",
    claims=[smooth, zero_at_zero, unbounded_above],
    reconstructed="Public code starts at alpha = 0.25, mu = 1e6 or at alpha = 0.01, mu = 2.5; "
                  "the paper itself could not be read, the second pair is used.",
    formula=lambda x, alpha, mu: (
        ((1 + alpha) * x + (1 - alpha) * x * erf(mu * (1 - alpha) * x)) / 2
    ),
)  # fmt: skip
def smu(x, alpha=fixed(0.01), mu=learnable(2.5)):
    """The smooth maximum of x and alpha x made with an error function."""
    gate = mu * ((1 - alpha) * x)
    return x * (erfc(-gate) / 2) + alpha * (x * (erfc(gate) / 2))


@activation(
    paper=Paper("Naveen", 2022, title="Phish: A Novel Hyper-Optimizable Activation Function"),
    claims=[smooth, not_monotone, zero_at_zero, slope_at_zero(0.0)],
    errata=("Its slope at 0 is 0, unlike that of the functions it is compared with.",),
)
def phish(x):
    """The input times the tanh of its GELU."""
    return x * tanh(x * ncdf(x))


@activation(
    paper=Paper("Rajanand and Singh", 2023, arxiv="2306.01822", title="ErfReLU: Adaptive "
                "Activation Function for Deep Neural Network"),
    title="ErfReLU",
    claims=[not_smooth, zero_at_zero, unbounded_above],
    errata=("No alpha near 1 makes it differentiable at 0: the slopes are 2/sqrt(pi) alpha and 1, "
            "equal only for alpha = 0.8862.",),
    reconstructed="The initial value of alpha could not be read; 1 is used.",
)  # fmt: skip
def erf_relu(x, alpha=learnable(1.0, POSITIVE)):
    """A rectifier whose negative side is a learned multiple of the error function."""
    return where(x > 0, x, alpha * erf(x))


@activation(
    paper=Paper("Das, Safari, Adriaensen and Hutter", 2025, arxiv="2502.03654",
                title="Gompertz Linear Units: Leveraging Asymmetry for Enhanced Learning Dynamics"),
    title="GoLU",
    aliases=("gompertz_linear_unit",),
    claims=[smooth, not_monotone, unbounded_above, slope_at_zero(0.37)],
)  # fmt: skip
def golu(x):
    """The input gated by the asymmetric distribution function of Gompertz and Gumbel."""
    return x * exp(-exp(-x))
