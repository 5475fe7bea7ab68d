"""Rational, algebraic and polynomial functions: learned quotients, roots and smooth pieces.

Cheap to evaluate, with tails that are straight or flat. Quotients are evaluated in 1/x for large
inputs, where powers of x would overflow although the quotient is moderate.
"""

from actlas.catalogue import POSITIVE, Claim, Paper, activation, choice, fixed, learnable
from actlas.catalogue._paper import (
    bounded, differentiable, lipschitz, lower_bound, minimum_at, monotone, not_monotone,
    slope_at_zero, smooth, unbounded_above, upper_bound, zero_at_zero,
)  # fmt: skip
from actlas.expr import absolute, clamp, exp, hypot1, maximum, sign, sqrt, where

_LEAKY_NUM = (0.0335583603, 0.505000375, 1.65343934, 2.01001052, 0.931901999, 0.152424124)
_LEAKY_DEN = (3.30847488e-06, 3.98021568, 5.12471206e-07, 0.301830109)


# Near 0 the square root minus 1 cancels; far out the other form's second derivative does.
@activation(
    paper=Paper("Kunc and Kléma", 2024, arxiv="2402.09092", title="Three Decades of Activations: "
                "A Comprehensive Survey of 400 Activation Functions for Neural Networks"),
    title="BentIdentity",
    claims=[smooth, monotone, zero_at_zero, slope_at_zero(1.0), lipschitz(1.5)],
    formula=lambda x: (sqrt(x**2 + 1) - 1) / 2 + x,
)  # fmt: skip
def bent_identity(x):
    """A hyperbola of slope 1/2 on the left and 3/2 on the right."""
    near = x + x * (x / (2 * (hypot1(x) + 1)))
    return where(absolute(x) < 1, near, (hypot1(x) - 1) / 2 + x)


def _polynomial(coefficients, x):
    """Return c0 + c1 x + c2 x**2 + ... by Horner's rule."""
    result = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        result = result * x + c
    return result


def _pau(x, num, den, version):
    """Return the quotient as printed: P / (1 + sum |b_k x**k|), or P / (1 + |sum b_k x**k|)."""
    if version == "A":
        bottom = _polynomial((1, *map(absolute, den)), absolute(x))
    else:
        bottom = 1 + absolute(x) * absolute(_polynomial(den, x))
    return _polynomial(num, x) / bottom


def _pau_outside(x, num, den, version):
    """Return the quotient with numerator and denominator divided by powers of x."""
    t, excess = 1 / x, len(num) - 1 - len(den)
    size, power = absolute(t), absolute(t) ** len(den)
    if version == "A":
        bottom = power + _polynomial(tuple(map(absolute, reversed(den))), size)
    else:
        bottom = power + absolute(_polynomial(tuple(reversed(den)), t))
    flip = sign(x) if len(den) % 2 else 1
    quotient = flip * _polynomial(tuple(reversed(num)), t) / bottom
    return x**excess * quotient if excess > 0 else t**-excess * quotient


def _pau_asymptote(x, num, den, version):
    """Return slope * x + rest(1/x) for a numerator one degree above the denominator.

    Valid where the leading term of the denominator outweighs all others together, so that the
    sign of the inner polynomial is known; the curvature of `rest` does not cancel.
    """
    t, lead, turned = 1 / x, absolute(den[-1]), sign(x)
    if version == "A":
        lower = [absolute(b) * turned**k for k, b in enumerate(reversed(den))]
    else:
        lower = [sign(den[-1]) * b for b in reversed(den)]
    lower.append(turned ** len(den))
    slope = num[-1] / lead
    rest = [n - slope * b for n, b in zip(num[-2::-1], (*lower[1:], 0), strict=True)]
    value = slope * x + _polynomial(rest, t) / _polynomial((lead, *lower[1:]), t)
    return sign(x) * value if len(den) % 2 else value


def _leading_term_wins(x, den):
    others = _polynomial((0, *map(absolute, reversed(den[:-1])), 1), absolute(1 / x))
    return others < absolute(den[-1])


@activation(
    paper=Paper("Molina, Schramowski and Kersting", 2020, arxiv="1907.06732", title="Padé "
                "Activation Units: End-to-end Learning of Flexible Activation Functions in Deep "
                "Networks"),
    title="PAU",
    aliases=("rational", "pade_activation_unit"),
    errata=("Its start fits LeakyReLU(0.01) only on [-3, 3]: both asymptotes have the slope 0.505, "
            "so PAU(-10) = -2.27.",
            "Numerator and denominator overflow half precision beyond |x| = 9.2.",
            "The benchmark of Dubey et al. starts some of its PAUs with all coefficients at 1."),
    formula=_pau,
)  # fmt: skip
def pau(x, num=learnable(_LEAKY_NUM), den=learnable(_LEAKY_DEN), version=choice("A", "B")):
    """A learned quotient of two polynomials whose denominator cannot reach zero."""
    far = _pau_outside(x, num, den, version)
    if len(num) == len(den) + 2:
        far = where(_leading_term_wins(x, den), _pau_asymptote(x, num, den, version), far)
    return where(absolute(x) > 1, far, _pau(x, num, den, version))


# Multiplied through by e**(x/beta) on the left; beyond beta as alpha minus what is missing.
@activation(
    paper=Paper("Zhou, Li, Liang and others", 2020, arxiv="2003.00522",
                title="Soft-Root-Sign Activation Function"),
    title="SRS",
    aliases=("soft_root_sign",),
    claims=[smooth, not_monotone, bounded, upper_bound(5.0), lower_bound(-1.416242),
            minimum_at(-3.0), zero_at_zero, slope_at_zero(1.0)],
    collisions=("torch_activation has another function, with a root, under the name SRS.",),
    errata=("It has a pole as soon as beta >= e*alpha; keep beta below that when learning it.",
            "The benchmark of Dubey et al. adds 0.01 to it and starts at alpha = beta = 10.",
            "Coded as printed its gradient is NaN for x < -88 beta in float32."),
    reconstructed="The initial values 5 and 3 could not be read in the paper.",
    formula=lambda x, alpha, beta: x / (x / alpha + exp(-x / beta)),
)  # fmt: skip
def srs(x, alpha=learnable(5.0, POSITIVE), beta=learnable(3.0, POSITIVE)):
    """A smooth root-like curve that dips below zero and saturates at alpha."""
    grown, decayed = exp(x / beta), exp(-(x / beta))
    left = x * grown / (1 + x * grown / alpha)
    middle = x / (x / alpha + decayed)
    right = alpha - alpha * (decayed / (x / alpha + decayed))
    return where(x < 0, left, where(x > beta, right, middle))


@activation(
    paper=Paper("Hazimeh, Ponomareva, Mol, Tan and Mazumder", 2020, arxiv="2002.07772",
                title="The Tree Ensemble Layer: Differentiability meets Conditional Computation"),
    title="SmoothStep",
    claims=[bounded, monotone, differentiable, lower_bound(0.0), upper_bound(1.0)],
    formula=lambda x, gamma: where(
        x >= gamma / 2, 1,
        where(x <= -gamma / 2, 0, -2 / gamma**3 * x**3 + 3 / (2 * gamma) * x + 1 / 2),
    ),
)  # fmt: skip
def smooth_step(x, gamma=fixed(1.0, POSITIVE)):
    """A cubic step from an exact 0 to an exact 1, for routing that can be skipped."""
    v = clamp(x / gamma + 0.5, 0, 1)
    return v * v * (3 - 2 * v)


@activation(
    paper=Paper("Shamir and Lin", 2022, arxiv="2202.06499", title="Real World Large Scale "
                "Recommendation Systems Reproducibility and Smooth Activations"),
    title="SmeLU",
    aliases=("smooth_relu_quadratic",),
    claims=[monotone, differentiable, lower_bound(0.0), unbounded_above,
            Claim("convex: a second derivative of 1/(2 beta) or 0",
                  lambda facts: facts.smoothness == "C^1" and facts.lipschitz == 1.0)],
)  # fmt: skip
def smelu(x, beta=fixed(2.0, POSITIVE)):
    """A rectifier whose hinge is a parabola from -beta to beta."""
    return where(x > beta, x, where(x < -beta, 0, (x + beta) * ((x + beta) / (4 * beta))))


@activation(
    paper=Paper("Kunc and Kléma", 2024, arxiv="2402.09092", title="Three Decades of Activations: "
                "A Comprehensive Survey of 400 Activation Functions for Neural Networks"),
    title="SQLU",
    aliases=("square_linear_unit",),
    claims=[monotone, differentiable, lower_bound(-1.0), unbounded_above],
    reconstructed="Known from the survey only; its original paper could not be read.",
)  # fmt: skip
def sqlu(x):
    """The identity on the right, a parabola down to -1 on the left."""
    left = maximum(x, -2)
    return where(x > 0, x, left * (1 + left / 4))
