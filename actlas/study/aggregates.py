"""All runs of all tasks together: interquartile means, chances of improvement, profiles.

Exploratory: no verdict rests on it. The unit is a task's practical difference, counted from the
mean of the reference there: errors and scores that lie close together keep their sense. Tasks weigh
the same, however many seeds a function had on each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from actlas.study import statistics
from actlas.study.analysis import Row
from actlas.study.arms import Arm
from actlas.study.statistics import Interval

if TYPE_CHECKING:
    from actlas.study.result import TaskResult

_FAR = 5.0  # practical differences: a profile is not read further off
_NEAR = 1.5  # and at least as far as this
_MIDDLE = (2, 98)  # percent of the runs
_POINTS = 101
_DRAWS = 2_000  # of the bootstrap: enough for two digits, and reports stay quick


@dataclass(frozen=True)
class Profile:
    """The share of runs above each threshold, from 0 to 1, with a 95 % band for each threshold."""

    thresholds: np.ndarray
    shares: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Aggregate:
    """One arm over all runs of all tasks.

    `scores` are its runs, task by task, in practical differences from the reference's mean.
    `improvement` is the chance that one of its runs beats one of the reference, averaged over the
    tasks; the reference has none.
    """

    arm: Arm
    scores: tuple[np.ndarray, ...]
    middle: Interval
    improvement: Interval | None
    profile: Profile


def aggregates(parts: Sequence[TaskResult]) -> tuple[Aggregate, ...]:
    """Return what all runs say of every arm, the reference first.

    Args:
        parts: the results of at least one task, with the same arms.
    """
    generator = np.random.default_rng(0)
    arms = list(zip(*(part.table for part in parts), strict=True))
    scores = [_scores(parts, rows) for rows in arms]
    thresholds = _thresholds(scores)
    return tuple(
        _aggregate(rows[0].arm, own, scores[0] if index else None, thresholds, generator)
        for index, (rows, own) in enumerate(zip(arms, scores, strict=True))
    )


def _aggregate(
    arm: Arm,
    own: Sequence[np.ndarray],
    reference: Sequence[np.ndarray] | None,
    thresholds: np.ndarray,
    generator: np.random.Generator,
) -> Aggregate:
    """Return what the runs of one arm say; `reference` is None for the reference itself."""
    middle = statistics.iqm_over_tasks(own)
    improvement = None
    if reference is not None:
        improvement = statistics.improvement_interval(own, reference, generator, draws=_DRAWS)
    band = statistics.profile_band(own, thresholds, generator, draws=_DRAWS)
    return Aggregate(
        arm=arm,
        scores=tuple(own),
        middle=statistics.stratified_interval(own, generator, middle, draws=_DRAWS),
        improvement=improvement,
        profile=Profile(thresholds, statistics.performance_profile(own, thresholds), *band),
    )


def _scores(parts: Sequence[TaskResult], rows: Sequence[Row]) -> list[np.ndarray]:
    """Return an arm's runs, task by task, in practical differences from the reference's mean."""
    return statistics.in_units(
        [
            part.task.metric.sign * np.array(row.scores)
            for part, row in zip(parts, rows, strict=True)
        ],
        [part.task.metric.sign * np.array(part.table[0].scores) for part in parts],
        [part.plan.practical_difference or 1.0 for part in parts],
    )


def _thresholds(scores: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Return where profiles are read: over nearly all runs, but not as far as diverged ones lie."""
    low, high = np.percentile([run for own in scores for group in own for run in group], _MIDDLE)
    ends = np.clip(low, -_FAR, -_NEAR), np.clip(high, _NEAR, _FAR)
    return np.linspace(*ends, _POINTS, dtype=float)
