"""Tanh and its relatives: odd or nearly odd squashing curves through the origin.

Mostly zero-centred and of slope 1 at 0; the bounded ones saturate on both sides (exponentially or
like a power of x), arcsinh and symlog go on growing like a logarithm.
"""

from actlas import expr
from actlas.catalogue import POSITIVE, UNIT, Claim, Paper, activation, fixed, learnable
from actlas.catalogue._paper import (
    bounded, differentiable, lipschitz, monotone, not_smooth, refuted, slope_at_zero, smooth,
    unbounded_above, zero_at_zero, zero_mean,
)  # fmt: skip
from actlas.expr import absolute, atan, clamp, expm1, log1p, sign, sqrt, where

_SURVEYS_ONLY = "The formula is that of the surveys; the paper's own text could not be read."
_SURVEY = Paper("Kunc and Kléma", 2024, arxiv="2402.09092", title="Three Decades of Activations: "
                "A Comprehensive Survey of 400 Activation Functions for "
                "Neural Networks")  # fmt: skip
_BACKPROP = Paper("LeCun", 1998, title="Efficient BackProp", venue="Neural Networks: Tricks of "
                  "the Trade", doi="10.1007/3-540-49430-8_2")  # fmt: skip


@activation(paper=_SURVEY, title="BipolarSigmoid",
            claims=[bounded, monotone, smooth, zero_mean, slope_at_zero(0.5)])  # fmt: skip
def bipolar_sigmoid(x):
    """The logistic curve stretched to (-1, 1), which is tanh(x/2)."""
    return expr.tanh(x / 2)


@activation(
    paper=_BACKPROP,
    aliases=("tansig",),
    claims=[bounded, monotone, smooth, zero_at_zero, zero_mean, slope_at_zero(1.0)],
    tags=("torch",),
)
def tanh(x):
    """The hyperbolic tangent, the zero-centred sigmoid."""
    return expr.tanh(x)


@activation(
    paper=_BACKPROP,
    title="LeCunTanh",
    aliases=("scaled_tanh",),
    claims=[bounded, smooth, zero_mean],
    errata=("The constants make f(1) = 1 and f(-1) = -1 to five digits; the second moment for "
            "standard normal input is 0.75, not 1.",),
)  # fmt: skip
def lecun_tanh(x):
    """The hyperbolic tangent scaled to pass through (1, 1) and (-1, -1)."""
    return 1.7159 * expr.tanh(2 * (x / 3))


@activation(paper=_SURVEY, title="Arctan", aliases=("atan",),
            claims=[bounded, monotone, smooth, zero_at_zero, slope_at_zero(1.0)])  # fmt: skip
def arctan(x):
    """The arc tangent, whose slope fades like 1/x**2."""
    return atan(x)


@activation(
    paper=Paper("Turian", 2009, title="Quadratic features and deep architectures for chunking",
                venue="NAACL-HLT"),
    title="Softsign",
    claims=[bounded, monotone, differentiable, zero_mean, slope_at_zero(1.0)],
    errata=("F.softsign of plus or minus infinity is NaN in PyTorch; here it is 1 or -1.",),
    tags=("torch",),
)  # fmt: skip
def softsign(x):
    """A tanh without exponentials, whose tails fade like 1/x."""
    return expr.softsign(x)


@activation(
    paper=Paper("Xu, Huang and Li", 2016, arxiv="1602.05980", title="Revise Saturated Activation "
                "Functions"),
    title="PenalizedTanh",
    claims=[bounded, monotone, not_smooth, zero_at_zero],
    errata=("Some lists print tanh(x)/a for the left half, which would steepen it.",),
    reconstructed=_SURVEYS_ONLY,
)  # fmt: skip
def penalized_tanh(x, a=fixed(0.25, UNIT)):
    """A tanh whose negative half is shrunk, the saturating counterpart of leaky ReLU."""
    return where(x > 0, expr.tanh(x), a * expr.tanh(x))


# Each formula stays clear of the overflow of alpha*x*x, and of the cancellation of the quotient
# rule where alpha*x*x is large.
@activation(
    paper=Paper("Carlile", 2017, arxiv="1710.09967", title="Improving Deep Learning by Inverse "
                "Square Root Linear Units (ISRLUs)"),
    title="ISRU",
    aliases=("inverse_square_root_unit",),
    claims=[bounded, monotone, smooth, zero_at_zero, slope_at_zero(1.0)],
    formula=lambda x, alpha: expr.isru(sqrt(alpha) * x) / sqrt(alpha),
)  # fmt: skip
def isru(x, alpha=fixed(1.0, POSITIVE)):
    """A tanh from a reciprocal square root, which processors compute fast."""
    near, far = x / sqrt(1 + alpha * x * x), sign(x) / sqrt(alpha + 1 / x * (1 / x))
    return where(alpha * x * x < 1, near, far)


_VANISHING = "All four constants are positive, so both tails saturate and their slope vanishes."


@activation(
    paper=Paper("Kong and Takatsuka", 2017, title="Hexpo: A vanishing-proof activation function",
                venue="IJCNN"),
    claims=[
        monotone,
        refuted(Claim("its gradient does not vanish", lambda facts: not facts.bounded), _VANISHING),
    ],
    reconstructed=_SURVEYS_ONLY,
)  # fmt: skip
def hexpo(
    x, a=fixed(1.0, POSITIVE), b=fixed(1.0, POSITIVE), c=fixed(1.0, POSITIVE),
    d=fixed(1.0, POSITIVE),
):  # fmt: skip
    """Two saturating exponentials with their own height and width on each side."""
    return where(x > 0, -a * expm1(-x / b), c * expm1(x / d))


@activation(
    paper=Paper("Wuraola and Patel", 2018, title="SQNL: A New Computationally Efficient Activation "
                "Function", venue="IJCNN", doi="10.1109/IJCNN.2018.8489043"),
    title="SQNL",
    aliases=("square_nonlinearity",),
    claims=[bounded, monotone, differentiable, zero_mean, slope_at_zero(1.0)],
    reconstructed=_SURVEYS_ONLY,
)  # fmt: skip
def sqnl(x):
    """A tanh made of two parabolas, exactly flat beyond -2 and 2."""
    u = clamp(x, -2, 2)
    return u - u * absolute(u) / 4


@activation(
    paper=Paper("Paszke", 2019, arxiv="1912.01703", title="PyTorch: An Imperative Style, "
                "High-Performance Deep Learning Library"),
    claims=[monotone, smooth, zero_at_zero, slope_at_zero(0.0), zero_mean],
    tags=("torch",),
)  # fmt: skip
def tanhshrink(x):
    """What tanh takes away from its input: cubic near 0, a shifted identity far out."""
    return expr.tanhshrink(x)


@activation(
    paper=Paper("Jagtap", 2020, arxiv="1906.01170", title="Adaptive activation functions "
                "accelerate convergence in deep and physics-informed neural networks",
                venue="Journal of Computational Physics 404"),
    title="AdaptiveSlopeTanh",
    aliases=("gaaf_tanh", "laaf_tanh", "svaf"),
    claims=[bounded, monotone, smooth, zero_at_zero, slope_at_zero(1.0)],
    errata=("Weight decay pulls n a, the slope, to 0; exclude a from it.",),
)  # fmt: skip
def adaptive_slope_tanh(x, n=fixed(10.0, POSITIVE), a=learnable(0.1)):
    """A tanh with a trained input scale n a, which starts at 1."""
    return expr.tanh(n * a * x)


@activation(
    paper=Paper("Hu", 2021, arxiv="2112.09442", title="Adaptively Customizing Activation "
                "Functions for Various Layers"),
    title="AdaptiveTanh",
    aliases=("atanh_adaptive",),
    claims=[bounded, monotone, smooth],
    errata=("The function in the authors' repository returns a leaky ReLU; the adaptive lines are "
            "commented out.",),
)  # fmt: skip
def adaptive_tanh(x, a=learnable(1.0), b=learnable(1.0), c=learnable(0.0), d=learnable(0.0)):
    """A tanh with learned scales and shifts of its input and its output."""
    return b * expr.tanh(a * x + c) + d


@activation(
    paper=Paper("Hafner", 2023, arxiv="2301.04104", title="Mastering Diverse Domains through "
                "World Models"),
    claims=[monotone, differentiable, unbounded_above, zero_mean, slope_at_zero(1.0)],
    reconstructed="The paper's text could not be read; sign(x) log(1 + |x|) is how it is known.",
)  # fmt: skip
def symlog(x):
    """A logarithm on both sides that leaves small values nearly alone."""
    return where(x < 0, -log1p(-x), log1p(x))


@activation(paper=_SURVEY, title="Arcsinh", aliases=("asinh",),
            claims=[monotone, smooth, unbounded_above, zero_mean, lipschitz(1.0)])  # fmt: skip
def arcsinh(x):
    """The inverse hyperbolic sine: linear near 0, a logarithm far out."""
    return expr.asinh(x)
