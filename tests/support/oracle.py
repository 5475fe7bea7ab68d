"""The 50-digit truth of every entry, and what an error may be.

Accuracy is judged as numerical analysts do: a result is good if it is the exact result for inputs
moved by a few units in the last place, so the bound is

    |found - truth| <= K eps (|f| + |x df/dx| + sum |p df/dp|) + floor.

It is relative in the tails, asks nothing impossible where a tiny change of x changes f, and K
belongs to a precision and an order of derivative, never to a function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from mpmath import mp

from actlas.backends import mpmath as exact
from actlas.backends import numpy as numpy_backend
from actlas.catalogue import Definition, unroll
from actlas.expr import Expr, derivative, walk
from actlas.expr.node import ZERO
from tests.support.points import Precision, corner_cases, grid_2d, in_float32, line

_FEW = 4  # parameters, up to which their share of the condition is computed exactly
_COMPARISONS = ("lt", "le", "gt", "ge")
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


@dataclass(frozen=True)
class Setting:
    """An entry at one choice of parameters: both forms of the formula, and the test points."""

    printed: Expr
    stable: Expr
    inputs: tuple[str, ...]
    numbers: tuple[tuple[str, float], ...]
    every: int

    @property
    def points(self) -> tuple[np.ndarray, ...]:
        return grid_2d(self.every) if len(self.inputs) == 2 else (line(self.every),)

    def derived(self, wrt: tuple[str, ...]) -> tuple[Expr, Expr]:
        printed, stable = self.printed, self.stable
        for name in wrt:
            printed, stable = derivative(printed, name), derivative(stable, name)
        return printed, stable

    def places(self) -> list[dict[str, Any]]:
        values = dict(self.numbers)
        return [{**dict(zip(self.inputs, at, strict=True)), **values}
                for at in zip(*self.points, strict=True)]  # fmt: skip


def setting(entry: Definition, case: str) -> Setting:
    """Return the entry at a parameter case; corners are looked at on every fourth point."""
    values = in_float32(entry.bind(corner_cases(entry)[case]))
    shape = entry.shape_of(values)
    printed = entry.expression(shape, as_printed=True)
    numbers = tuple(unroll(values).items())
    every = 1 if case == "default" else 4
    return Setting(printed, entry.expression(shape), entry.inputs, numbers, every)


@lru_cache(maxsize=64)
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


@lru_cache(maxsize=64)
def exact_table(at: Setting, wrt: tuple[str, ...]) -> np.ndarray:
    """Return the derivative with respect to `wrt` at every place, exact to the last double."""
    printed, stable = at.derived(wrt)
    return np.array([float(_reference(printed, stable, place)) for place in at.places()])


def _reference(printed: Expr, stable: Expr, at: Mapping[str, Any]) -> Any:
    """Return the paper's own form, or the stable one where that is 0/0 or at a joint of pieces."""
    joint = printed is not stable and (
        _sits_on_a_joint(printed, at) or _sits_on_a_joint(stable, at)
    )
    found = exact.reference(stable if joint else printed, at)
    return exact.reference(stable, at) if mp.isnan(found) else found


def _sits_on_a_joint(root: Expr, at: Mapping[str, Any]) -> bool:
    """Say whether a comparison is between equals, where each form chooses its own side."""
    with mp.workdps(60):
        sides = [node.args for node in walk(root) if node.op in _COMPARISONS]
        return any(exact.evaluate(u, at) == exact.evaluate(v, at) for u, v in sides)


def _allowed(at: Setting, wrt: tuple[str, ...], precision: Precision) -> np.ndarray:
    """Return the error allowed at every place: K eps condition + floor; infinite on an edge."""
    places = at.places()
    size = UNITS[len(wrt)] * precision.eps * _condition(at, wrt)
    floor = np.array([_floor(place, precision) for place in places])
    edge = _on_a_knife_edge(at.derived(wrt)[1], places, precision)
    return np.where(edge, np.inf, size + floor)


@lru_cache(maxsize=64)
def _condition(at: Setting, wrt: tuple[str, ...]) -> np.ndarray:
    """Return |f| + sum |v df/dv| over all inputs and parameters v; infinite where it overflows."""
    places = at.places()
    moving = [name for name in places[0] if _moves(name, places)]
    tables = {name: _slope_table(at, wrt, name) for name in moving}
    with np.errstate(all="ignore"):
        total = np.abs(exact_table(at, wrt)) + _scale(at, wrt, places)
        for name, table in tables.items():
            share = np.abs(np.array([float(place[name]) for place in places]) * table)
            total = total + np.where(np.isnan(share), 0.0, share)
    return total


def _slope_table(at: Setting, wrt: tuple[str, ...], name: str) -> np.ndarray:
    """Return the derivative in one more name: exact, or of many parameters in doubles.

    A condition needs one digit, and twenty parameters at 50 digits would take minutes.
    """
    if len(at.numbers) <= _FEW or name in at.inputs:
        return exact_table(at, (*wrt, name))
    inputs = (*at.inputs, *(parameter for parameter, _ in at.numbers))
    numbers = tuple(number for _, number in at.numbers)
    tape = numpy_backend.compiled(at.derived((*wrt, name))[1], inputs, ())
    return numpy_backend.run(tape, *at.points, *numbers)


def _moves(name: str, places: list[dict[str, Any]]) -> bool:
    """Say whether a relative change of this input or parameter changes anything."""
    return any(place[name] != 0 for place in places)


def _scale(at: Setting, wrt: tuple[str, ...], places: list[dict[str, Any]]) -> np.ndarray:
    """Return the size of the terms a derivative is a difference of, where that is not its own.

    A second derivative is judged beside |f'|, a derivative in a parameter p beside |f/p|: those
    cross zero where f' and f do not, and nothing computed from f' is hurt by such an error.
    """
    if not wrt or wrt == ("x",):
        return np.zeros(len(places))
    below = np.abs(np.nan_to_num(exact_table(at, wrt[:-1])))
    if wrt[-1] in at.inputs:
        return below
    unit = abs(dict(at.numbers)[wrt[-1]])
    return below / unit if unit else np.zeros(len(places))


def _floor(at: Mapping[str, Any], precision: Precision) -> float:
    """Return the absolute error that underflow on the way may cost."""
    return 4 * precision.tiny * max(1.0, *(min(abs(v), 1e4) for v in at.values()))


def _on_a_knife_edge(root: Expr, places: list[dict[str, Any]], precision: Precision) -> np.ndarray:
    """Say where rounding may take another branch than the truth: sides that differ by less."""
    computed = [
        node.args if node.op in _COMPARISONS else (node.args[0], ZERO)
        for node in walk(root)
        if node.op in (*_COMPARISONS, "sign")
        and not {side.op for side in node.args} <= {"symbol", "const"}
    ]
    return np.array([_too_close(computed, place, precision) for place in places])


def _too_close(sides: list[tuple[Expr, ...]], at: Mapping[str, Any], precision: Precision) -> bool:
    return any(_differ_by_less(left, right, at, precision) for left, right in sides)


def _differ_by_less(left: Expr, right: Expr, at: Mapping[str, Any], precision: Precision) -> bool:
    """Say whether two sides differ by less than rounding, as x + 2 and 2 do at x = -1e-308."""
    for digits in (60, 700):
        with mp.workdps(digits):
            u, v = exact.evaluate(left, at), exact.evaluate(right, at)
            if u != v:
                room = 4 * precision.eps * (abs(u) + abs(v)) + precision.tiny
                return bool(abs(u - v) <= room)
    return False


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
