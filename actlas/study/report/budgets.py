"""Would a shorter study have said the same? The order of the functions, early and at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from actlas.study.statistics.robustness import rank_correlation
from actlas.study.training import Record

if TYPE_CHECKING:
    from actlas.study.result import TaskResult
    from actlas.study.tasks import Metric

_SHARES = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Order:
    """How the functions rank by validation after some epochs.

    `names` are their titles, the best first; `agreement` is Kendall's tau with the order after all
    epochs.
    """

    epochs: int
    names: tuple[str, ...]
    agreement: float


def orders(part: TaskResult) -> tuple[Order, ...]:
    """Return the order after a quarter, a half, three quarters and all epochs.

    By the mean of the best validation score so far, over the seeds that every function has run; a
    diverged run counts with the worst score. Empty for fewer than two functions besides the
    reference's second arm, or where runs have no curves.
    """
    arms = [arm for arm in part.arms if not arm.twin]
    runs = [part.outcome.confirmations[arm.label] for arm in arms]
    length = max(len(record.validation_curve) for group in runs for record in group)
    if len(arms) < 2 or length < 2:
        return ()
    metric, shared = part.task.metric, min(map(len, runs))
    budgets = sorted({max(1, round(share * length)) for share in _SHARES})
    scores = [[_mean(group[:shared], epochs, metric) for group in runs] for epochs in budgets]
    return tuple(
        Order(epochs, _ranked(found, [arm.title for arm in arms]),
              rank_correlation(found, scores[-1]))
        for epochs, found in zip(budgets, scores, strict=True)
    )  # fmt: skip


def _mean(records: Sequence[Record], epochs: int, metric: Metric) -> float:
    """Return the mean over the runs, so that more is better."""
    return float(np.mean([metric.sign * _best(record, epochs, metric) for record in records]))


def _best(record: Record, epochs: int, metric: Metric) -> float:
    seen = record.validation_curve[:epochs]
    if not seen or (record.diverged and len(seen) < epochs):
        return metric.worst
    return max(seen) if metric.higher_is_better else min(seen)


def _ranked(scores: Sequence[float], titles: Sequence[str]) -> tuple[str, ...]:
    order = sorted(range(len(titles)), key=lambda index: -scores[index])
    return tuple(titles[index] for index in order)
