"""Would the conclusion survive? Leaving out functions and tasks, other budgets, other rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from actlas.errors import ActlasError
from actlas.study.statistics._arrays import Array, Numbers, Rows, sample, table

Conclude = Callable[[Array, tuple[str, ...]], Hashable]


@dataclass(frozen=True)
class JackKnife:
    """A conclusion, and what it becomes without one function or one task, by its name."""

    conclusion: Hashable
    without_function: Mapping[str, Hashable]
    without_task: Mapping[str, Hashable]

    @property
    def breakers(self) -> tuple[str, ...]:
        """The functions and tasks without which the conclusion is another one."""
        found = [*self.without_function.items(), *self.without_task.items()]
        return tuple(name for name, conclusion in found if conclusion != self.conclusion)

    @property
    def survives(self) -> bool:
        """Whether the conclusion is the same whatever is left out."""
        return not self.breakers


def jack_knife(
    scores: Rows,
    functions: Sequence[str],
    tasks: Sequence[str],
    conclude: Conclude,
    keep: Sequence[str] = (),
) -> JackKnife:
    """Draw a conclusion again without each function and without each task.

    Args:
        scores: tasks x functions, more is better; at least 3 tasks.
        functions, tasks: the names of the columns and of the rows.
        conclude: called with a smaller table and the names of its columns.
        keep: functions that the conclusion is about, which are not left out.

    >>> best = lambda scores, names: names[int(scores.mean(axis=0).argmax())]
    >>> table = [[2.0, 1.0], [5.0, 1.0], [1.0, 3.0]]
    >>> found = jack_knife(table, ["a", "b"], ["t", "u", "v"], best, keep=["a", "b"])
    >>> found.conclusion, found.breakers
    ('a', ('u',))
    """
    array, names = table(scores), tuple(functions)
    if array.shape != (len(tasks), len(names)):
        raise ActlasError(f"{array.shape} scores for {len(tasks)} tasks, {len(names)} functions")
    without_function = {
        name: conclude(np.delete(array, column, axis=1), names[:column] + names[column + 1 :])
        for column, name in enumerate(names)
        if name not in keep
    }
    without_task = {
        name: conclude(np.delete(array, row, axis=0), names) for row, name in enumerate(tasks)
    }
    return JackKnife(conclude(array, names), without_function, without_task)


def rank_correlation(one: Numbers, other: Numbers) -> float:
    """Return Kendall's tau-b: +1 if two budgets rank the functions alike, -1 if in reverse.

    The concordant pairs minus the discordant ones, over the root of the pairs that are tied in
    neither list times those in the other. 0 where one list is all ties. (Kendall, 1945.)

    Args:
        one, other: the scores of the same functions at two budgets.

    >>> rank_correlation([90.0, 91.0, 92.0], [93.0, 94.0, 93.5])
    0.3333333333333333
    """
    first, second = sample(one, at_least=2), sample(other, at_least=2)
    if len(first) != len(second):
        raise ActlasError(f"two lists of one length are needed, got {len(first)}, {len(second)}")
    upper = np.triu_indices(len(first), 1)
    signs = [np.sign(values[:, None] - values[None, :])[upper] for values in (first, second)]
    untied = math.sqrt(float((signs[0] != 0).sum()) * float((signs[1] != 0).sum()))
    return float((signs[0] * signs[1]).sum()) / untied if untied else 0.0


@dataclass(frozen=True)
class Basin:
    """The learning rates that score within a tolerance of the best, around the best one.

    `open_low` and `open_high` say that the grid ends before the basin does: it is wider still.
    """

    low: float
    high: float
    open_low: bool
    open_high: bool

    @property
    def decades(self) -> float:
        """The width in powers of ten."""
        return math.log10(self.high / self.low)


def basin(
    scores: Mapping[float, float], tolerance: float = 0.01, *, higher_is_better: bool = True
) -> Basin:
    """Return the basin of learning rates: how forgiving a function is.

    Between two rates the score is taken as linear in the logarithm of the rate.

    Args:
        scores: the validation score of every rate of the search; rates above 0.
        tolerance: what may be lost, as a share of the best score's size; above 0.
        higher_is_better: the direction of the metric.

    >>> found = basin({0.01: 80.0, 0.1: 90.0, 1.0: 89.9, 10.0: 20.0})
    >>> round(found.low, 3), round(found.high, 2), found.open_high
    (0.081, 1.03, False)
    """
    if not scores or min(scores) <= 0 or tolerance <= 0:
        raise ActlasError("give at least one rate, rates above 0, and a tolerance above 0")
    rates = sorted(scores)
    sign = 1 if higher_is_better else -1
    losses = sign * np.array([scores[rate] for rate in rates])
    best = int(losses.argmax())
    losses = losses[best] - losses
    allowed = tolerance * abs(scores[rates[best]])
    high, open_high = _edge(np.log(rates[best:]), losses[best:], allowed)
    low, open_low = _edge(np.log(rates[best::-1]), losses[best::-1], allowed)
    return Basin(low, high, open_low, open_high)


def envelope(scores: Mapping[float, float], *, higher_is_better: bool = True) -> dict[float, float]:
    """Return the best score at each rate or at one farther from the best rate.

    So rates that were tried in worse company do not end a basin.

    Args:
        scores: by learning rate, at least one.
        higher_is_better: the direction of the metric.

    >>> envelope({0.01: 80.0, 0.03: 70.0, 0.1: 90.0, 0.3: 60.0, 1.0: 85.0})
    {0.01: 80.0, 0.03: 80.0, 0.1: 90.0, 0.3: 85.0, 1.0: 85.0}
    """
    choose = max if higher_is_better else min
    rates = sorted(scores)
    best = choose(rates, key=lambda rate: scores[rate])
    return {
        rate: choose(scores[other] for other in rates
                     if (other >= rate >= best) or (other <= rate <= best))
        for rate in rates
    }  # fmt: skip


def _edge(logs: Array, losses: Array, allowed: float) -> tuple[float, bool]:
    """Return where the loss first exceeds what is allowed, and whether it never does."""
    beyond = np.flatnonzero(losses > allowed)
    if len(beyond) == 0:
        return float(np.exp(logs[-1])), True
    last = beyond[0]
    way = (allowed - losses[last - 1]) / (losses[last] - losses[last - 1])
    return float(np.exp(logs[last - 1] + way * (logs[last] - logs[last - 1]))), False
