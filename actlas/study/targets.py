"""Speed of learning: how long until a validation score that a rule names beforehand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from actlas.study.costs import comparable
from actlas.study.training import Record

if TYPE_CHECKING:
    from actlas.study.result import TaskResult


@dataclass(frozen=True)
class Speed:
    """How soon the runs of an arm reach the target.

    `epochs` and `seconds` are medians over the runs, None where half of the runs or more never get
    there; `never` of the `runs` do not. `seconds` counts the runs alone whose times can be compared
    with the reference's, and is None where there are none.
    """

    epochs: float | None
    seconds: float | None
    never: int
    runs: int


def target_of(part: TaskResult) -> float | None:
    """Return the validation score to reach; None where no run has a curve.

    It is the reference's median best score over its confirmation runs, less one practical
    difference: the rule is the same for every study, so nothing is chosen after the runs.
    """
    confirmed = part.outcome.confirmations
    if max(len(record.validation_curve) for runs in confirmed.values() for record in runs) < 2:
        return None
    sign = part.task.metric.sign
    best = [_best(record, part) for record in confirmed[part.arms[0].label]]
    return sign * (float(np.median(best)) - (part.plan.practical_difference or 0.0))


def _best(record: Record, part: TaskResult) -> float:
    """Return the best validation score of a run, so that more is better."""
    metric = part.task.metric
    if record.diverged or not record.validation_curve:
        return metric.sign * metric.worst
    return max(metric.sign * score for score in record.validation_curve)


def speeds(part: TaskResult) -> tuple[Speed | None, ...]:
    """Return how soon every arm reaches the target on a task; None for all where there is none."""
    target = target_of(part)
    if target is None:
        return (None,) * len(part.arms)
    runs, sign = part.outcome.confirmations, part.task.metric.sign
    reference = runs[part.arms[0].label]
    return tuple(_speed(runs[arm.label], reference, target, sign) for arm in part.arms)


def _speed(
    records: Sequence[Record], reference: Sequence[Record], target: float, sign: int
) -> Speed:
    reached = [epochs_to(record, target, sign) for record in records]
    timed = [record for record, _ in comparable(records, reference)]
    return Speed(
        epochs=_median([epochs or math.inf for epochs in reached]),
        seconds=_median([_seconds_to(record, target, sign) for record in timed]),
        never=reached.count(None),
        runs=len(records),
    )


def _seconds_to(record: Record, target: float, sign: int) -> float:
    epochs = epochs_to(record, target, sign)
    return epochs * record.seconds / len(record.validation_curve) if epochs else math.inf


def epochs_to(record: Record, target: float, sign: int) -> int | None:
    """Return the first epoch whose validation score reaches the target, counted from 1.

    Args:
        record: a run; one that diverged never counts as there.
        target: in the metric's unit.
        sign: +1 where more is better, else -1.
    """
    if record.diverged:
        return None
    reached = (sign * score >= sign * target for score in record.validation_curve)
    return next((epoch for epoch, there in enumerate(reached, start=1) if there), None)


def _median(values: Sequence[float]) -> float | None:
    middle = float(np.median(values)) if values else math.inf
    return middle if math.isfinite(middle) else None
