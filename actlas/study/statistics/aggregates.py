"""Many tasks in one number or one curve: IQM, performance profiles, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actlas.errors import ActlasError
from actlas.study.statistics._arrays import Array, Numbers, sample, share
from actlas.study.statistics.intervals import DRAWS, Interval, RowStatistic
from actlas.study.statistics.unpaired import probability_of_improvement

Groups = Sequence[Numbers]


def interquartile_mean(values: Numbers) -> float:
    """Return the mean of the middle half: a quarter is cut at each end, rounded down.

    Less noisy than the median, less moved by one failed run than the mean. (Agarwal et al., 2021,
    Deep Reinforcement Learning at the Edge of the Statistical Precipice, arXiv:2108.13264.)

    >>> interquartile_mean([0.0, 2.0, 4.0, 100.0])
    3.0
    """
    return float(iqm_of_rows(sample(values)[None])[0])


def iqm_of_rows(rows: Array) -> Array:
    """Return the interquartile mean of every row of a matrix."""
    cut = rows.shape[1] // 4
    means: Array = np.sort(rows, axis=1)[:, cut : rows.shape[1] - cut].mean(axis=1)
    return means


def normalised(groups: Groups, reference: Groups) -> list[Array]:
    """Return the scores in units of the reference's mean, task by task: 1 is the reference.

    Args:
        groups: for every task the scores of the seeds, of a metric above 0 where more is better.
        reference: the same of the reference function.

    >>> [scores.tolist() for scores in normalised([[90.0, 99.0]], [[89.0, 91.0]])]
    [[1.0, 1.1]]
    """
    means = [float(sample(group).mean()) for group in reference]
    if min(means) <= 0:
        raise ActlasError(f"scores can be normalised by a mean above 0 only, got {min(means):g}")
    return [sample(group) / mean for group, mean in zip(groups, means, strict=True)]


def stratified_interval(
    groups: Groups,
    generator: np.random.Generator,
    statistic: RowStatistic = iqm_of_rows,
    level: float = 0.95,
    draws: int = DRAWS,
) -> Interval:
    """Return a statistic of all runs with its stratified bootstrap interval (percentiles).

    Seeds are drawn anew within every task, the tasks stay: it speaks of these tasks only.
    (Agarwal et al., 2021, section 4.1.)

    Args:
        groups: for every task the scores of its seeds, normalised where units differ.
        generator: draws the replicates.
        statistic: gives one number for each row; the interquartile mean by default.
        level: the coverage, between 0 and 1.
        draws: how many replicates.

    >>> interval = stratified_interval([[1.0, 1.1, 0.9], [1.2, 1.3, 1.1]], np.random.default_rng(0))
    >>> round(interval.mean, 3), interval.low < 1.1 < interval.high
    (1.1, True)
    """
    arrays = [sample(group) for group in groups]
    estimate = float(statistic(np.concatenate(arrays)[None])[0])
    rows = [generator.choice(array, size=(draws, len(array))) for array in arrays]
    tail = (1 - share("level", level)) / 2
    low, high = np.quantile(statistic(np.concatenate(rows, axis=1)), (tail, 1 - tail))
    return Interval(estimate, float(low), float(high), level)


def performance_profile(groups: Groups, thresholds: Numbers) -> Array:
    """Return, for every threshold, the share of runs that score above it; tasks weigh the same.

    (Dolan and Moré, 2002; Agarwal et al., 2021, section 4.2.)

    Args:
        groups: for every task the scores of its seeds, normalised where units differ.
        thresholds: where the curve is read.

    >>> performance_profile([[1.0, 2.0], [3.0, 4.0]], [0.5, 1.5, 3.5]).tolist()
    [1.0, 0.75, 0.25]
    """
    levels = sample(thresholds)
    shares: Array = np.mean(
        [(sample(group)[:, None] > levels).mean(axis=0) for group in groups], axis=0
    )
    return shares


def improvement_over_tasks(one: Groups, other: Groups) -> float:
    """Return the probability of improvement, averaged over the tasks.

    Args:
        one, other: for every task the scores of the seeds, more is better.

    >>> improvement_over_tasks([[3.0], [1.0]], [[2.0], [1.0]])
    0.75
    """
    chances = [probability_of_improvement(*pair) for pair in zip(one, other, strict=True)]
    return float(np.mean(chances))
