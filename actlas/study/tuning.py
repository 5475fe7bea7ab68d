"""The learning-rate search: one grid for all functions, judged on the validation set alone.

Successive halving (Jamieson and Talwalkar, 2016, AISTATS) tries all rates of the grid in short runs
and trains the best third in full: the same number of runs of both kinds for every function.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from actlas.errors import ActlasError
from actlas.study.plan import Plan
from actlas.study.tasks import Metric, Task
from actlas.study.training import Record

STEP = math.sqrt(10.0)
_SHORTER, _KEPT = 4, 3  # a short run takes a quarter of the epochs; it lets through a third
_FEWEST = 2  # rates that short runs let through at least, so that one run alone decides nothing


@dataclass(frozen=True)
class Tuning:
    """What the search found for one arm.

    `scores` holds the mean validation score over the tuning seeds for every rate that was trained
    in full, and `short` that of the short runs which chose those; `edge` is "lowest" or "highest"
    where the best rate is the grid's last one, else "".
    """

    learning_rate: float
    scores: Mapping[float, float]
    edge: str
    short: Mapping[float, float] = field(default_factory=dict)


def first_grid(plan: Plan, task: Task) -> tuple[float, ...]:
    """Return the grid to begin with: logarithmic, a factor of sqrt(10) from rate to rate.

    From a budget of 4 on, one rate is kept back for the side on which a best rate lies at the
    edge. ActlasError if the task names no rate for the plan's optimiser.
    """
    if plan.learning_rates is not None:
        return tuple(sorted(plan.learning_rates))
    optimizer = plan.optimizer or task.optimizer
    if optimizer not in task.learning_rates:
        known = ", ".join(task.learning_rates)
        raise ActlasError(
            f"the task {task.name!r} names no learning rate for {optimizer}; it does for: "
            f"{known}; give learning_rates in the plan"
        )
    count = plan.budget - 1 if plan.budget >= 4 else plan.budget
    centre = task.learning_rates[optimizer]
    return tuple(_rounded(centre * STEP ** (k - count // 2)) for k in range(count))


def widened(grid: Sequence[float], tunings: Iterable[Tuning], budget: int) -> tuple[float, ...]:
    """Return the grid with one more rate where some arm's best is at the edge, within the budget.

    The rate is tried for every arm. If both edges are wanted and only one rate is left, the edge
    that more arms ask for gets it, the lower one in a tie.
    """
    edges = [tuning.edge for tuning in tunings if tuning.edge]
    if not edges or len(grid) >= budget or len(grid) == 1:
        return tuple(grid)
    if edges.count("highest") > edges.count("lowest"):
        return (*grid, _rounded(grid[-1] * STEP))
    return (_rounded(grid[0] / STEP), *grid)


def select(
    records: Iterable[Record], metric: Metric, short: Mapping[float, float] | None = None
) -> Tuning:
    """Return the rate with the best mean validation score; the smaller one in a tie.

    Args:
        records: all full tuning runs of one arm, diverged ones included with their worst score.
        metric: says which score is better.
        short: the scores of the short runs, where these chose the rates.
    """
    scores = mean_scores(records)
    best = _best_first(scores, metric)[0]
    grid = sorted({*scores, *(short or {})})
    edge = "" if len(grid) == 1 else {grid[0]: "lowest", grid[-1]: "highest"}.get(best, "")
    return Tuning(best, scores, edge, short or {})


def mean_scores(records: Iterable[Record]) -> dict[float, float]:
    """Return the mean validation score of every learning rate, in their order."""
    by_rate: dict[float, list[float]] = {}
    for record in records:
        by_rate.setdefault(record.spec.learning_rate, []).append(record.validation)
    return {rate: math.fsum(values) / len(values) for rate, values in sorted(by_rate.items())}


def _best_first(scores: Mapping[float, float], metric: Metric) -> list[float]:
    return sorted(scores, key=lambda rate: (-metric.sign * scores[rate], rate))


def short_epochs(epochs: int) -> int:
    """Return the length of the short runs of successive halving.

    >>> short_epochs(20), short_epochs(3)
    (5, 1)
    """
    return max(1, epochs // _SHORTER)


def trained_in_full(search: str, rates: int) -> int:
    """Return how many of so many rates are trained in full, the same for every function.

    >>> trained_in_full("grid", 5), trained_in_full("halving", 5)
    (5, 2)
    """
    return rates if search == "grid" else min(rates, max(_FEWEST, rates // _KEPT))


def survivors(short: Mapping[float, float], metric: Metric) -> tuple[float, ...]:
    """Return the rates that short runs let through: the best third, and two at least."""
    best = _best_first(short, metric)
    return tuple(sorted(best[: trained_in_full("halving", len(best))]))


def _rounded(rate: float) -> float:
    return float(f"{rate:.2g}")
