"""Piecewise linear functions with more than one hinge: clips, shrinkages, learned hinges.

Exact in every format and cheap; the slope jumps at each hinge, where PyTorch's value is taken.
Ends of intervals are not checked against each other: lower must be left of upper.
"""

from actlas.catalogue import (
    NONNEGATIVE, POSITIVE, UNIT, Claim, Paper, activation, fixed, learnable,
)  # fmt: skip
from actlas.catalogue._paper import (
    bounded, lipschitz, lower_bound, monotone, not_smooth, slope_at_zero, smooth, upper_bound,
    zero_at_zero,
)  # fmt: skip
from actlas.errors import ActlasError
from actlas.expr import clamp, maximum, minimum, where

_PYTORCH = Paper("Paszke", 2019, arxiv="1912.01703", title="PyTorch: An Imperative Style, "
                 "High-Performance Deep Learning Library")  # fmt: skip


def _paired(entry, first, second, what):
    """Return pairs of two vectors; ActlasError if they have not the same length."""
    if len(first) != len(second):
        raise ActlasError(
            f"{entry}: {what} must have the same length, got {len(first)} and {len(second)}"
        )
    return zip(first, second, strict=True)


@activation(
    paper=Paper("Kunc and Kléma", 2024, arxiv="2402.09092", title="Three Decades of Activations: "
                "A Comprehensive Survey of 400 Activation Functions for Neural Networks"),
    aliases=("linear",),
    claims=[smooth, monotone, zero_at_zero, lipschitz(1.0)],
    tags=("torch",),
)  # fmt: skip
def identity(x):
    """Leaves its input alone."""
    return x


# where and not x*(|x| > lambd): at the jump the derivative is 0, as PyTorch has it.
@activation(
    paper=Paper("Donoho and Johnstone", 1994, title="Ideal spatial adaptation by wavelet "
                "shrinkage", venue="Biometrika 81", doi="10.1093/biomet/81.3.425"),
    title="Hardshrink",
    aliases=("hard_shrinkage",),
    claims=[Claim("jumps at lambd", lambda facts: facts.smoothness == "discontinuous")],
    tags=("torch",),
)  # fmt: skip
def hardshrink(x, lambd=fixed(0.5, NONNEGATIVE)):
    """Keeps what is larger than a threshold and drops the rest."""
    return where(x > lambd, x, where(x < -lambd, x, 0))


@activation(
    paper=Paper("Donoho", 1995, title="De-noising by soft-thresholding",
                venue="IEEE Transactions on Information Theory 41", doi="10.1109/18.382009"),
    title="Softshrink",
    aliases=("soft_shrinkage", "soft_threshold"),
    claims=[not_smooth, monotone, lipschitz(1.0)],
    tags=("torch",),
)  # fmt: skip
def softshrink(x, lambd=fixed(0.5, NONNEGATIVE)):
    """Moves its input towards zero by a threshold and stops there."""
    return where(x > lambd, x - lambd, where(x < -lambd, x + lambd, 0))


@activation(
    paper=Paper("Collobert", 2004, title="Large Scale Machine Learning",
                venue="PhD thesis, Université Paris VI"),
    title="Hardtanh",
    claims=[bounded, monotone, not_smooth, lower_bound(-1.0), upper_bound(1.0)],
    tags=("torch",),
)  # fmt: skip
def hardtanh(x, min_val=fixed(-1.0), max_val=fixed(1.0)):
    """Clips its input to an interval: the straight-line tanh."""
    return clamp(x, min_val, max_val)


@activation(
    paper=Paper("Agostinelli", 2014, arxiv="1412.6830", title="Learning Activation Functions to "
                "Improve Deep Neural Networks"),
    title="APL",
    aliases=("adaptive_piecewise_linear",),
    claims=[not_smooth],
    errata=("The authors draw a from a uniform and b from a normal distribution; the defaults here "
            "are fixed values, so that a start can be repeated.",),
)  # fmt: skip
def apl(x, a=learnable((0.25,)), b=learnable((0.5,))):
    """A rectifier plus learned hinge functions that shape the left side."""
    hinges = [weight * maximum(place - x, 0) for weight, place in _paired("apl", a, b, "a and b")]
    return sum(hinges, maximum(x, 0))


@activation(
    paper=Paper("Jin", 2015, arxiv="1512.07030", title="Deep Learning with S-shaped Rectified "
                "Linear Activation Units"),
    title="SReLU",
    aliases=("s_shaped_relu",),
    claims=[not_smooth],
    collisions=("SReLU is also the shifted ReLU of the ELU paper (shifted_relu).",),
    reconstructed="The initial values depend on the data in the paper, whose text could not be "
    "read; the defaults here are one S-shaped example.",
)  # fmt: skip
def srelu(x, tl=learnable(-1.0), al=learnable(0.2), tr=learnable(2.0), ar=learnable(0.4)):
    """Identity between two learned thresholds, learned slopes outside."""
    return where(x > tr, tr + ar * (x - tr), where(x > tl, x, tl + al * (x - tl)))


# The hinge is clamped before the division, so that both ends are exactly at +-5/2.
@activation(
    paper=Paper("Theano Development Team", 2016, arxiv="1605.02688", title="Theano: A Python "
                "framework for fast computation of mathematical expressions"),
    title="HardSigmoidKeras2",
    aliases=("hard_sigmoid_theano", "hard_sigmoid_onnx"),
    claims=[bounded, monotone, not_smooth, slope_at_zero(0.2)],
    collisions=("Two hard sigmoids are in use: 0.2 x + 0.5 (Theano, Keras 2, the ONNX default) "
                "and x/6 + 1/2 (hard_sigmoid); BinaryConnect has a third, (x + 1)/2.",),
    formula=lambda x: clamp(0.2 * x + 0.5, 0, 1),
)  # fmt: skip
def hard_sigmoid_keras2(x):
    """The straight-line sigmoid of slope 1/5 that ported Keras 2 recurrent networks need."""
    return (clamp(x, -2.5, 2.5) + 2.5) / 5


@activation(
    paper=Paper("Nicolae", 2018, arxiv="1809.09534", title="PLU: The Piecewise Linear Unit "
                "Activation Function"),
    title="PLU",
    claims=[not_smooth, monotone, zero_at_zero, lipschitz(1.0)],
    collisions=("PLU names at least one other function, a learned multi-segment unit.",),
    reconstructed="The formula and defaults are those of the surveys; only the abstract was read.",
)  # fmt: skip
def plu(x, alpha=fixed(0.1, UNIT), c=fixed(1.0, POSITIVE)):
    """A hard tanh whose flat ends keep a slope, a hybrid of tanh and ReLU."""
    return maximum(alpha * (x + c) - c, minimum(alpha * (x - c) + c, x))


# Clamped before the division, so that the kinks are exactly at +-3 where PyTorch has slope 0.
@activation(
    paper=Paper("Howard", 2019, arxiv="1905.02244", title="Searching for MobileNetV3"),
    title="Hardsigmoid",
    aliases=("h_sigmoid",),
    claims=[bounded, monotone, not_smooth, lower_bound(0.0), upper_bound(1.0)],
    collisions=("Keras 2, Theano and ONNX call 0.2 x + 0.5 hard sigmoid (hard_sigmoid_keras2); "
                "a ported LSTM must say which one it means.",),
    errata=("The shift stands inside: ReLU6(x + 3)/6.",
            "The float64 gradient of F.hardsigmoid is only as exact as float32: 0.16666667163."),
    tags=("torch",),
    formula=lambda x: minimum(maximum(x + 3, 0), 6) / 6,
)  # fmt: skip
def hard_sigmoid(x):
    """The straight-line sigmoid of slope 1/6 of PyTorch, MobileNetV3 and Keras 3."""
    return (clamp(x, -3, 3) + 3) / 6


@activation(paper=_PYTORCH, title="Threshold", tags=("torch",))
def threshold(x, threshold=fixed(0.0), value=fixed(0.5)):
    """Replaces everything up to a threshold by one value; PyTorch itself has no defaults."""
    return where(x > threshold, x, value)


_LISA = Paper("Bawa and Kumar", 2019, title="Linearized sigmoidal activation: A novel activation "
              "function with tractable non-linear characteristics to boost representation "
              "capability", venue="Expert Systems with Applications 120")  # fmt: skip
_LISA_UNREAD = "The paper's text and initial values could not be read; the formula is from memory."


def _lisa(x, ar, al):
    """Continue the identity of [0, 1] by slope ar above and al below."""
    return where(x > 1, 1 + ar * (x - 1), where(x > 0, x, al * x))


@activation(paper=_LISA, title="LiSA", claims=[not_smooth, monotone], reconstructed=_LISA_UNREAD)
def lisa(x, ar=fixed(0.5, NONNEGATIVE), al=fixed(0.1, NONNEGATIVE)):
    """Identity between 0 and 1 with smaller fixed slopes outside."""
    return _lisa(x, ar, al)


@activation(paper=_LISA, title="ALiSA", aliases=("adaptive_lisa",), claims=[not_smooth, monotone],
            reconstructed=_LISA_UNREAD)  # fmt: skip
def alisa(x, ar=learnable(0.5), al=learnable(0.1)):
    """LiSA with both outer slopes learned."""
    return _lisa(x, ar, al)


_SPLASH_HINGES = (0, 1, 2, 2.5)


@activation(
    paper=Paper("Tavakoli", 2020, arxiv="2006.08947", title="SPLASH: Learnable Activation "
                "Functions for Improving Accuracy and Adversarial Robustness"),
    title="SPLASH",
    claims=[not_smooth],
    reconstructed="Hinge places and the ReLU start are from memory; the paper could not be read.",
)  # fmt: skip
def splash(x, a_plus=learnable((1.0, 0.0, 0.0, 0.0)), a_minus=learnable((0.0, 0.0, 0.0, 0.0))):
    """A sum of learned slopes beyond fixed hinges at 0, 1, 2 and 2.5 on both sides."""
    right = _paired("splash", a_plus, _SPLASH_HINGES, "a_plus and the hinges")
    left = _paired("splash", a_minus, _SPLASH_HINGES, "a_minus and the hinges")
    terms = [a * maximum(x - b, 0) for a, b in right]
    return sum((a * maximum(-x - b, 0) for a, b in left), sum(terms[1:], terms[0]))
