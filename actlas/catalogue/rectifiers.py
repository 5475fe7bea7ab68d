"""Rectifiers: identity (or a power of it) to the right, zero or a small slope to the left.

Cheap, not differentiable at the hinge, and blind to what lies left of it unless a slope leaks.
The value of the derivative at the hinge is PyTorch's.
"""

from actlas.catalogue import (
    NONNEGATIVE, POSITIVE, UNIT, Claim, Paper, activation, between, fixed, learnable,
)  # fmt: skip
from actlas.catalogue._paper import (
    bounded, differentiable, lipschitz, lower_bound, monotone, not_monotone, not_smooth,
    unbounded_above, upper_bound, zero_at_zero,
)  # fmt: skip
from actlas.expr import absolute, log, log1p, maximum, minimum, powr, where

_SURVEYS_ONLY = "The formula is that of the surveys; the paper's own text could not be read."
_JAGTAP = Paper("Jagtap", 2020, arxiv="1906.01170", title="Adaptive activation functions "
                "accelerate convergence in deep and physics-informed neural networks",
                venue="Journal of Computational Physics 404")  # fmt: skip
_LIEW = Paper("Liew", 2016, title="Bounded activation functions for enhanced training stability "
              "of deep neural networks on visual pattern recognition problems",
              venue="Neurocomputing 216")  # fmt: skip


@activation(
    paper=Paper("Nair and Hinton", 2010, title="Rectified Linear Units Improve Restricted "
                "Boltzmann Machines", venue="ICML"),
    title="ReLU",
    aliases=("rectifier",),
    claims=[not_smooth, monotone, lower_bound(0.0), unbounded_above],
    errata=("PyTorch takes 0 as the derivative at 0, torch.maximum(x, 0) takes 1/2 and "
            "torch.clamp(x, min=0) takes 1; only the first is F.relu.",),
    tags=("torch",),
)  # fmt: skip
def relu(x):
    """Passes what is positive and stops the rest."""
    return maximum(x, 0)


@activation(
    paper=Paper("Krizhevsky", 2010, title="Convolutional Deep Belief Networks on CIFAR-10"),
    title="ReLU6",
    claims=[bounded, lower_bound(0.0), upper_bound(6.0), not_smooth],
    tags=("torch",),
)
def relu6(x):
    """A rectifier capped at 6, the basis of the hard sigmoid and hard swish."""
    return minimum(maximum(x, 0), 6)


@activation(
    paper=Paper("Maas", 2013, title="Rectifier Nonlinearities Improve Neural Network Acoustic "
                "Models", venue="ICML Workshop"),
    title="LeakyReLU",
    aliases=("lrelu",),
    claims=[not_smooth, monotone, zero_at_zero],
    errata=("The default slope differs between frameworks: 0.01 in PyTorch, 0.3 in Keras 2.",),
    tags=("torch",),
)  # fmt: skip
def leaky_relu(x, negative_slope=fixed(0.01)):
    """Lets a small constant slope through on the left, so that no unit dies."""
    return where(x > 0, x, negative_slope * x)


@activation(
    paper=Paper("Konda, Memisevic and Krueger", 2014, arxiv="1402.3337", title="Zero-bias "
                "autoencoders and the benefits of co-adapting features"),
    title="ThresholdedReLU",
    aliases=("trec",),
    claims=[Claim("jumps at its threshold", lambda facts: facts.smoothness == "discontinuous")],
)  # fmt: skip
def thresholded_relu(x, theta=fixed(1.0, NONNEGATIVE)):
    """Passes the input unchanged above a threshold and nothing below it."""
    return where(x > theta, x, 0)


@activation(
    paper=Paper("He", 2015, arxiv="1502.01852", title="Delving Deep into Rectifiers: Surpassing "
                "Human-Level Performance on ImageNet Classification"),
    title="PReLU",
    claims=[not_smooth, zero_at_zero],
    errata=("PyTorch starts at a = 0.25 as the paper does, Keras at 0, which is a plain ReLU.",
            "The paper trains a without weight decay, which would pull it back to ReLU."),
    tags=("torch",),
)  # fmt: skip
def prelu(x, a=learnable(0.25, stored_as="weight")):
    """A leaky rectifier whose left slope is learned, per layer or per channel."""
    return where(x > 0, x, a * x)


_RRELU = Paper("Xu", 2015, arxiv="1505.00853", title="Empirical Evaluation of Rectified "
               "Activations in Convolutional Network")  # fmt: skip
_RRELU_ERRATUM = (
    "The slope is drawn uniformly, not from a Gaussian N(3, 8) as is sometimes repeated.",
    "Three slopes pass for the mean one: 0.2292 (PyTorch), 0.1818 (the paper's test rule "
    "x/5.5) and 0.1962 (the true mean of 1/U(3, 8)).",
)


@activation(paper=_RRELU, title="RReLUEval", claims=[not_smooth, monotone], errata=_RRELU_ERRATUM)
def rrelu_eval(x, lower=fixed(1 / 8, NONNEGATIVE), upper=fixed(1 / 3, NONNEGATIVE)):
    """RReLU as PyTorch evaluates it: the left slope is the middle of the training interval."""
    return where(x > 0, x, (lower + upper) / 2 * x)


@activation(paper=_RRELU, title="RReLUEvalPaper", claims=[not_smooth, monotone],
            errata=_RRELU_ERRATUM)  # fmt: skip
def rrelu_eval_paper(x, l=fixed(3.0, POSITIVE), u=fixed(8.0, POSITIVE)):  # noqa: E741
    """RReLU as its paper tests it: negative inputs are divided by the middle of U(l, u)."""
    return where(x > 0, x, x / ((l + u) / 2))


@activation(
    paper=Paper("Clevert", 2016, arxiv="1511.07289", title="Fast and Accurate Deep Network "
                "Learning by Exponential Linear Units (ELUs)"),
    title="ShiftedReLU",
    claims=[not_smooth, monotone, lower_bound(-1.0)],
    collisions=("The paper writes SReLU, which usually means the S-shaped ReLU (srelu).",),
    reconstructed=_SURVEYS_ONLY,
)  # fmt: skip
def shifted_relu(x):
    """A rectifier with its hinge at (-1, -1): the piecewise linear comparison partner of ELU."""
    return maximum(x, -1)


@activation(paper=_LIEW, title="BoundedReLU", aliases=("brelu", "relun"), claims=[bounded],
            reconstructed=_SURVEYS_ONLY)  # fmt: skip
def bounded_relu(x, cap=fixed(1.0, POSITIVE)):
    """A rectifier that stops growing at a cap; ReLU6 is the case of cap 6."""
    return minimum(maximum(x, 0), cap)


@activation(paper=_LIEW, title="BoundedLeakyReLU", claims=[not_smooth],
            reconstructed=_SURVEYS_ONLY)  # fmt: skip
def bounded_leaky_relu(x, a=fixed(0.01, UNIT), cap=fixed(1.0, POSITIVE)):
    """Identity between 0 and a cap, a small slope on both sides of it."""
    return where(x > 0, where(x > cap, cap + a * (x - cap), x), a * x)


@activation(
    paper=Paper("Qiu, Xu and Cai", 2017, arxiv="1706.08098", title="FReLU: Flexible Rectified "
                "Linear Units for Improving Convolutional Neural Networks"),
    title="FlexibleReLU",
    claims=[not_smooth, monotone],
    collisions=("FReLU is also the funnel activation of Ma, Zhang and Sun (2020), "
                "which is a convolution and not element-wise.",),
    reconstructed="The initial value of b could not be read; 0 starts from ReLU.",
)  # fmt: skip
def flexible_relu(x, b=learnable(0.0)):
    """A rectifier with a learned shift of its output, so that it can become negative."""
    return maximum(x, 0) + b


@activation(
    paper=Paper("Macêdo", 2019, title="Enhancing batch normalized convolutional networks using "
                "displaced rectifier linear units: A systematic comparative study",
                venue="Expert Systems with Applications"),
    title="DReLU",
    aliases=("displaced_relu",),
    claims=[not_smooth, monotone, lower_bound(-0.05)],
    collisions=("DReLU also stands for the dual rectified linear unit, a function of two inputs.",),
    reconstructed=_SURVEYS_ONLY,
)  # fmt: skip
def drelu(x, delta=fixed(0.05, NONNEGATIVE)):
    """A rectifier whose hinge lies a little down the diagonal, for use behind a normalisation."""
    return maximum(x, -delta)


@activation(
    paper=Paper("Li, Tang and Yu", 2019, arxiv="1903.05858", title="Better Approximations of High "
                "Dimensional Smooth Functions by Deep Neural Networks with Rectified Power Units"),
    title="RePU",
    aliases=("rectified_power_unit",),
    claims=[differentiable, monotone, lower_bound(0.0)],
    reconstructed="Only the abstract could be read; p = 3 is a choice among the powers it allows.",
)  # fmt: skip
def repu(x, p=fixed(3.0, between(1, 20))):
    """A power of the rectifier: smoother at the hinge, steeper far from it."""
    return powr(maximum(x, 0), p)


# beta*x may overflow where its logarithm is small: log(x) + log(beta + 1/x) from beta*x = 1 on.
@activation(
    paper=Paper("Liu", 2019, arxiv="1908.03682", title="Natural-Logarithm-Rectified Activation "
                "Function in Convolutional Neural Networks"),
    title="NLReLU",
    claims=[not_smooth, monotone, lower_bound(0.0), unbounded_above],
    formula=lambda x, beta: log(beta * maximum(x, 0) + 1),
)  # fmt: skip
def nlrelu(x, beta=fixed(1.0, POSITIVE)):
    """The logarithm of a rectifier, which damps large activations."""
    far = log(x) + log(beta + 1 / x)
    return where(x > 0, where(beta * x > 1, far, log1p(beta * x)), 0)


@activation(
    paper=_JAGTAP,
    title="AdaptiveSlopeReLU",
    aliases=("gaaf_relu",),
    claims=[not_smooth, monotone],
)
def adaptive_slope_relu(x, n=fixed(10.0, POSITIVE), a=learnable(0.1)):
    """A rectifier with a trained input scale n a, which starts at 1."""
    return maximum(n * a * x, 0)


@activation(
    paper=Paper("So", 2021, arxiv="2109.08668", title="Primer: Searching for Efficient "
                "Transformers for Language Modeling"),
    title="SquaredReLU",
    aliases=("relu2", "relu_squared"),
    claims=[differentiable, monotone, lower_bound(0.0)],
)  # fmt: skip
def squared_relu(x):
    """The square of a rectifier, found by search to suit language models."""
    return maximum(x, 0) ** 2


# Ties go to b*x + d, so that the start a=1, b=c=d=0 is ReLU with derivative 0 at 0.
@activation(
    paper=Paper("Hu", 2021, arxiv="2112.09442", title="Adaptively Customizing Activation "
                "Functions for Various Layers"),
    title="AdaptiveReLU",
    claims=[not_smooth],
    collisions=("AReLU is the authors' short name and also that of the attention-based rectified "
                "linear unit (Chen 2020).",),
    errata=("The authors start at a = b = 1, c = d = 0, an exact tie: PyTorch splits the gradient "
            "of a tie evenly, so the unit would stay linear for ever; here it starts as ReLU.",
            "The function in the authors' repository returns a leaky ReLU; the adaptive lines are "
            "commented out."),
)  # fmt: skip
def adaptive_relu(x, a=learnable(1.0), b=learnable(0.0), c=learnable(0.0), d=learnable(0.0)):
    """The larger of two learned lines."""
    return maximum(a * x + c, b * x + d)


@activation(
    paper=Paper("Yu", 2022, arxiv="2210.13452", title="MetaFormer Baselines for Vision"),
    title="StarReLU",
    claims=[
        Claim("zero mean and unit variance for standard normal input",
              lambda facts: abs(facts.mean) < 1e-4 and abs(facts.second_moment - 1) < 1e-3),
    ],
    errata=("The authors' code starts at s = 1, b = 0, a squared ReLU; the figures that give zero "
            "mean and unit variance stand in a comment.",),
)  # fmt: skip
def star_relu(x, s=learnable(0.8944), b=learnable(-0.4472)):
    """A squared rectifier, scaled and shifted to zero mean and unit variance."""
    return s * maximum(x, 0) * maximum(x, 0) + b


@activation(
    paper=Paper("Vallés-Pérez", 2023, arxiv="2301.05993", title="Empirical study of the modulus "
                "as activation function in computer vision applications"),
    title="Modulus",
    aliases=("abs", "absolute_value"),
    claims=[
        not_monotone,
        lipschitz(1.0),
        Claim("the slope is always 1 or -1",
              lambda facts: abs(facts.derivative_second_moment - 1) < 1e-9),
    ],
    errata=("At 0 the derivative is 0, as in PyTorch.",),
)  # fmt: skip
def modulus(x):
    """The absolute value: a rectifier that keeps both halves."""
    return absolute(x)
