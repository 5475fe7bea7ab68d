"""The exact values of every entry at the test points, and where a comparison is too close to call.

A value is the double nearest to the truth, proved by ball arithmetic at rising precision. What
balls cannot decide (0/0, conventions at joints and infinities) is left to 50 digits of mpmath.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property

import numpy as np
from mpmath import mp

from actlas.backends import arb
from actlas.backends import mpmath as exact
from actlas.backends import numpy as numpy_backend
from actlas.backends.lowering import lower
from actlas.backends.tape import Tape, record
from actlas.catalogue import Definition, unroll
from actlas.expr import Expr, absolute, derivative, walk
from actlas.expr.node import ZERO, const, sub
from tests.support.points import Precision, corner_cases, grid_2d, in_float32, line

Place = Mapping[str, float]
Sides = tuple[Expr, Expr]
_COMPARISONS = ("lt", "le", "gt", "ge")


@dataclass(frozen=True)
class Setting:
    """An entry at one choice of parameters: both forms of the formula, and the test points."""

    printed: Expr
    stable: Expr
    inputs: tuple[str, ...]
    numbers: tuple[tuple[str, float], ...]
    every: int

    @cached_property
    def points(self) -> tuple[np.ndarray, ...]:
        return grid_2d(self.every) if len(self.inputs) == 2 else (line(self.every),)

    def derived(self, wrt: tuple[str, ...]) -> tuple[Expr, Expr]:
        printed, stable = self.printed, self.stable
        for name in wrt:
            printed, stable = derivative(printed, name), derivative(stable, name)
        return printed, stable

    @cached_property
    def places(self) -> list[dict[str, float]]:
        columns = [points.tolist() for points in self.points]
        values = dict(self.numbers)
        return [dict(zip(self.inputs, at, strict=True)) | values
                for at in zip(*columns, strict=True)]  # fmt: skip


@cache
def setting(entry: Definition, case: str) -> Setting:
    """Return the entry at a parameter case; corners are looked at on every fourth point."""
    values = in_float32(entry.bind(corner_cases(entry)[case]))
    shape = entry.shape_of(values)
    printed = entry.expression(shape, as_printed=True)
    numbers = tuple(unroll(values).items())
    every = 1 if case == "default" else 4
    return Setting(printed, entry.expression(shape), entry.inputs, numbers, every)


# ---------------------------------------------------------------- values


@cache
def exact_table(at: Setting, wrt: tuple[str, ...]) -> np.ndarray:
    """Return the derivative with respect to `wrt` at every place, exact to the last double.

    It is that of the paper's own form, or of the stable one where that is 0/0 or at a joint.
    """
    printed, stable = at.derived(wrt)
    joints = () if printed is stable else tuple({*_compared(printed), *_compared(stable)})
    return np.array([_value(printed, stable, joints, place) for place in at.places])


def _value(printed: Expr, stable: Expr, joints: tuple[Sides, ...], at: Place) -> float:
    """Return the exact value at one place; at a joint of pieces each form chooses its own side."""
    root = stable if any(_equal(*sides, at) for sides in joints) else printed
    proved = arb.nearest_double(root, at)
    if proved is not None:
        return proved
    found = exact.reference(root, at)
    return float(exact.reference(stable, at) if mp.isnan(found) else found)


def _compared(root: Expr) -> list[Sides]:
    """Return both sides of every comparison."""
    return [(n.args[0], n.args[1]) for n in walk(root) if n.op in _COMPARISONS]


def _equal(left: Expr, right: Expr, at: Place) -> bool:
    sign = arb.sign_of(sub(left, right), at)
    if sign is not None:
        return sign == 0
    with mp.workdps(60):
        return bool(exact.evaluate(left, at) == exact.evaluate(right, at))


def in_doubles(root: Expr, inputs: tuple[str, ...], *values: np.ndarray | float) -> np.ndarray:
    """Return `root` over arrays of finite points by NumPy: a truth for lower precisions."""
    return numpy_backend.run(_tape(root, inputs), *values)


@cache
def _tape(root: Expr, inputs: tuple[str, ...]) -> Tape:
    """Return what NumPy runs without the search for limits, which only infinite points need."""
    return record(lower(root), inputs, numpy_backend.FUNCTIONS, "numpy")


# ---------------------------------------------------------------- knife edges


@cache
def on_a_knife_edge(at: Setting, wrt: tuple[str, ...], precision: Precision) -> np.ndarray:
    """Say where rounding may take another branch than the truth: sides that differ by less."""
    root = at.derived(wrt)[1]
    edges = [_edge(at, sides, precision) for sides in dict.fromkeys(_decisions(root))]
    return np.any(edges, axis=0) if edges else np.zeros(len(at.places), dtype=bool)


def _decisions(root: Expr) -> list[Sides]:
    """Return what comparisons and signs decide between, where rounding can change a side."""
    signs = [(node.args[0], ZERO) for node in walk(root) if node.op == "sign"]
    return [
        sides for sides in (*_compared(root), *signs)
        if not {side.op for side in sides} <= {"symbol", "const"}
    ]  # fmt: skip


@cache
def _edge(at: Setting, sides: Sides, precision: Precision) -> np.ndarray:
    return np.array([differ_by_less(*sides, place, precision) for place in at.places])


def differ_by_less(left: Expr, right: Expr, at: Place, precision: Precision) -> bool:
    """Say whether two sides differ by less than rounding, as x + 2 and 2 do at x = -1e-308."""
    gap = sub(left, right)
    sign = arb.sign_of(gap, at)
    if sign == 0:
        return False
    room = const(Fraction(4 * precision.eps)) * (absolute(left) + absolute(right))
    spare = arb.sign_of(room + Fraction(precision.tiny) - absolute(gap), at)
    if sign is None or spare is None:
        return _differ_by_less_in_digits(left, right, at, precision)
    return spare >= 0


def _differ_by_less_in_digits(left: Expr, right: Expr, at: Place, precision: Precision) -> bool:
    """Say the same of sides that balls cannot tell apart."""
    for digits in (60, 700):
        with mp.workdps(digits):
            u, v = exact.evaluate(left, at), exact.evaluate(right, at)
            if u != v:
                room = 4 * precision.eps * (abs(u) + abs(v)) + precision.tiny
                return bool(abs(u - v) <= room)
    return False
