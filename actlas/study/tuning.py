"""The learning-rate search: one grid for all functions, judged on the validation set alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from actlas.errors import ActlasError
from actlas.study.plan import Plan
from actlas.study.tasks import Metric, Task
from actlas.study.training import Record

STEP = math.sqrt(10.0)


@dataclass(frozen=True)
class Tuning:
    """What the search found for one arm.

    `scores` holds the mean validation score over the tuning seeds for every rate of the grid;
    `edge` is "lowest" or "highest" where the best rate is the grid's last one, else "".
    """

    learning_rate: float
    scores: Mapping[float, float]
    edge: str


def first_grid(plan: Plan, task: Task) -> tuple[float, ...]:
    """Return the grid to begin with: logarithmic, a factor of sqrt(10) from rate to rate.

    From a budget of 4 on, one rate is kept back for the side on which a best rate lies at the
    edge. ActlasError if the task names no rate for the plan's optimiser.
    """
    if plan.learning_rates is not None:
        return tuple(sorted(plan.learning_rates))
    if plan.optimizer not in task.learning_rates:
        known = ", ".join(task.learning_rates)
        raise ActlasError(
            f"the task {task.name!r} names no learning rate for {plan.optimizer}; it does for: "
            f"{known}; give learning_rates in the plan"
        )
    count = plan.budget - 1 if plan.budget >= 4 else plan.budget
    centre = task.learning_rates[plan.optimizer]
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


def select(records: Iterable[Record], metric: Metric) -> Tuning:
    """Return the rate with the best mean validation score; the smaller one in a tie.

    Args:
        records: all tuning runs of one arm, diverged ones included with their worst score.
        metric: says which score is better.
    """
    by_rate: dict[float, list[float]] = {}
    for record in records:
        by_rate.setdefault(record.spec.learning_rate, []).append(record.validation)
    scores = {rate: math.fsum(values) / len(values) for rate, values in sorted(by_rate.items())}
    best = max(scores, key=lambda rate: (metric.sign * scores[rate], -rate))
    rates = list(scores)
    edge = "" if len(rates) == 1 else {rates[0]: "lowest", rates[-1]: "highest"}.get(best, "")
    return Tuning(best, scores, edge)


def _rounded(rate: float) -> float:
    return float(f"{rate:.2g}")
