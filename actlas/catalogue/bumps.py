"""Bumps and valleys: functions that come back to where they were on the other side.

Bell curves, the apical dendrite activation and the smoothed moduli. None is monotone, so a single
unit can single out a band of inputs; the bells pass no gradient far from it.
"""

from actlas.catalogue import POSITIVE, Claim, Paper, activation, fixed, learnable
from actlas.catalogue._paper import (
    bounded, differentiable, lipschitz, lower_bound, minimum_at, not_monotone, not_smooth,
    slope_at_zero, smooth, unbounded_above, upper_bound, zero_at_zero,
)  # fmt: skip
from actlas.expr import absolute, exp, lorentz, maximum, rhyp, tanh, where

_RAMASINGHE = Paper("Ramasinghe and Lucey", 2022, arxiv="2111.15135", title="Beyond Periodicity: "
                    "Towards a Unifying Framework for Activations in Coordinate-MLPs")  # fmt: skip
_WIDTH_OURS = "Known from code that follows the paper; the width 1 is ours."
_GEORGESCU = Paper("Georgescu, Ionescu, Ristea and Sebe", 2020, arxiv="2003.03229", title="Non-"
                   "linear Neurons with Human-like Apical Dendrite Activations")  # fmt: skip
_MODULUS = Paper("Vallés-Pérez and Soria-Olivas", 2023, arxiv="2301.05993", title="Empirical "
                 "study of the modulus as activation function in computer vision "
                 "applications")  # fmt: skip
_POSITIVE_BELL = [bounded, not_monotone, lower_bound(0.0), upper_bound(1.0)]


@activation(
    paper=Paper("Broomhead and Lowe", 1988, title="Multivariable functional interpolation and "
                "adaptive networks", venue="Complex Systems 2"),
    aliases=("rbf", "bell"),
    claims=[smooth, *_POSITIVE_BELL],
    collisions=("Some libraries mean exp(-x**2/2) or exp(-x**2/(2 a**2)).",),
)  # fmt: skip
def gaussian(x):
    """The bell curve exp(-x**2) of radial basis networks."""
    return exp(-(x * x))


@activation(
    paper=Paper("Roy, Manna, Dubey and Chaudhuri", 2019, arxiv="1901.05894", title="LiSHT: "
                "Non-Parametric Linearly Scaled Hyperbolic Tangent Activation Function for Neural "
                "Networks"),
    title="LiSHT",
    claims=[smooth, not_monotone, lower_bound(0.0), minimum_at(0.0), unbounded_above,
            slope_at_zero(0.0), lipschitz(1.1997),
            Claim("symmetric", lambda facts: facts.tails[0].slope == -facts.tails[1].slope)],
)  # fmt: skip
def lisht(x):
    """The input times its tanh: a modulus with a round bottom."""
    return x * tanh(x)


# max(x, 0) stands inside the exponential too: outside alone it is 0 * inf on the far left.
@activation(
    paper=_GEORGESCU,
    title="ADA",
    aliases=("apical_dendrite_activation",),
    claims=[not_smooth, not_monotone, bounded, lower_bound(0.0), upper_bound(1.0),
            Claim("its maximum lies at x = 1/alpha", lambda facts: facts.maximum.x == 1.0)],
    errata=("The official code is NaN, forward and backward, below -88.7/alpha in float32.",
            "The official code disagrees with itself on c: 0 for vision, 1 for text; c = 1 makes "
            "the peak 1/alpha high.",
            "It fades to 0 for large positive inputs, and ReLU's initialisation kills its signal.",
            "Nothing keeps a learned alpha positive in the official code; here its domain does."),
    formula=lambda x, alpha, c: maximum(x, 0) * exp(c - alpha * x),
)  # fmt: skip
def ada(x, alpha=learnable(1.0, POSITIVE), c=fixed(1.0)):
    """A rectifier that comes back to zero after a peak, modelled on cortical dendrites."""
    p = maximum(x, 0)
    return p * exp(c - alpha * p)


@activation(
    paper=_GEORGESCU,
    title="LeakyADA",
    aliases=("lada",),
    claims=[not_smooth, not_monotone, upper_bound(1.0)],
    formula=lambda x, alpha, c, leak: where(x > 0, x * exp(c - alpha * x), leak * x),
)
def leaky_ada(x, alpha=learnable(1.0, POSITIVE), c=fixed(1.0), leak=fixed(0.01)):
    """The apical dendrite activation with a small slope on the left."""
    return where(x > 0, x * exp(c - alpha * x), leak * x)


@activation(
    paper=_RAMASINGHE,
    claims=[not_smooth, *_POSITIVE_BELL],
    reconstructed=_WIDTH_OURS,
)
def laplacian(x, a=fixed(1.0, POSITIVE)):
    """The double-sided exponential, a bell with a pointed top."""
    return exp(-absolute(x) / a)


@activation(
    paper=_RAMASINGHE,
    title="InverseQuadratic",
    aliases=("lorentzian", "cauchy_bell"),
    claims=[smooth, *_POSITIVE_BELL],
    collisions=("The paper calls it quadratic.",),
    reconstructed=_WIDTH_OURS,
)
def inverse_quadratic(x):
    """The curve of Cauchy and Lorentz, a bell with tails like 1/x**2."""
    return lorentz(x)


@activation(
    paper=_RAMASINGHE,
    title="InverseMultiquadric",
    claims=[smooth, *_POSITIVE_BELL],
    collisions=("The paper calls it multi quadratic.",),
    reconstructed=_WIDTH_OURS,
)
def inverse_multiquadric(x):
    """A bell with tails like 1/|x|."""
    return rhyp(x)


@activation(
    paper=_MODULUS,
    title="SoftModulusQ",
    claims=[differentiable, not_monotone, lower_bound(0.0), zero_at_zero],
    reconstructed="The formula is that of secondary lists; the paper's text could not be read.",
)
def soft_modulus_q(x):
    """The modulus with its point rounded by a cubic between -1 and 1."""
    size = absolute(x)
    return where(size < 1, x * x * (2 - size), size)


@activation(
    paper=_MODULUS,
    title="SoftModulusT",
    claims=[smooth, not_monotone, lower_bound(0.0), zero_at_zero],
    collisions=("With alpha = 1 it is LiSHT.",),
    reconstructed="The formula and alpha = 0.01 are those of secondary lists; the paper's text "
                  "could not be read.",
)  # fmt: skip
def soft_modulus_t(x, alpha=fixed(0.01, POSITIVE)):
    """The modulus with its point rounded by a steep tanh."""
    return x * tanh(x / alpha)
