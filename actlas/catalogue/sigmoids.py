"""Sigmoids: increasing curves that saturate, between 0 and 1 (logsigmoid: its logarithm).

Bounded and so never explosive, but the slope dies out on both sides, and the mean is not zero.
The tails are kept to full relative accuracy, also where 1 - f(x) would cancel.
"""

from actlas import expr
from actlas.catalogue import POSITIVE, Claim, Paper, activation, fixed, learnable
from actlas.catalogue._paper import (
    bounded, differentiable, lower_bound, monotone, not_monotone, slope_at_zero, smooth,
    upper_bound,
)  # fmt: skip
from actlas.expr import exp, ncdf, rabs, sech2, softplus, softsign, where

_UNIT_RANGE = Claim("takes values between 0 and 1", lambda facts: facts.range == (0.0, 1.0))
_SURVEYS_ONLY = "The formula is that of the surveys; the paper's own text could not be read."
_GOMES = Paper("Gomes and Ludermir", 2008, title="Complementary log-log and probit: activation "
               "functions implemented in artificial neural networks",
               venue="Hybrid Intelligent Systems")  # fmt: skip


@activation(
    paper=Paper("Rumelhart", 1986, title="Learning representations by back-propagating errors",
                venue="Nature 323", doi="10.1038/323533a0"),
    aliases=("logistic",),
    claims=[bounded, _UNIT_RANGE, monotone, smooth, slope_at_zero(0.25)],
    tags=("torch",),
    formula=lambda x: 1 / (1 + exp(-x)),
)  # fmt: skip
def sigmoid(x):
    """The logistic curve, a probability from a log-odds."""
    return expr.sigmoid(x)


# The left half is rabs(x)/2: 1 + softsign(x) would cancel there.
@activation(
    paper=Paper("Elliott", 1993, title="A Better Activation Function for Artificial Neural "
                "Networks", venue="Technical Report ISR TR 93-8, University of Maryland"),
    claims=[bounded, _UNIT_RANGE, monotone, differentiable, slope_at_zero(0.5)],
    errata=("Softsign is 2 elliott(x) - 1; some lists call either of them Elliott.",),
)  # fmt: skip
def elliott(x):
    """A sigmoid without exponentials, whose tails fade like 1/x."""
    return where(x < 0, rabs(x) / 2, (1 + softsign(x)) / 2)


@activation(paper=_GOMES, claims=[bounded, _UNIT_RANGE, monotone, smooth], aliases=("normal_cdf",),
            reconstructed=_SURVEYS_ONLY)  # fmt: skip
def probit(x):
    """The standard normal distribution function as a sigmoid, with Gaussian tails."""
    return ncdf(x)


# s + x*s' and not s*(1 + x*s(-x)): the second derivative then keeps its digits near its zero at 0.
@activation(
    paper=Paper("Elfwing", 2017, arxiv="1702.03118", title="Sigmoid-Weighted Linear Units for "
                "Neural Network Function Approximation in Reinforcement Learning"),
    title="DSiLU",
    claims=[smooth, not_monotone, lower_bound(-0.1), upper_bound(1.1)],
    reconstructed="The paper's text could not be read; this is the derivative of its SiLU.",
    formula=lambda x: expr.sigmoid(x) * (1 + x * expr.sigmoid(-x)),
)  # fmt: skip
def dsilu(x):
    """The derivative of SiLU used as a steeper, overshooting sigmoid."""
    return expr.sigmoid(x) + x * sech2(x / 2) / 4


@activation(
    paper=Paper("Paszke", 2019, arxiv="1912.01703", title="PyTorch: An Imperative Style, "
                "High-Performance Deep Learning Library"),
    title="LogSigmoid",
    claims=[upper_bound(0.0), monotone, smooth, slope_at_zero(0.5)],
    tags=("torch",),
)  # fmt: skip
def logsigmoid(x):
    """The logarithm of the logistic curve: softplus turned round."""
    return -softplus(-x)


@activation(
    paper=Paper("Jagtap", 2020, arxiv="1906.01170", title="Adaptive activation functions "
                "accelerate convergence in deep and physics-informed neural networks",
                venue="Journal of Computational Physics 404"),
    title="AdaptiveSlopeSigmoid",
    aliases=("gaaf_sigmoid", "slope_sigmoid"),
    claims=[bounded, _UNIT_RANGE, monotone, smooth],
)  # fmt: skip
def adaptive_slope_sigmoid(x, n=fixed(10.0, POSITIVE), a=learnable(0.1)):
    """A sigmoid with a trained input scale n a, which starts at 1."""
    return expr.sigmoid(n * a * x)


@activation(
    paper=Paper("Hu", 2021, arxiv="2112.09442", title="Adaptively Customizing Activation "
                "Functions for Various Layers"),
    title="AdaptiveSigmoid",
    aliases=("asigmoid",),
    claims=[bounded, monotone, smooth],
    errata=("The function in the authors' repository returns a leaky ReLU; the adaptive lines are "
            "commented out.",),
)  # fmt: skip
def adaptive_sigmoid(x, a=learnable(1.0), b=learnable(1.0), c=learnable(0.0), d=learnable(0.0)):
    """A sigmoid with learned scales and shifts of its input and its output."""
    return b * expr.sigmoid(a * x + c) + d
