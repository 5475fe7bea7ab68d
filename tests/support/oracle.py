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
from actlas.catalogue import Definition, Value, unroll
from actlas.expr import Expr, derivative, walk
from actlas.expr.node import ZERO
from tests.support.points import Precision, corner_cases, exact_values, grid_2d

Case = tuple[str, str]  # entry id, name of the parameter case
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


def settings(entry: Definition, case: str, precision: Precision) -> dict[str, Value]:
    """Return all parameter values of a case, exactly representable in the precision."""
    return exact_values(entry.bind(corner_cases(entry)[case]), precision)


@lru_cache(maxsize=64)
def truth(entry: Definition, case: str, precision: Precision, wrt: tuple[str, ...]) -> Truth:
    """Return the truth of an entry differentiated with respect to the names in `wrt`."""
    values = settings(entry, case, precision)
    shape = entry.shape_of(values)
    printed = entry.expression(shape, as_printed=True)
    stable = entry.expression(shape)
    lower = stable
    for name in wrt:
        lower = stable
        printed, stable = derivative(printed, name), derivative(stable, name)
    numbers = unroll(values)
    points = grid_2d(precision) if len(entry.inputs) == 2 else (precision.points(),)
    value, allowed = _table(lower, printed, stable, entry.inputs, points, numbers, wrt, precision)
    inputs = (*entry.inputs, *numbers)
    return Truth(stable, inputs, points, tuple(numbers.values()), value, allowed, precision)


def _table(
    lower: Expr, printed: Expr, stable: Expr, inputs: tuple[str, ...],
    points: tuple[np.ndarray, ...], numbers: Mapping[str, float], wrt: tuple[str, ...],
    precision: Precision,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    value, allowed = [], []
    for place in zip(*points, strict=True):
        at: dict[str, Any] = {**dict(zip(inputs, place, strict=True)), **numbers}
        found = _reference(printed, stable, at)
        condition = _condition(printed, stable, at) + _scale(lower, wrt, at)
        value.append(float(found))
        error = UNITS[len(wrt)] * precision.eps * condition + _floor(at, precision)
        allowed.append(np.inf if _on_a_knife_edge(stable, at, precision) else error)
    return np.array(value), np.array(allowed)


def _reference(printed: Expr, stable: Expr, at: Mapping[str, Any]) -> Any:
    """Return the paper's own form, or the stable one where that is 0/0 or at a joint of pieces."""
    joint = printed is not stable and (_sits_on_a_joint(printed, at) or _sits_on_a_joint(stable, at))
    found = exact.reference(stable if joint else printed, at)
    return exact.reference(stable, at) if mp.isnan(found) else found


def _sits_on_a_joint(root: Expr, at: Mapping[str, Any]) -> bool:
    """Say whether a comparison is between equals, where each form chooses its own side."""
    with mp.workdps(60):
        sides = [node.args for node in walk(root) if node.op in _COMPARISONS]
        return any(exact.evaluate(u, at) == exact.evaluate(v, at) for u, v in sides)


def _condition(printed: Expr, stable: Expr, at: Mapping[str, Any]) -> float:
    """Return |f| + sum |v df/dv| over all inputs and parameters."""
    with mp.workdps(60):
        total = abs(_reference(printed, stable, at))
        for name, number in at.items():
            slope = exact.evaluate(derivative(stable, name), at) if number else mp.mpf(0)
            if not mp.isnan(slope):
                total += abs(mp.mpf(number) * slope)
        return float(total)


def _scale(lower: Expr, wrt: tuple[str, ...], at: Mapping[str, Any]) -> float:
    """Return the size of the terms a derivative is a difference of, where that is not its own.

    A second derivative is judged beside |f'|, a derivative in a parameter p beside |f/p|: those
    cross zero where f' and f do not, and nothing computed from f' is hurt by such an error.
    """
    if not wrt or wrt == ("x",):
        return 0.0
    with mp.workdps(60):
        unit = at[wrt[-1]] if wrt[-1] not in ("x", "y") else 1.0
        below = exact.evaluate(lower, at)
        return 0.0 if mp.isnan(below) or not unit else float(abs(below / unit))


def _floor(at: Mapping[str, Any], precision: Precision) -> float:
    """Return the absolute error that underflow on the way may cost."""
    return 4 * precision.tiny * max(1.0, *(min(abs(v), 1e4) for v in at.values()))


def _on_a_knife_edge(root: Expr, at: Mapping[str, Any], precision: Precision) -> bool:
    """Say whether rounding may take another branch than the truth: sides that differ by less."""
    computed = [
        node.args if node.op in _COMPARISONS else (node.args[0], ZERO)
        for node in walk(root)
        if node.op in (*_COMPARISONS, "sign")
        and not {side.op for side in node.args} <= {"symbol", "const"}
    ]
    with mp.workdps(60):
        for u, v in ((exact.evaluate(a, at), exact.evaluate(b, at)) for a, b in computed):
            if u != v and abs(u - v) <= 4 * precision.eps * (abs(u) + abs(v)) + precision.tiny:
                return True
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
    with np.errstate(all="ignore"):
        error = np.abs(found - of.value) / of.allowed
        beyond = np.sign(found) * np.sign(of.value) * np.abs(found) >= of.precision.largest / 4
    wrong = np.where(finite, ~((error <= 1) & np.isfinite(found)), ~beyond)
    ratio = np.where(np.isnan(error), np.inf, error)
    bad = [
        Failure(tuple(float(p[i]) for p in of.points), float(found[i]), float(of.value[i]),
                float(ratio[i]))
        for i in np.flatnonzero(wrong)
    ]  # fmt: skip
    return sorted(bad, key=lambda failure: -failure.ratio)


def report(bad: list[Failure]) -> str:
    """Return a message with the worst few failures."""
    return f"{len(bad)} wrong points\n" + "\n".join(map(str, bad[:5]))


Backend = Callable[[Truth], np.ndarray]
