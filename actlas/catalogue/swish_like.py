"""Functions gated by a sigmoid of their own input: x times a smooth (or clipped) switch.

All tend to 0 like x e**x on the left and to a straight line on the right, have one minimum and
therefore are not monotone. The ACON functions are the same gate between two straight lines.
"""

from actlas.catalogue import Claim, Paper, activation, fixed, learnable
from actlas.catalogue._paper import (
    lipschitz, lower_bound, minimum_at, not_monotone, not_smooth, slope_at_zero,
    smooth, unbounded_above, zero_at_zero,
)  # fmt: skip
from actlas.expr import clamp, log1p, sigmoid, sin, tanh

_ACON = Paper("Ma, Zhang, Liu and Sun", 2021, arxiv="2009.04759",
              title="Activate or Not: Learning Customized Activation")  # fmt: skip


@activation(
    paper=Paper("Elfwing", 2018, arxiv="1702.03118", title="Sigmoid-Weighted Linear Units for "
                "Neural Network Function Approximation in Reinforcement Learning"),
    title="SiLU",
    aliases=("sil", "swish_1"),
    claims=[lower_bound(-0.28), minimum_at(-1.28), smooth, not_monotone, unbounded_above],
    collisions=("SiLU is Swish with beta = 1, proposed twice under the two names.",),
    errata=("F.silu(-inf) is NaN in PyTorch 2.13; the limit is 0.",),
    tags=("torch",),
)  # fmt: skip
def silu(x):
    """The input times its own sigmoid."""
    return x * sigmoid(x)


@activation(
    paper=Paper("Hendrycks and Gimpel", 2016, arxiv="1606.08415",
                title="Gaussian Error Linear Units (GELUs)"),
    title="QuickGELU",
    aliases=("gelu_sigmoid",),
    claims=[smooth, not_monotone,
            Claim("close to GELU: its minimum is within 0.01 of GELU's -0.16997",
                  lambda facts: abs(facts.minimum.value + 0.16997) < 0.01)],
    errata=("It differs from GELU by up to 0.0203 and is not a drop-in for pretrained weights.",),
)  # fmt: skip
def quick_gelu(x, k=fixed(1.702)):
    """The sigmoid approximation of GELU: a Swish whose gate is sharpened by 1.702."""
    return x * sigmoid(k * x)


@activation(
    paper=Paper("Ramachandran, Zoph and Le", 2017, arxiv="1710.05941",
                title="Searching for Activation Functions"),
    claims=[smooth, not_monotone, unbounded_above, zero_at_zero, slope_at_zero(0.5),
            Claim("bounded below", lambda facts: facts.range[0] > float("-inf"))],
    errata=("The benchmark of Dubey et al. starts its trainable Swish at beta = 0.25, not at 1.",
            "Only the depth of the minimum depends on beta; f' stays within [-0.0998, 1.0998]."),
)  # fmt: skip
def swish(x, beta=learnable(1.0)):
    """The sigmoid-gated input with a learned sharpness, found by an automated search."""
    return x * sigmoid(beta * x)


@activation(
    paper=Paper("Alcaide", 2018, arxiv="1801.07145", title="E-swish: Adjusting Activations to "
                "Different Network Depths"),
    title="ESwish",
    claims=[smooth, not_monotone, unbounded_above],
    errata=("The paper recommends 1 <= beta <= 2 and has no single default; 1.5 is the middle.",),
)  # fmt: skip
def eswish(x, beta=fixed(1.5)):
    """Swish scaled from outside, which makes the slope steeper than that of the identity."""
    return beta * (x * sigmoid(x))


# x * (clamp / 6), not (x * clamp) / 6, which overflows for the largest numbers of a format.
@activation(
    paper=Paper("Howard", 2019, arxiv="1905.02244", title="Searching for MobileNetV3"),
    title="Hardswish",
    aliases=("h_swish",),
    claims=[lower_bound(-0.375), minimum_at(-1.5), not_smooth, not_monotone],
    errata=("The shift stands inside ReLU6: x * ReLU6(x + 3) / 6.",
            "F.hardswish(-inf) is NaN in PyTorch 2.13; the limit is 0."),
    tags=("torch",),
    formula=lambda x: x * clamp(x + 3, 0, 6) / 6,
)  # fmt: skip
def hard_swish(x):
    """Swish with the piecewise linear sigmoid of ReLU6, cheap on mobile hardware."""
    return x * (clamp(x + 3, 0, 6) / 6)


@activation(
    paper=Paper("Misra", 2019, title="H-Mish", url="https://github.com/digantamisra98/H-Mish"),
    title="HardMish",
    aliases=("h_mish",),
    claims=[lower_bound(-0.5), minimum_at(-1.0), not_smooth, not_monotone],
    formula=lambda x: x / 2 * clamp(x + 2, 0, 2),
)
def hard_mish(x):
    """A clipped parabola between zero and the identity that stands in for Mish."""
    return x * (clamp(x + 2, 0, 2) / 2)


@activation(
    paper=_ACON,
    title="AconA",
    claims=[smooth, not_monotone, zero_at_zero],
    collisions=("ACON-A is Swish derived as the smooth maximum of x and 0.",),
)
def acon_a(x, beta=learnable(1.0)):
    """The smooth maximum of the input and zero."""
    return x * sigmoid(beta * x)


def _between_two_lines(x, p1, p2, beta):
    """Return p1 x s + p2 x (1 - s): both ends keep their digits whichever line wins."""
    gate = beta * ((p1 - p2) * x)
    return (p1 * x) * sigmoid(gate) + (p2 * x) * sigmoid(-gate)


@activation(
    paper=_ACON,
    title="AconB",
    claims=[smooth, zero_at_zero],
    reconstructed="The initial value p = 0.25, that of PReLU, could not be read in the paper.",
    formula=lambda x, p, beta: (1 - p) * x * sigmoid(beta * (1 - p) * x) + p * x,
)
def acon_b(x, p=learnable(0.25), beta=learnable(1.0)):
    """The smooth maximum of the input and a learned multiple of it, the soft form of PReLU."""
    return _between_two_lines(x, 1, p, beta)


@activation(
    paper=_ACON,
    title="AconC",
    claims=[smooth, zero_at_zero, slope_at_zero(0.5), lipschitz(1.0998)],
    errata=("The official code draws p1 and p2 from N(0, 1), so that units may start as "
            "decreasing functions; p1 = 1, p2 = 0 starts every unit as Swish.",
            "Meta-ACON's beta lies in (0, 1): it can make the unit linear but never sharper "
            "than SiLU."),
    formula=lambda x, p1, p2, beta: (p1 - p2) * x * sigmoid(beta * (p1 - p2) * x) + p2 * x,
)  # fmt: skip
def acon_c(x, p1=learnable(1.0), p2=learnable(0.0), beta=learnable(1.0)):
    """The smooth maximum of two learned lines; beta switches between maximum, mean and minimum."""
    return _between_two_lines(x, p1, p2, beta)


# log1p of the sigmoid: log(1 + s) is 0 in single precision from x = -17 on.
@activation(
    paper=Paper("Zhu", 2021, title="Logish: A new nonlinear nonmonotonic activation function for "
                "convolutional neural network", venue="Neurocomputing 458"),
    claims=[lower_bound(-0.2528), smooth, not_monotone, slope_at_zero(0.4055),
            Claim("the slope tends to ln 2 on the right, not to 1",
                  lambda facts: abs(facts.tails[1].slope - 0.6931472) < 1e-6)],
    errata=("beta = 10 is used by a variant called pLogish; the paper's comparison uses 1.",
            "Computed as log(1 + s) it is 17 % wrong at -15 in single precision."),
)  # fmt: skip
def logish(x, alpha=fixed(1.0), beta=fixed(1.0)):
    """The input gated by the logarithm of one plus its sigmoid."""
    return alpha * (x * log1p(sigmoid(beta * x)))


@activation(
    paper=Paper("Wang, Ren and Wang", 2022, title="Smish: A Novel Activation Function for Deep "
                "Learning Methods", venue="Electronics 11(4), 540",
                doi="10.3390/electronics11040540"),
    claims=[lower_bound(-0.25), smooth, not_monotone, slope_at_zero(0.3846),
            Claim("the slope tends to tanh(ln 2) = 0.6 on the right, not to 1",
                  lambda facts: abs(facts.tails[1].slope - 0.6) < 1e-9)],
)  # fmt: skip
def smish(x, alpha=fixed(1.0), beta=fixed(1.0)):
    """Logish with a further tanh around the logarithm."""
    return alpha * (x * tanh(log1p(sigmoid(beta * x))))


@activation(
    paper=Paper("Paul, Bandyopadhyay, Yusuf and Ansari", 2022, title="SinLU: Sinu-Sigmoidal "
                "Linear Unit", venue="Mathematics 10(3), 337", doi="10.3390/math10030337"),
    title="SinLU",
    claims=[smooth, slope_at_zero(1.0), not_monotone],
)  # fmt: skip
def sinlu(x, a=learnable(1.0), b=learnable(1.0)):
    """SiLU with a learned sine wave riding on the line before it is gated."""
    return (x + a * sin(b * x)) * sigmoid(x)
