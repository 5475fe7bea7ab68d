"""Logical operators on two log-odds: and, or, xnor, exactly and in piecewise linear form.

Inputs and output are logits: and_il(x, y) is the log-odds that two independent events with
log-odds x and y both happen. The AIL forms are their piecewise linear approximations, the NAIL
forms those scaled to mean 0 and variance 1 for standard normal inputs.
"""

from actlas.catalogue import Paper, activation
from actlas.expr import (
    absolute, log1p, logaddexp, minimum, pi, sign, softplus, sqrt, tanh, where,
)  # fmt: skip

_LOWE = Paper("Lowe, Earle, d'Eon, Trappenberg and Oore", 2022, arxiv="2110.11940", title="Logical "
              "Activation Functions: Logit-space equivalents of Probabilistic Boolean "
              "Operators", venue="NeurIPS")  # fmt: skip
_CLAMP_ERRATUM = (
    "The official exact operators clamp probabilities at 1e-7: they saturate at 16.118, with "
    "zero gradient beyond.",
)
_SIGN_ERRATUM = (
    "The official code takes the sign without gradient: at an exact 0 all gradients are 0.",
)


def _ordered(x_first, x, y):
    """Return x and y, or y and x: an operator that is smooth needs no rule for ties."""
    return where(x_first, x, y), where(x_first, y, x)


# -log(e**-x + e**-y + e**-(x + y)) with the smaller input in front. Three terms side by side
# would lose y in x + y for large x, and with it the slope towards y.
@activation(
    paper=_LOWE,
    title="AndIL",
    errata=_CLAMP_ERRATUM,
    formula=lambda x, y: -logaddexp(logaddexp(-x, -y), -x - y),
)
def and_il(x, y):
    """The log-odds of "both", for independent events."""
    small, large = _ordered(x < y, x, y)
    return small - softplus(softplus(small) - large)


@activation(
    paper=_LOWE,
    title="OrIL",
    errata=_CLAMP_ERRATUM,
    formula=lambda x, y: logaddexp(logaddexp(x, y), x + y),
)
def or_il(x, y):
    """The log-odds of "at least one", for independent events."""
    small, large = _ordered(x < y, x, y)
    return large + softplus(small + softplus(-large))


def _xnor_far(small, large):
    """Return xnor for 1 <= |small| <= |large|."""
    size = absolute(large)
    return sign(large) * (small + softplus(-(small + size)) - softplus(small - size))


# 2 atanh(p) with p = tanh(x/2) tanh(y/2), exact while one factor is small; else softplus(x + y) -
# log(e**x + e**y) with its leading terms cancelled by hand.
@activation(
    paper=_LOWE,
    title="XnorIL",
    errata=_CLAMP_ERRATUM,
    formula=lambda x, y: softplus(x + y) - logaddexp(x, y),
)
def xnor_il(x, y):
    """The log-odds of "both or neither", for independent events."""
    p = tanh(x / 2) * tanh(y / 2)
    near = log1p(2 * p / (1 - p))
    small, large = _ordered(absolute(x) < absolute(y), x, y)
    return where(absolute(small) < 1, near, _xnor_far(small, large))


def _smaller(x, y):
    return where(x < y, x, y)


def _larger(x, y):
    return where(x > y, x, y)


def _and(x, y):
    return where(x < 0, where(y < 0, x + y, x), _smaller(x, y))


def _or(x, y):
    return where(x > 0, where(y > 0, x + y, x), _larger(x, y))


def _xnor(x, y):
    return sign(x) * sign(y) * minimum(absolute(x), absolute(y))


@activation(paper=_LOWE, title="AndAIL")
def and_ail(x, y):
    """The sum of two negative inputs, else the smaller one."""
    return _and(x, y)


@activation(paper=_LOWE, title="OrAIL")
def or_ail(x, y):
    """The sum of two positive inputs, else the larger one."""
    return _or(x, y)


@activation(paper=_LOWE, title="XnorAIL", aliases=("signed_geomean_ail",), errata=_SIGN_ERRATUM)
def xnor_ail(x, y):
    """The smaller magnitude, positive where the signs agree."""
    return _xnor(x, y)


_MEAN = 1 / sqrt(2 * pi) + 1 / (2 * sqrt(pi))
_DEVIATION = sqrt(5 / 4 - 1 / (sqrt(2) * pi) - 1 / (4 * pi))


@activation(paper=_LOWE, title="AndNAIL")
def and_nail(x, y):
    """The piecewise linear "and" with mean 0 and variance 1 for standard normal inputs."""
    return (_and(x, y) + _MEAN) / _DEVIATION


@activation(paper=_LOWE, title="OrNAIL")
def or_nail(x, y):
    """The piecewise linear "or" with mean 0 and variance 1 for standard normal inputs."""
    return (_or(x, y) - _MEAN) / _DEVIATION


@activation(paper=_LOWE, title="XnorNAIL", errata=_SIGN_ERRATUM)
def xnor_nail(x, y):
    """The piecewise linear "xnor" with variance 1 for standard normal inputs."""
    return _xnor(x, y) / sqrt(1 - 2 / pi)
