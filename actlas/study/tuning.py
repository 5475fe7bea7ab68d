"""The search: the same settings for all functions, judged on the validation set alone.

A grid varies the learning rate. A joint search varies the weight decay and the rate of the
functions' own parameters with it; a setting goes by its learning rate, which no other one has.
Successive halving (Jamieson and Talwalkar, 2016, AISTATS) tries all settings in short runs and
trains the best third in full: the same number of runs of both kinds for every function.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from actlas.errors import ActlasError
from actlas.study.plan import Plan
from actlas.study.settings import Setting, around, joint
from actlas.study.tasks import Metric, Task
from actlas.study.training import Record

STEP = math.sqrt(10.0)
_SHORTER, _KEPT = 4, 3  # a short run takes a quarter of the epochs; it lets through a third
_KEPT_BACK = 4  # of a joint budget, a quarter is kept back for the side of an edge
_OUTER = 8  # of a joint search's rates, an eighth at each end is the edge
_FEWEST = 2  # rates that short runs let through at least, so that one run alone decides nothing


@dataclass(frozen=True)
class Tuning:
    """What the search found for one arm.

    `scores` holds the mean validation score over the tuning seeds for every rate that was trained
    in full, and `short` that of the short runs which chose those; `edge` is "lowest" or "highest"
    where the best rate is the grid's last one, else "".
    """

    setting: Setting
    scores: Mapping[float, float]
    edge: str
    short: Mapping[float, float] = field(default_factory=dict)

    @property
    def learning_rate(self) -> float:
        """The rate of the setting that was chosen."""
        return self.setting.learning_rate


def first_settings(plan: Plan, task: Task) -> tuple[Setting, ...]:
    """Return the settings to begin with; ActlasError if the task names no learning rate.

    Args:
        plan: with the task's values filled in.
        task: names the learning rate in the middle.
    """
    rates, decay = first_grid(plan, task), plan.weight_decay or 0.0
    if plan.search != "joint":
        return tuple(Setting(rate, decay, plan.shape_rate) for rate in rates)
    count = plan.budget - plan.budget // _KEPT_BACK
    return joint((rates[0], rates[-1]), decay, plan.shape_rate, count)


def first_grid(plan: Plan, task: Task) -> tuple[float, ...]:
    """Return the rates to begin with: logarithmic, a factor of sqrt(10) from rate to rate.

    From a budget of 4 on, one rate is kept back for the side on which a best rate lies at the
    edge. A joint search gets the ends of its range. ActlasError if the task names no rate for the
    plan's optimiser.
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
    centre = task.learning_rates[optimizer]
    if plan.search == "joint":
        return around(centre)
    count = plan.budget - 1 if plan.budget >= 4 else plan.budget
    return tuple(_rounded(centre * STEP ** (k - count // 2)) for k in range(count))


def widened(
    settings: Sequence[Setting], tunings: Iterable[Tuning], plan: Plan
) -> tuple[Setting, ...]:
    """Return the settings with more where some arm's best is at the edge, within the budget.

    A grid gets one more rate, a joint search all that is left of its budget in the half decade
    beyond the edge. They are tried for every arm. If both edges are wanted, the one that more arms
    ask for is taken, the lower one in a tie.
    """
    edges = [tuning.edge for tuning in tunings if tuning.edge]
    left, rates = plan.budget - len(settings), sorted(one.learning_rate for one in settings)
    if not edges or left <= 0 or len(settings) == 1:
        return tuple(settings)
    up = edges.count("highest") > edges.count("lowest")
    beyond = _rounded(rates[-1] * STEP if up else rates[0] / STEP)
    if plan.search != "joint":
        more = (replace(settings[0], learning_rate=beyond),)
        return (*settings, *more) if up else (*more, *settings)
    ends = (rates[-1], beyond) if up else (beyond, rates[0])
    decay = plan.weight_decay or 0.0
    return (*settings, *joint(ends, decay, plan.shape_rate, left, skip=len(settings)))


def select(
    records: Sequence[Record], metric: Metric, short: Mapping[float, float] | None = None
) -> Tuning:
    """Return the setting with the best mean validation score; the smaller rate in a tie.

    Args:
        records: all full tuning runs of one arm, diverged ones included with their worst score.
        metric: says which score is better.
        short: the scores of the short runs, where these chose the rates.
    """
    scores = mean_scores(records)
    best = _best_first(scores, metric)[0]
    setting = next(Setting.of(one.spec) for one in records if one.spec.learning_rate == best)
    return Tuning(setting, scores, _edge(best, sorted({*scores, *(short or {})})), short or {})


def _edge(best: float, rates: Sequence[float]) -> str:
    """Return at which end of the rates the best one lies, if at one; of many, an end is several."""
    outer = max(1, len(rates) // _OUTER)
    if len(rates) == 1 or best in rates[outer:-outer]:
        return ""
    return "lowest" if best in rates[:outer] else "highest"


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
