"""What an error may be, beside the exact values of every entry.

Accuracy is judged as numerical analysts do: a result is good if it is the exact result for inputs
moved by a few units in the last place, so the bound is

    |found - truth| <= K eps (|f| + |x df/dx| + sum |p df/dp|) + floor.

It is relative in the tails, asks nothing impossible where a tiny change of x changes f, and K
belongs to a precision and an order of derivative, never to a function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from actlas.catalogue import Definition
from actlas.expr import Expr
from tests.support.points import Precision
from tests.support.tables import Setting, exact_table, on_a_knife_edge, setting

UNITS = {0: 8.0, 1: 24.0, 2: 96.0}  # K by order of derivative


@dataclass(frozen=True)
class Truth:
    """Exact values over the test points, the allowed error of each, and how to call a backend."""

    root: Expr
    inputs: tuple[str, ...]
    points: tuple[np.ndarray, ...]
    numbers: tuple[float, ...]
    value: np.ndarray
    allowed: np.ndarray
    precision: Precision


@cache
def truth(entry: Definition, case: str, precision: Precision, wrt: tuple[str, ...]) -> Truth:
    """Return the truth of an entry differentiated with respect to the names in `wrt`."""
    at = setting(entry, case)
    _, stable = at.derived(wrt)
    held = np.all([precision.holds(p) for p in at.points], axis=0)
    value, allowed = exact_table(at, wrt)[held], _allowed(at, wrt, precision)[held]
    names = (*at.inputs, *(name for name, _ in at.numbers))
    points = tuple(p[held] for p in at.points)
    numbers = tuple(number for _, number in at.numbers)
    return Truth(stable, names, points, numbers, value, allowed, precision)


def _allowed(at: Setting, wrt: tuple[str, ...], precision: Precision) -> np.ndarray:
    """Return the error allowed at every place: K eps condition + floor; infinite on an edge."""
    size = UNITS[len(wrt)] * precision.eps * _condition(at, wrt)
    edge = on_a_knife_edge(at, wrt, precision)
    return np.where(edge, np.inf, size + _floor(at, precision))


@cache
def _condition(at: Setting, wrt: tuple[str, ...]) -> np.ndarray:
    """Return |f| + sum |v df/dv| over all inputs and parameters v; infinite where it overflows."""
    values = dict(zip(at.inputs, at.points, strict=True)) | dict(at.numbers)
    moving = {name: value for name, value in values.items() if np.any(value)}
    with np.errstate(all="ignore"):
        total = np.abs(exact_table(at, wrt)) + _scale(at, wrt)
        for name, value in moving.items():
            share = np.abs(value * exact_table(at, (*wrt, name)))
            total = total + np.where(np.isnan(share), 0.0, share)
    return total


def _scale(at: Setting, wrt: tuple[str, ...]) -> np.ndarray | float:
    """Return the size of the terms a derivative is a difference of, where that is not its own.

    A second derivative is judged beside |f'|, a derivative in a parameter p beside |f/p|: those
    cross zero where f' and f do not, and nothing computed from f' is hurt by such an error.
    """
    if not wrt or wrt == ("x",):
        return 0.0
    below = np.abs(np.nan_to_num(exact_table(at, wrt[:-1])))
    if wrt[-1] in at.inputs:
        return below
    unit = abs(dict(at.numbers)[wrt[-1]])
    return below / unit if unit else 0.0


def _floor(at: Setting, precision: Precision) -> np.ndarray:
    """Return the absolute error that underflow on the way may cost."""
    values = [*at.points, *(np.float64(number) for _, number in at.numbers)]
    largest = np.max(np.broadcast_arrays(1.0, *map(np.abs, values)), axis=0)
    return 4 * precision.tiny * np.minimum(largest, 1e4)


@dataclass(frozen=True)
class Failure:
    """One point at which a backend is wrong."""

    place: tuple[float, ...]
    found: float
    truth: float
    ratio: float

    def __str__(self) -> str:
        return (f"at {', '.join(f'{p:.17g}' for p in self.place)}: {self.found:.9g}, "
                f"truth {self.truth:.9g} ({self.ratio:.3g} times the allowed error)")  # fmt: skip


def failures(of: Truth, found: np.ndarray) -> list[Failure]:
    """Return the points at which `found` is not the truth, the worst first."""
    found = np.asarray(found, dtype=np.float64)
    finite = np.abs(of.value) <= of.precision.largest * (1 - 1e-6)
    _count(finite & ~np.isfinite(of.allowed))
    with np.errstate(all="ignore"):
        error = np.abs(found - of.value) / of.allowed
        beyond = np.sign(found) * np.sign(of.value) * np.abs(found) >= of.precision.largest / 4
    certain = np.isfinite(of.allowed)  # where the condition overflows, no finite value is owed
    right = np.where(certain, (error <= 1) & np.isfinite(found), ~np.isnan(found))
    wrong = np.where(finite | ~certain, ~right, ~beyond)
    ratio = np.where(np.isnan(error), np.inf, error)
    bad = [
        Failure(tuple(float(p[i]) for p in of.points), float(found[i]), float(of.value[i]),
                float(ratio[i]))
        for i in np.flatnonzero(wrong)
    ]  # fmt: skip
    return sorted(bad, key=lambda failure: -failure.ratio)


COUNTS = {"points": 0, "not judged": 0}  # over the whole run, for the summary at its end


def _count(vacuous: np.ndarray) -> None:
    """Count what is compared; a table of which less than half can be judged proves nothing."""
    COUNTS["points"] += vacuous.size
    COUNTS["not judged"] += int(vacuous.sum())
    assert vacuous.size, "there is no point to compare at"
    assert vacuous.mean() < 0.5, f"{vacuous.sum()} of {vacuous.size} points cannot be judged"


def report(bad: list[Failure]) -> str:
    """Return a message with the worst few failures."""
    return f"{len(bad)} wrong points\n" + "\n".join(map(str, bad[:5]))


Backend = Callable[[Truth], np.ndarray]
