"""A function of one number as a table of cubics, in the layout that the CPU engine reads.

|x| below `REACH` lies on a uniform grid, so that usual inputs touch a few kilobytes only; beyond,
every octave has the same number of rows, up to the point from which the function is affine.
Negative x has rows of its own: a kink at 0 is exact. Each row holds the cubic through four
Chebyshev nodes; the row at 0 starts with the right power of x, so that tiny results keep their
relative accuracy. Grids are refined until the error is that of a rounded input, or given up.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from actlas.backends.bounds import LARGEST, TINY, Array, Function, Single, Target, horner
from actlas.backends.cores import CLOSED, NO_CORE, Core, core_of

REACH = 16.0
GRIDS = (5, 6, 7, 8)  # log2 of the rows to the unit, below REACH
OCTAVES = (3, 5, 7, 9)  # log2 of the rows to the octave, beyond it
ENDS = (4, 5, 6, 7, 8, 12, 24, 40, 128)  # log2 of where a function may become affine
POWERS = (0, 1, 2)  # of x, taken out where f(0) = 0: the rows then need no fine grid there
FINE_ENOUGH = int(REACH) << 6
_TESTS = np.array([0.0, 0.06, 0.19, 0.31, 0.44, 0.5, 0.56, 0.69, 0.81, 0.94, 1 - 2**-20])


class NotTabular(Exception):  # noqa: N818
    """The function does not fit: it oscillates, jumps off the grid or grows too fast."""


@dataclass(frozen=True)
class Table:
    """Rows of four coefficients: first those for x >= 0, then those for x < 0."""

    rows: Single
    inverse: float
    near: int
    far: int
    bits: int
    power: int  # the rows give f(x) / x**power
    at_zero: float | None  # where the value at 0 is neither of the one-sided limits
    at_low: float
    at_high: float
    core: Core | None = None  # the same in the middle, for instruction sets that can use it

    @property
    def half(self) -> int:
        """The number of rows for one sign."""
        return self.near + self.far

    def packed(self) -> tuple[bytes | float | int, ...]:
        """Return the fields in the order in which the engine takes them."""
        zero = 0.0 if self.at_zero is None else self.at_zero
        return (self.rows.tobytes(), self.inverse, REACH, zero, self.at_low, self.at_high,
                self.near, self.far, self.bits, self.half, self.power,
                int(self.at_zero is not None),
                *(self.core.packed() if self.core else NO_CORE))  # fmt: skip


def tabulate(function: Function, floor: float = TINY) -> Table:
    """Return the table of `function`, which maps float64 arrays to float64 arrays.

    Args:
        function: the truth.
        floor: an absolute error that is forgiven, beside that of a rounded input.

    Raises:
        NotTabular: if no grid meets the error bound.

    >>> tabulate(np.tanh).near
    512
    """
    with np.errstate(all="ignore"):
        ends = [_narrow(value) for value in function(np.array([0.0, -np.inf, np.inf]))]
        best: Table | None = None
        problem = NotTabular()
        for power in POWERS if ends[0] == 0 else POWERS[:1]:
            try:
                target = Target(_divided(function, power), floor)
                found = _tabulate(target, power, ends)
            except NotTabular as error:
                problem = error
                continue
            best = min(best or found, found, key=lambda table: table.near)
            if best.near <= FINE_ENOUGH:
                break
        if best is None:
            raise problem
        if best.at_zero is not None:
            return best
        target = Target(_divided(function, best.power), floor)
        core = core_of(target, best.power)
        return replace(best, core=core and replace(core, closed=_closed(target, best, core.reach)))


def _divided(function: Function, power: int) -> Function:
    return (lambda x: function(x) / x**power) if power else function


def _tabulate(function: Target, power: int, ends: list[float]) -> Table:
    _probe(function)
    grid, near = _first_that_fits(_near_rows, function, GRIDS)
    bits, far = _first_that_fits(_far_rows, function, OCTAVES)
    rows = np.concatenate([near[0], far[0], near[1], far[1]])
    zero = None if power or ends[0] == near[0][0, 0] == near[1][0, 0] else ends[0]
    size = len(near[0]), len(far[0])
    return Table(rows, 2.0**grid, *size, bits, power, zero, ends[1], ends[2])


def _probe(function: Target) -> None:
    """Give up at once on what the finest grids miss: a few of their rows tell."""
    end, _ = _affine_tails(function)
    width = 2.0 ** -GRIDS[-1]
    near = np.arange(1, int(REACH / width), 31) * width
    octave = np.exp2(np.arange(int(np.log2(REACH)), end, dtype=np.float64))[:, None]
    far = (octave * np.array([1.0, 1.25, 1.625])).ravel()
    wide = np.repeat(octave, 3) * 2.0 ** -OCTAVES[-1]
    left: Array = np.concatenate([near, far])
    size: Array = np.concatenate([np.full(len(near), width), wide])
    for sign in (1, -1):
        _row_at_zero(function, sign * width)
        _cubics(function, sign * left, sign * size)


Sides = tuple[Single, Single]


def _first_that_fits(
    fit: Callable[[Target, int], Sides], function: Target, choices: tuple[int, ...]
) -> tuple[int, Sides]:
    for choice in choices[:-1]:
        try:
            return choice, fit(function, choice)
        except NotTabular:
            continue
    return choices[-1], fit(function, choices[-1])


def _near_rows(function: Target, grid: int) -> Sides:
    step = 2.0**-grid
    left: Array = np.arange(int(REACH) << grid, dtype=np.float64) * step

    def side(sign: int) -> Single:
        first = _row_at_zero(function, sign * step)
        width: Array = np.full(len(left) - 1, sign * step)
        rest = _cubics(function, sign * left[1:], width)
        return np.concatenate([first, rest])

    return side(1), side(-1)


def _far_rows(function: Target, bits: int) -> Sides:
    start = int(np.log2(REACH))
    end, tails = _affine_tails(function)
    octave = np.exp2(np.arange(start, end, dtype=np.float64))[:, None]
    left: Array = (octave * (1 + np.arange(1 << bits) / (1 << bits))).ravel()
    steps = np.exp2(np.arange(start - bits, end - bits, dtype=np.float64))
    width: Array = np.repeat(steps, 1 << bits)

    def side(sign: int) -> Single:
        if not len(left):
            return tails[sign]
        return np.concatenate([_cubics(function, sign * left, sign * width), tails[sign]])

    return side(1), side(-1)


# ---------------------------------------------------------------- rows

_NODES = (1 - np.cos(np.pi * (np.arange(4) + 0.5) / 4)) / 2
_INTERPOLATE = np.linalg.inv(np.vander(_NODES, 4, increasing=True)).T


def _cubics(function: Target, left: Array, width: Array) -> Single:
    """Return a row for each [left, left + width), checked at points between the nodes."""
    at = function(left[:, None] + width[:, None] * _NODES)
    rows = at @ _INTERPOLATE
    beyond = np.all(np.abs(at) > LARGEST, axis=1)
    rows[beyond] = np.sign(at[beyond, :1]) * [[np.inf, 0, 0, 0]]
    rows[beyond, 1:] = 0
    single = rows.astype(np.float32)
    _check(
        function, single, left[:, None], width[:, None], np.broadcast_to(_TESTS, (len(left), 11))
    )
    return single


def _row_at_zero(function: Target, width: float) -> Single:
    """Return the row whose left end is 0, as f(0+) + t**m (...) with the largest m that holds."""
    start = function(np.array([np.copysign(1e-60, width)]))[0]
    tiny = np.concatenate([[0.0], 2.0 ** -np.arange(100.0, 0.0, -3.0), _TESTS[1:]])
    problem = NotTabular("near 0")
    for order in (1, 2, 3):
        nodes = (1 - np.cos(np.pi * (np.arange(4 - order) + 0.5) / (4 - order))) / 2
        ratio = (function(width * nodes) - start) / nodes**order
        tail = np.linalg.solve(np.vander(nodes, len(nodes), increasing=True), ratio)
        row = np.concatenate([[start], np.zeros(order - 1), tail])[None].astype(np.float32)
        try:
            _check(function, row, np.zeros((1, 1)), np.full((1, 1), width), tiny[None, 1:])
            return row
        except NotTabular as error:
            problem = error
    raise problem


def _affine_tails(function: Target) -> tuple[int, dict[int, Single]]:
    """Return log2 of the point from which the function is affine on both sides, and the rows."""
    for end in ENDS[:-1]:
        try:
            return end, {sign: _affine(function, sign, end) for sign in (1, -1)}
        except NotTabular:
            continue
    return ENDS[-1], {sign: np.full((1, 4), np.nan, np.float32) for sign in (1, -1)}


def _affine(function: Target, sign: int, end: int) -> Single:
    points = np.array([2.0**end, 2.0**end * 1.37, 1e30])
    low, _, high = function(sign * points)
    slope = _narrow(high / 1e30 if abs(high) > 1e15 else 0.0)
    row = np.array([[low - slope * points[0], slope, 0, 0]], dtype=np.float32)
    x = np.geomspace(points[0], LARGEST / 2, 60)
    _check(function, row, np.zeros((1, 1)), np.full((1, 1), float(sign)), x[None])
    return row


def _closed(function: Target, table: Table, reach: float) -> int:
    """Return the sides on which the affine tail is right from `reach` on."""
    x = np.concatenate([np.linspace(reach, 130, 4001), np.geomspace(130, LARGEST / 2, 200)])[None]
    last = {1: table.half - 1, -1: 2 * table.half - 1}
    closed = 0
    for sign, row in last.items():
        with suppress(NotTabular):
            _check(function, table.rows[row, None], np.zeros((1, 1)), np.full((1, 1), sign), x)
            closed |= CLOSED[sign]
    return closed


def _narrow(value: float) -> float:
    return float(np.float32(value))


# ---------------------------------------------------------------- the bound


def _check(function: Target, rows: Single, left: Array, width: Array, t: Array) -> None:
    """Raise NotTabular unless the rows, run in single precision, are worth a rounded input."""
    x = left + width * t
    truth = function(x)
    value, slope = horner(rows, t.astype(np.float32))
    found = value.astype(np.float64)
    right = np.abs(found - truth) <= function.allowed(truth, x, slope / width)
    beyond = (np.abs(truth) > LARGEST) & (np.abs(found) > LARGEST / 4) & (found * truth > 0)
    good = right & np.isfinite(found) | beyond | (np.isnan(truth) & np.isnan(found))
    if not good.all():
        worst = np.unravel_index(np.argmin(good), good.shape)
        raise NotTabular(f"at x = {x[worst]:.6g}")
