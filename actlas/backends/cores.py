"""The middle of a table once more, as a few polynomials of higher degree.

An instruction set that picks among 32 numbers in one instruction (AVX-512) keeps 16 polynomials a
side in registers and loads no row at all. Wide intervals round more: wherever the function crosses
zero, x - root is taken out, so that small values keep their digits. Which reach and which degree
is found by fitting; where nothing meets the bound, the table serves alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actlas.backends.bounds import Array, Function, Single, Target, horner

INTERVALS = 16  # of each sign
MOST_ROOTS = 4  # as in engine.h
# Reach and degree. Each degree costs a twelfth of the time, and each input beyond the reach that
# of a few rows; in this order both together rise, for normal inputs of a deviation of two.
CHOICES = ((8.0, 5), (8.0, 6), (6.0, 6), (8.0, 7), (7.0, 7), (4.0, 5), (6.0, 7), (8.0, 8),
           (4.0, 6), (6.0, 8), (4.0, 7), (4.0, 8), (3.0, 7), (3.0, 8))  # fmt: skip
RELATIVE, SMALL = 1e-5, 1e-3  # the contract: a relative error, of values that are not small
_MARGIN = 0.7  # of the contract, for points between those that are tried
_TESTS: Array = np.concatenate([np.linspace(0, 1, 65)[:-1], [1 - 2**-20]])
_TINY = 2.0 ** -np.arange(100.0, 0.0, -3.0)


@dataclass(frozen=True)
class Core:
    """A polynomial in each of `INTERVALS` equal parts of [0, reach), and of (-reach, 0]."""

    coefficients: Single  # (degree + 1, 2 * INTERVALS): those for x >= 0 first
    reach: float
    roots: tuple[float, ...]  # the polynomials are those of f over all x - root; in two halves each
    closed: int = 0  # CLOSED[sign] for each side where the affine tail begins at the reach

    def packed(self) -> tuple[bytes | float | int, ...]:
        """Return the fields in the order in which the engine takes them."""
        halves = np.array(self.roots, np.float32).tobytes()
        return self.coefficients.tobytes(), self.reach, halves, self.closed

    def away(self, x: Array) -> Single:
        """Return the product of all x - root in single precision."""
        single = x.astype(np.float32)
        product = np.ones_like(single)
        for high, low in zip(self.roots[::2], self.roots[1::2], strict=True):
            product = product * ((single - np.float32(high)) - np.float32(low))
        return product


NO_CORE = (b"", 0.0, b"", 0)
CLOSED = {1: 1, -1: 2}  # as in engine.h


def core_of(target: Target, power: int) -> Core | None:
    """Return the core of the first of `CHOICES` that fits, or None.

    Args:
        target: the function divided by x**power, and the error that is forgiven.
        power: of x, by which values are multiplied in the end.
    """
    roots = _roots(target)
    if len(roots) > MOST_ROOTS:
        return None
    for reach, degree in CHOICES:
        least = SMALL / max(reach**power, 1.0)
        sides = [_side(target, roots, sign * reach / INTERVALS, degree) for sign in (1, -1)]
        core = Core(np.ascontiguousarray(np.concatenate(sides).T), reach, _halves(roots))
        if all(_fits(target, core, sign, least) for sign in (1, -1)):
            return core
    return None


def _roots(function: Function) -> list[float]:
    """Return where the function changes its sign within the widest reach, 0 left out."""
    step = CHOICES[0][0] / 512
    x: Array = step * (np.arange(-512, 512, dtype=np.float64) + 2.0**-10)
    sign = np.sign(function(x))
    changes = np.flatnonzero(sign[:-1] * sign[1:] < 0)
    return [_root(function, float(x[k]), step) for k in changes if abs(x[k] + step / 2) > step]


def _root(function: Function, low: float, step: float) -> float:
    start = function(np.array([low]))[0]
    while step > 1e-16:
        step /= 2
        low += step if function(np.array([low + step]))[0] * start > 0 else 0.0
    return low


def _halves(roots: list[float]) -> tuple[float, ...]:
    """Return each root as the nearest single number, and what that leaves."""
    high = [float(np.float32(root)) for root in roots]
    low = [float(np.float32(root - near)) for root, near in zip(roots, high, strict=True)]
    return tuple(half for pair in zip(high, low, strict=True) for half in pair)


def _side(function: Function, roots: list[float], width: float, degree: int) -> Single:
    def quotient(x: Array) -> Array:
        product: Array = np.prod([x - root for root in roots], axis=0)
        return function(x) / product

    left = width * np.arange(1, INTERVALS)[:, None]
    nodes, solve = _interpolation(degree + 1)
    rest = quotient(left + width * nodes) @ solve
    start = quotient(np.array([np.copysign(1e-60, width)]))[0]
    order = _order(lambda t: quotient(width * t) - start)
    inner, solve = _interpolation(degree + 1 - order)
    first = (quotient(width * inner) - start) / inner**order @ solve
    return np.vstack([[start, *[0.0] * (order - 1), *first], rest]).astype(np.float32)


def _order(rise: Function) -> int:
    """Return the power of t, up to 3, with which a function leaves 0."""
    tiny, small = np.abs(rise(np.array([1e-24, 1e-2])))
    return next((m for m in (1, 2) if tiny / 1e-24**m > 1e-6 * small / 1e-2**m), 3 if tiny else 1)


def _interpolation(points: int) -> tuple[Array, Array]:
    """Return Chebyshev nodes in (0, 1), and the matrix from values there to coefficients."""
    nodes: Array = (1 - np.cos(np.pi * (np.arange(points) + 0.5) / points)) / 2
    solve = np.linalg.inv(np.vander(nodes, points, increasing=True)).T.astype(np.float64)
    return nodes, solve


def _fits(target: Target, core: Core, sign: int, least: float) -> bool:
    half = slice(0, INTERVALS) if sign > 0 else slice(INTERVALS, None)
    rows, width = core.coefficients[:, half].T, sign * core.reach / INTERVALS
    left: Array = width * np.arange(INTERVALS, dtype=np.float64)[:, None]
    near_zero: Array = np.concatenate([_TINY, _TESTS[1:]])[None]
    return _right(target, core, rows[:1], left[:1], width, near_zero, least) and _right(
        target, core, rows[1:], left[1:], width, _TESTS[None], least
    )


def _right(
    target: Target, core: Core, rows: Single, left: Array, width: float, t: Array, least: float
) -> bool:
    """Say whether the polynomials, run in single precision, keep the bound and the contract."""
    x = left + width * t
    truth = target(x)
    value, slope = horner(rows, np.broadcast_to(t, x.shape).astype(np.float32))
    away = core.away(x)
    steepness = sum(width / (x - root) for root in core.roots[::2])
    slope, value = slope * away + value * away * steepness, value * away
    contract = _MARGIN * RELATIVE * np.maximum(np.abs(truth), least)
    allowed = np.minimum(target.allowed(truth, x, slope.astype(np.float64) / width), contract)
    return bool((np.abs(value - truth) <= allowed).all())
