"""Intervals for a mean: Student's t, and the bootstrap for runs and for tasks of runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from actlas.study.statistics._arrays import Array, Numbers, sample, share, special

DRAWS = 10_000
RowStatistic = Callable[[Array], Array]


@dataclass(frozen=True)
class Interval:
    """A mean, or another estimate, with its two-sided confidence interval at a level."""

    mean: float
    low: float
    high: float
    level: float = 0.95

    @property
    def half_width(self) -> float:
        """Half the length of the interval."""
        return (self.high - self.low) / 2


def mean_of_rows(rows: Array) -> Array:
    """Return the mean of every row: the statistic that is bootstrapped by default."""
    means: Array = rows.mean(axis=-1)
    return means


def mean_interval(values: Numbers, level: float = 0.95) -> Interval:
    """Return the mean with Student's t interval, m ± t(n-1) s/sqrt(n).

    Args:
        values: at least two independent numbers.
        level: the coverage, between 0 and 1.

    >>> interval = mean_interval([1.0, 2.0, 3.0])
    >>> round(interval.low, 3), round(interval.high, 3)
    (-0.484, 4.484)
    """
    return tail_interval(values, 1 - share("level", level))


def tail_interval(values: Numbers, p: float) -> Interval:
    """Return the mean with the t interval that misses 0 just where the two-sided p is below `p`.

    The tails are given, not the coverage: 1 - 1e-17 is 1 in floating point.

    Args:
        values: at least two independent numbers.
        p: what the interval leaves out on both sides together, between 0 and 1.

    >>> round(tail_interval([1.0, 2.0, 3.0], 0.05).low, 3)
    -0.484
    """
    array = sample(values, at_least=2)
    quantile = -float(special().stdtrit(len(array) - 1, share("p", p) / 2))
    half = quantile * float(array.std(ddof=1)) / math.sqrt(len(array))
    mean = float(array.mean())
    return Interval(mean, mean - half, mean + half, 1 - p)


def bootstrap_interval(
    values: Numbers,
    generator: np.random.Generator,
    level: float = 0.95,
    draws: int = DRAWS,
    statistic: RowStatistic = mean_of_rows,
) -> Interval:
    """Return the bias-corrected and accelerated (BCa) bootstrap interval.

    The ends are the quantiles Φ(z0 + (z0+z)/(1 - a(z0+z))) of the replicates; z0 is the normal
    quantile of the share of replicates below the estimate, a the acceleration from the jack-knife,
    sum(d³) / 6 sum(d²)^1.5. (Efron, 1987, Better Bootstrap Confidence Intervals, JASA 82.)
    Below about 20 skewed values it covers less than `level`, as every bootstrap does.

    Args:
        values: at least two independent numbers: paired differences, one for each seed.
        generator: draws the replicates.
        level: the coverage, between 0 and 1.
        draws: how many replicates, at least 1,000 for an interval worth reporting.
        statistic: gives one number for each row of a matrix.

    >>> interval = bootstrap_interval([1.0, 2.0, 4.0, 9.0], np.random.default_rng(0))
    >>> interval.mean, 1.0 < interval.low < 2.0, 6.0 < interval.high < 9.0
    (4.0, True, True)
    """
    array = sample(values, at_least=2)
    estimate = float(statistic(array[None])[0])
    replicates = statistic(generator.choice(array, size=(draws, len(array))))
    if np.ptp(replicates) == 0:
        return Interval(estimate, estimate, estimate, level)
    bias, bend = bias_correction(replicates, estimate), acceleration(array, statistic)
    tail = (1 - share("level", level)) / 2
    places = [_shifted(bias, bend, place) for place in (tail, 1 - tail)]
    low, high = np.quantile(replicates, places)
    return Interval(estimate, float(low), float(high), level)


def bias_correction(replicates: Array, estimate: float) -> float:
    """Return z0, the normal quantile of the share of replicates below; equal ones count half."""
    below = np.mean(replicates < estimate) + np.mean(replicates == estimate) / 2
    least = 0.5 / len(replicates)
    return float(special().ndtri(min(max(below, least), 1 - least)))


def acceleration(array: Array, statistic: RowStatistic = mean_of_rows) -> float:
    """Return how fast the standard error changes with the parameter, by the jack-knife.

    For the mean it is the skewness over 6 sqrt(n) (with the biased moments).

    >>> acceleration(np.array([1.0, 2.0, 3.0]))
    0.0
    """
    left_out = np.array([np.delete(array, index) for index in range(len(array))])
    values = statistic(left_out)
    distances = values.mean() - values
    scale = float((distances**2).sum())
    return float((distances**3).sum()) / (6 * scale**1.5) if scale > 0 else 0.0


def _shifted(bias: float, bend: float, place: float) -> float:
    z = bias + float(special().ndtri(place))
    return float(special().ndtr(bias + z / (1 - bend * z)))


def hierarchical_interval(
    groups: Sequence[Numbers],
    generator: np.random.Generator,
    level: float = 0.95,
    draws: int = DRAWS,
) -> Interval:
    """Return the mean over tasks with its hierarchical bootstrap interval.

    Tasks are drawn with replacement, then seeds within each drawn task, so that the interval
    speaks of new tasks as well as of new seeds. (Davison and Hinkley, 1997, section 3.8.)

    Args:
        groups: for every task the paired differences of its seeds; tasks weigh the same.
        generator: draws the replicates.
        level: the coverage, between 0 and 1.
        draws: how many replicates.

    >>> interval = hierarchical_interval([[1.0, 1.2], [0.8, 1.0], [1.1]], np.random.default_rng(0))
    >>> round(interval.mean, 3), 0.9 <= interval.low < interval.high <= 1.2
    (1.033, True)
    """
    arrays = [sample(group) for group in groups]
    estimate = float(np.mean([array.mean() for array in arrays]))
    chosen = generator.integers(len(arrays), size=(draws, len(arrays)))
    means = np.empty(chosen.shape)
    for task, array in enumerate(arrays):
        here = chosen == task
        means[here] = generator.choice(array, size=(int(here.sum()), len(array))).mean(axis=1)
    tail = (1 - share("level", level)) / 2
    low, high = np.quantile(means.mean(axis=1), (tail, 1 - tail))
    return Interval(estimate, float(low), float(high), level)
