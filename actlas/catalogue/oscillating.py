"""Oscillating functions: sines and cosines, alone or riding on a line, and the XOR-able cubics.

Several zeros let one neuron separate what needs a hidden layer otherwise. The price: no monotone
gradient, and a phase that loses its meaning for large inputs in low precision.
"""

from actlas import expr
from actlas.catalogue import POSITIVE, Claim, Paper, activation, fixed, learnable
from actlas.catalogue._paper import (
    bounded, differentiable, lipschitz, lower_bound, minimum_at, monotone, not_monotone,
    not_smooth, refuted, slope_at_zero, smooth, unbounded_above, upper_bound, zero_at_zero,
)  # fmt: skip
from actlas.errors import ActlasError
from actlas.expr import absolute, atan, cos, exp, maximum, pi, sigmoid, sin, tanh, where

_NOEL = Paper("Noel, Bharadwaj, Muthiah-Nakarajan, Dutta and Amali", 2021, arxiv="2111.04020",
              title="Biologically Inspired Oscillating Activation Functions Can Bridge the "
              "Performance Gap between Biological and Artificial Neurons")  # fmt: skip
_JAGTAP = Paper("Jagtap, Shin, Kawaguchi and Karniadakis", 2022, arxiv="2105.09513", title="Deep "
                "Kronecker neural networks: A general framework for neural networks with "
                "adaptive activation functions", venue="Neurocomputing 468")  # fmt: skip
_EGER = Paper("Eger, Youssef and Gurevych", 2018, arxiv="1901.02671", title="Is it Time to Swish? "
              "Comparing Deep Learning Activation Functions Across NLP tasks")  # fmt: skip
_LISTS_ONLY = "The formula is that of secondary lists; the paper's own table could not be read."
_SEVERAL_ZEROS = Claim("several zeros, so that one neuron can learn XOR",
                       lambda facts: len(facts.zeros) > 1)  # fmt: skip
_SINC_ERRATUM = (
    "sinc is sin(z)/z here; with the normalised sinc of NumPy and PyTorch the value at 0 is "
    "-0.137 instead of 0.",
)


@activation(
    paper=Paper("Sopena, Romero and Alquezar", 1999, title="Neural networks with periodic and "
                "monotonic activation functions: a comparative study in classification problems",
                venue="ICANN"),
    aliases=("sin", "sinusoid"),
    claims=[bounded, smooth, not_monotone, lipschitz(1.0)],
)  # fmt: skip
def sine(x):
    """The sine wave."""
    return sin(x)


@activation(
    paper=Paper("Jagtap and Karniadakis", 2022, arxiv="2209.02681", title="How important are "
                "activation functions in regression and classification? A survey, performance "
                "comparison, and future directions"),
    aliases=("cos",),
    claims=[bounded, smooth, not_monotone, lipschitz(1.0)],
)  # fmt: skip
def cosine(x):
    """The cosine wave, a sine that starts at its crest."""
    return cos(x)


@activation(paper=_EGER, claims=[smooth, unbounded_above], reconstructed=_LISTS_ONLY)
def cosid(x):
    """A falling line with a cosine riding on it."""
    return cos(x) - x


@activation(paper=_EGER, claims=[upper_bound(1.0)], reconstructed=_LISTS_ONLY)
def minsin(x):
    """The smaller of the identity and the sine: a line on the left, a wave on the right."""
    return where(x > 0, sin(x), x)


@activation(paper=_EGER, claims=[smooth, unbounded_above], reconstructed=_LISTS_ONLY)
def arctid(x):
    """A falling line lifted on both sides by the square of the arc tangent."""
    return atan(x) * atan(x) - x


@activation(
    paper=Paper("Sitzmann, Martel, Bergman, Lindell and Wetzstein", 2020, arxiv="2006.09661",
                title="Implicit Neural Representations with Periodic Activation Functions"),
    title="SIREN",
    claims=[bounded, smooth, lipschitz(30.0)],
    errata=("It needs the initialisation of its paper: without it deep nets do not train.",),
)  # fmt: skip
def siren(x, omega=fixed(30.0)):
    """A fast sine for networks that represent images, sounds and fields."""
    return sin(omega * x)


@activation(
    paper=Paper("Ziyin, Hartwig and Ueda", 2020, arxiv="2006.08195", title="Neural Networks Fail "
                "to Learn Periodic Functions and How to Fix It"),
    claims=[smooth, monotone, zero_at_zero, slope_at_zero(1.0), lipschitz(2.0)],
    errata=("a = 0 is a removable singularity that floating point does not remove; a > 0 here.",),
)  # fmt: skip
def snake(x, a=learnable(1.0, POSITIVE)):
    """The identity with a learned ripple that never lets it fall."""
    return x + sin(a * x) ** 2 / a


@activation(
    paper=Paper("Noel, Arunkumar, Trivedi and Dutta", 2021, arxiv="2108.12943", title="Growing "
                "Cosine Unit: A Novel Oscillatory Activation Function That Can Speedup Training "
                "and Reduce Parameters in Convolutional Neural Networks"),
    title="GCU",
    claims=[smooth, slope_at_zero(1.0), _SEVERAL_ZEROS],
)  # fmt: skip
def gcu(x):
    """A cosine whose swing grows with its input."""
    return x * cos(x)


@activation(
    paper=_NOEL,
    title="SQU",
    claims=[smooth, slope_at_zero(1.0), lower_bound(-0.25), minimum_at(-0.5), _SEVERAL_ZEROS],
    errata=("E f**2 = 4 for standard normal input: with the initialisation of ReLU deep nets "
            "diverge, the gain must be 0.5.",),
)  # fmt: skip
def squ(x):
    """The parabola through 0 and -1."""
    return x**2 + x


@activation(
    paper=_NOEL,
    title="NCU",
    claims=[smooth, slope_at_zero(1.0), _SEVERAL_ZEROS],
    errata=("It leaves the range of half precision at |x| = 40, and E f**2 = 10 for standard "
            "normal input.",),
)  # fmt: skip
def ncu(x):
    """The cubic that rises only between its two turning points."""
    return x - x**3


# pi sin(x)/(pi - x) is exact everywhere but near its removable pole, where the sinc form is.
@activation(
    paper=_NOEL,
    title="SSU",
    claims=[smooth, bounded, zero_at_zero, slope_at_zero(1.0), _SEVERAL_ZEROS,
            upper_bound(3.1415927)],
    errata=_SINC_ERRATUM,
    formula=lambda x: pi * expr.sinc(x - pi),
)  # fmt: skip
def ssu(x):
    """A sinc shifted so that it passes through the origin with slope 1."""
    return where(absolute(x - pi) < 1, pi * expr.sinc(x - pi), pi * sin(x) / (pi - x))


# As for ssu; 1 - w*w with w = x/pi keeps its digits for small x and does not overflow early.
@activation(
    paper=_NOEL,
    title="DSU",
    claims=[smooth, bounded, zero_at_zero, slope_at_zero(1.0), lipschitz(1.0), _SEVERAL_ZEROS,
            upper_bound(1.636408)],
    errata=_SINC_ERRATUM,
    formula=lambda x: pi / 2 * (expr.sinc(x - pi) - expr.sinc(x + pi)),
)  # fmt: skip
def dsu(x):
    """Two sincs of opposite sign: a sine that dies out like 1/x**2."""
    w = x / pi
    near_pole = pi / 2 * (expr.sinc(x - pi) - expr.sinc(x + pi))
    return where(absolute(absolute(x) - pi) < 1, near_pole, sin(x) / (1 - w * w))


_GUPTA = Paper("Gupta and Ahuja", 2021, arxiv="2110.12246", title="Parametric Variational Linear "
               "Units (PVLUs) in Deep Convolutional Networks")  # fmt: skip


@activation(
    paper=_GUPTA,
    title="VLU",
    claims=[not_smooth, zero_at_zero],
    reconstructed="The fixed coefficients could not be read; alpha = 0.1, beta = 1 are ours.",
)
def vlu(x, alpha=fixed(0.1), beta=fixed(1.0)):
    """A rectifier with a fixed sine wave added to it."""
    return maximum(x, 0) + alpha * sin(beta * x)


@activation(
    paper=_GUPTA,
    title="PVLU",
    claims=[not_smooth, zero_at_zero, unbounded_above,
            refuted(Claim("its gradient never vanishes", lambda facts: facts.monotone),
                    "for x < 0 the slope alpha*beta*cos(beta*x) passes through 0 periodically")],
    errata=("alpha = 0 would leave a pretrained ReLU net unchanged, but beta would never learn.",),
    reconstructed="The initial values and the sharing of alpha and beta could not be read; 0.1, "
                  "1 and one pair per channel are ours.",
)  # fmt: skip
def pvlu(x, alpha=learnable(0.1), beta=learnable(1.0)):
    """A rectifier with a learned sine wave added, so that both sides keep a gradient."""
    return maximum(x, 0) + alpha * sin(beta * x)


@activation(
    paper=Paper("Anagun and Isik", 2022, arxiv="2210.09083", title="Nish: A Novel Negative "
                "Stimulated Hybrid Activation Function"),
    claims=[differentiable, not_monotone, unbounded_above],
    reconstructed="Only the abstract could be read (ReLU for x > 0, sinus-sigmoidal below); of "
                  "the natural candidates only (x + sin x)*sigmoid(x) joins with slope 1.",
)  # fmt: skip
def nish(x):
    """The identity on the right, a sine and a sigmoid on the left."""
    return where(x > 0, x, (x + sin(x)) * sigmoid(x))


@activation(
    paper=Paper("Rahman, Makhdoom and Lu", 2023, arxiv="2304.09759", title="Amplifying Sine Unit: "
                "An Oscillatory Activation Function for Deep Neural Networks to Recover Nonlinear "
                "Oscillations Efficiently"),
    title="ASU",
    claims=[smooth, slope_at_zero(0.0), _SEVERAL_ZEROS],
)  # fmt: skip
def asu(x):
    """A sine whose swing grows with its input; even, and flat at the origin."""
    return x * sin(x)


@activation(
    paper=Paper("Saratchandran, Ramasinghe, Shevchenko, Long and Lucey", 2024, arxiv="2402.05427",
                title="A Sampling Theory Perspective on Activations for Implicit Neural "
                "Representations"),
    claims=[smooth, bounded, upper_bound(1.0)],
    collisions=("Unnormalised, sin(x)/x; NumPy's and PyTorch's sinc is sin(pi x)/(pi x).",),
    reconstructed="The paper's frequency factor could not be read; it is 1 here.",
)  # fmt: skip
def sinc(x):
    """The cardinal sine, the ideal low-pass kernel."""
    return expr.sinc(x)


def _waves(entry, x, n, amp, freq):
    """Return the sum of n amp_k sin(k n freq_k x), k = 1, 2, ..."""
    if len(amp) != len(freq):
        raise ActlasError(
            f"{entry}: amp and freq must have the same length, got {len(amp)} and {len(freq)}"
        )
    pairs = enumerate(zip(amp, freq, strict=True), start=1)
    return sum((n * a * sin(k * n * f * x) for k, (a, f) in pairs), start=expr.const(0))


_ROWDY_ERRATUM = (
    "The official code uses n = 10 and nine sine terms over a cosine, all amplitudes 0 at start.",
)


@activation(
    paper=_JAGTAP,
    title="RowdyTanh",
    claims=[smooth, zero_at_zero],
    errata=_ROWDY_ERRATUM,
    reconstructed="The normalisation is that of the official code; the paper could not be read.",
)
def rowdy_tanh(
    x, n=fixed(10.0, POSITIVE), a=learnable(0.1), amp=learnable((0.0, 0.0, 0.0)),
    freq=learnable((0.1, 0.1, 0.1)),
):  # fmt: skip
    """A tanh of learned slope with learned sine waves on top."""
    return tanh(n * a * x) + _waves("rowdy_tanh", x, n, amp, freq)


@activation(
    paper=_JAGTAP,
    title="RowdyCos",
    aliases=("rowdy", "kronecker_cosine"),
    claims=[smooth, bounded],
    errata=_ROWDY_ERRATUM,
)
def rowdy_cos(
    x, n=fixed(10.0, POSITIVE), a=learnable(0.1), amp=learnable((0.0,) * 9),
    freq=learnable((0.1,) * 9),
):  # fmt: skip
    """A cosine of learned frequency with nine learned sine waves on top."""
    return cos(n * a * x) + _waves("rowdy_cos", x, n, amp, freq)


@activation(
    paper=Paper("Ramasinghe and Lucey", 2022, arxiv="2111.15135", title="Beyond Periodicity: "
                "Towards a Unifying Framework for Activations in Coordinate-MLPs"),
    title="ExpSin",
    claims=[smooth, bounded, not_monotone],
    reconstructed="Known from a library that follows the paper; its frequency factor is 1 here.",
)  # fmt: skip
def exp_sin(x):
    """The exponential of a falling sine: a positive periodic function."""
    return exp(-sin(x))
