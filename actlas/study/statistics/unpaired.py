"""Two groups without pairs: what a paper's table of means and deviations allows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from actlas.errors import ActlasError
from actlas.study.statistics._arrays import Numbers, sample, special
from actlas.study.statistics.intervals import Interval


@dataclass(frozen=True)
class Summary:
    """A group as papers print it: mean, standard deviation (n - 1 below), number of runs."""

    mean: float
    deviation: float
    count: int

    def __post_init__(self) -> None:
        if self.deviation < 0 or self.count < 2:
            raise ActlasError(
                f"a group needs a deviation of at least 0 and 2 runs, got {self.deviation} and "
                f"{self.count}"
            )


@dataclass(frozen=True)
class TwoGroups:
    """The difference of two means with its 95 % interval, the two-sided p, and Cohen's d.

    `effect` is the difference over the root of the mean variance; None if nothing varies.
    """

    difference: Interval
    p: float
    effect: float | None


def summarise(values: Numbers) -> Summary:
    """Return mean, deviation and number of at least two runs.

    >>> summarise([1.0, 2.0, 3.0])
    Summary(mean=2.0, deviation=1.0, count=3)
    """
    array = sample(values, at_least=2)
    return Summary(float(array.mean()), float(array.std(ddof=1)), len(array))


def two_groups(one: Summary, other: Summary, *, equal_variance: bool = False) -> TwoGroups:
    """Compare two independent groups by Welch's t test, from their summaries alone.

    t = (m1 - m2) / sqrt(s1²/n1 + s2²/n2), with the degrees of freedom of Welch, 1947, The
    generalization of Student's problem. Use paired differences wherever seeds are shared.

    Args:
        one, other: the groups; `summarise` makes them from runs.
        equal_variance: Student's test with the pooled variance, as many papers use it.

    >>> found = two_groups(Summary(87.48, 0.3967, 23), Summary(87.32, 0.414, 23))
    >>> round(found.p, 3), round(found.effect, 3)  # Mish and Swish, SqueezeNet on CIFAR-10
    (0.188, 0.395)
    """
    difference = one.mean - other.mean
    parts = [group.deviation**2 / group.count for group in (one, other)]
    counts = [one.count - 1, other.count - 1]
    variance, freedom = _pooled(one, other) if equal_variance else _welch(parts, counts)
    error = math.sqrt(variance)
    root = math.sqrt((one.deviation**2 + other.deviation**2) / 2)
    if error == 0:
        return TwoGroups(Interval(difference, difference, difference), float(difference == 0), None)
    p = 2 * float(special().stdtr(freedom, -abs(difference) / error))
    half = float(special().stdtrit(freedom, 0.975)) * error
    interval = Interval(difference, difference - half, difference + half)
    return TwoGroups(interval, p, difference / root)


def _welch(parts: list[float], counts: list[int]) -> tuple[float, float]:
    variance = sum(parts)
    below = sum(part**2 / count for part, count in zip(parts, counts, strict=True))
    return variance, variance**2 / below if below > 0 else float(sum(counts))


def _pooled(one: Summary, other: Summary) -> tuple[float, float]:
    freedom = one.count + other.count - 2
    squares = sum((group.count - 1) * group.deviation**2 for group in (one, other))
    return squares / freedom * (1 / one.count + 1 / other.count), float(freedom)


def probability_of_improvement(one: Numbers, other: Numbers) -> float:
    """Return the chance that a run of one arm beats a run of another, ties counting half.

    It is the Mann-Whitney statistic over the number of pairs: 0.5 is no difference, 1 always
    better. (Agarwal et al., 2021, arXiv:2108.13264, section 4.3.)

    Args:
        one, other: scores, more is better; the groups may differ in size.

    >>> probability_of_improvement([3.0, 2.0], [1.0, 2.0])
    0.875
    """
    above = np.sign(sample(one)[:, None] - sample(other)[None, :])
    return float(0.5 + above.mean() / 2)
