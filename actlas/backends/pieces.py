"""A piecewise polynomial in single precision, as the CPU engine reads it.

Many activations are a few polynomials of low degree side by side, and so are their derivatives.
Such a function needs no table: a comparison for each joint chooses the coefficients, and the
polynomial is evaluated in registers. Whether single precision is exact enough is measured, as for
a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from actlas.backends.bounds import EPS, LARGEST, TINY, UNITS
from actlas.backends.polynomials import (
    NotPieces,
    Piecewise,
    Polynomial,
    moved,
    piecewise,
    value_at,
)
from actlas.expr import Expr

Array = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]

MOST_KNOTS, MOST_DEGREE = 4, 3  # as in engine.h
_SHARE = 1e-3  # of the error of a rounded input, that may be lost where a piece is zero


@dataclass(frozen=True)
class Pieces:
    """Row i serves from knots[i - 1] on: c0 + u (c1 + u (c2 + u c3)), u = x - anchor.

    x is first moved into [low, high], outside of which the function is constant.
    """

    knots: Single
    rows: Single
    anchor: float
    low: float
    high: float

    @property
    def degree(self) -> int:
        """The degree of the polynomials."""
        return int(self.rows.shape[1]) - 1

    @property
    def cost(self) -> float:
        """Roughly the cycles for eight numbers, as in `backends/program.py`."""
        return 1 + self.degree // 2 + len(self.knots) * (self.degree + 1) / 3

    def packed(self) -> tuple[bytes | float, ...]:
        """Return the fields in the order in which the engine takes them."""
        return self.knots.tobytes(), self.rows.T.tobytes(), self.anchor, self.low, self.high

    def __call__(self, x: Single) -> Single:
        """Return what the engine computes, but for the infinities."""
        row = np.searchsorted(self.knots, x, side="right")
        u = np.clip(x, np.float32(self.low), np.float32(self.high)) - np.float32(self.anchor)
        total: Single = self.rows[row, -1]
        for k in range(self.degree - 1, -1, -1):
            total = total * u + self.rows[row, k]
        return total


def fitted(root: Expr, *, whole: bool = True) -> Pieces:
    """Return the pieces of an expression in x, with the anchor that keeps most digits.

    Raises:
        NotPieces: if it is something else, or single precision would lose too much.
    """
    exact = piecewise(root, whole=whole)
    if max(map(len, exact.cells)) > MOST_DEGREE + 1:
        raise NotPieces
    anchors = [Fraction(0), *(knot for knot in exact.knots if _is_single(knot))]
    with np.errstate(all="ignore"):
        found = [_rounded(exact, anchor) for anchor in anchors]
        losses = [_loss(exact, pieces) for pieces in found]
    best = min(range(len(found)), key=lambda index: losses[index])
    if not np.isfinite(losses[best]) or len(found[best].knots) > MOST_KNOTS:
        raise NotPieces
    return found[best]


def _is_single(x: Fraction) -> bool:
    return Fraction(float(np.float32(float(x)))) == x


def _from(x: Fraction) -> np.float32:
    """Return the smallest float32 that is not below x."""
    near = np.float32(float(x))
    return near if Fraction(float(near)) >= x else np.nextafter(near, np.float32(np.inf))


def _rounded(exact: Piecewise, anchor: Fraction) -> Pieces:
    size = max(1, *map(len, exact.cells)) if exact.cells else 1
    rows, knots = [_row(exact.cells[0], anchor, size)], []
    for index, knot in enumerate(exact.knots):
        inside, right = exact.cells[2 * index + 1 : 2 * index + 3]
        start, after = _from(knot), np.nextafter(_from(knot), np.float32(np.inf))
        value, row = np.float32(float(value_at(inside, knot))), _row(right, anchor, size)
        offset = np.float32(float(knot - anchor))
        if not _is_single(knot) or _reaches(row, offset, value):
            knots.append(start)
        elif _reaches(rows[-1], offset, value):
            knots.append(after)
        else:  # a value that is neither of the one-sided limits
            knots += [start, after]
            rows.append(_row(inside, anchor, size))
        rows.append(row)
    return _clamped(np.array(knots, np.float32), np.array(rows, np.float32), float(anchor))


def _row(p: Polynomial, anchor: Fraction, size: int) -> Single:
    local = moved(p, anchor)
    return np.array([float(c) for c in local] + [0.0] * (size - len(local)), np.float32)


def _reaches(row: Single, u: np.float32, value: np.float32) -> bool:
    """Say whether a row gives the value, by fused and by plain multiplications."""
    plain = fused = row[-1]
    for c in row[-2::-1]:
        plain, fused = plain * u + c, np.float32(float(fused) * float(u) + float(c))
    return bool(plain == fused == value)


def _clamped(knots: Single, rows: Single, anchor: float) -> Pieces:
    """Leave out constant ends that the polynomial next to them reaches by itself."""
    ends, moving = [-np.inf, np.inf], rows.shape[1] > 1
    for side in (0, 1):
        end = -side  # the first, or the last
        constant = moving and not rows[end, 1:].any()
        ends[side] = (2 * side - 1) * LARGEST if constant else ends[side]
        if not constant or not len(knots):
            continue
        at = knots[end] if side == 0 else np.nextafter(knots[end], np.float32(-np.inf))
        for place in (knots[end], at):
            if _reaches(rows[1 - 3 * side], place - np.float32(anchor), rows[end, 0]):
                ends[side] = float(place)
                keep = slice(1, None) if side == 0 else slice(None, -1)
                knots, rows = knots[keep], rows[keep]
                break
    return Pieces(knots, rows, anchor, ends[0], ends[1])


# ---------------------------------------------------------------- the bound


def _loss(exact: Piecewise, pieces: Pieces) -> float:
    """Return the error beside that of a rounding; infinite where a rounded input is worth less."""
    x = _places(exact)
    truth, slope = _truth(exact, x, float(pieces.anchor))
    found = pieces(x).astype(np.float64)
    condition = np.abs(truth) + np.abs(x * slope)
    error = np.abs(found - truth)
    beyond = (np.abs(truth) > LARGEST) & (np.abs(found) > LARGEST / 4) & (found * truth > 0)
    if not np.all((error <= UNITS * EPS * condition + TINY) | beyond):
        return np.inf
    share = error / (EPS * (np.abs(truth) + _SHARE * condition) + TINY)
    return float(np.max(share[~beyond], initial=0.0))


def _places(exact: Piecewise) -> Single:
    size = np.concatenate([np.geomspace(1e-38, 1e38, 153), np.linspace(0, 20, 401)])
    beside = [_from(knot) for knot in exact.knots]
    for step in (-np.inf, np.inf):
        around = [_from(knot) for knot in exact.knots]
        for _ in range(4):
            around = [np.nextafter(x, np.float32(step)) for x in around]
            beside += around
    return np.concatenate([size, -size, beside]).astype(np.float32)


def _truth(exact: Piecewise, x: Single, anchor: float) -> tuple[Array, Array]:
    """Return value and slope in double precision; an exact knot decides by its own cell."""
    wide = x.astype(np.float64)
    cell = np.zeros(len(x), int)
    for knot in exact.knots:
        start = float(_from(knot))
        cell += np.where(wide < start, 0, np.where((wide == start) & _is_single(knot), 1, 2))
    value, slope = np.zeros_like(wide), np.zeros_like(wide)
    for index, p in enumerate(exact.cells):
        here = cell == index
        local = [float(c) for c in moved(p, Fraction(anchor))] or [0.0]
        poly = np.polynomial.Polynomial(local)
        value[here], slope[here] = poly(wide[here] - anchor), poly.deriv()(wide[here] - anchor)
    return value, slope
