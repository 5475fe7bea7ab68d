"""Range, extrema, zeros, monotone pieces and tails of a curve."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from mpmath import mp, mpf

from actlas.facts.curve import GRID, Array, Curve
from actlas.facts.smoothness import jumps


@dataclass(frozen=True)
class Extremum:
    """A point where the curve takes its smallest or largest value."""

    x: float
    value: float


@dataclass(frozen=True)
class Tail:
    """What the curve does towards one end of the line.

    kind is "constant", "linear", "grows" or "oscillates"; limit is the limit of f (None where it
    oscillates); slope the limit of f'.
    """

    kind: str
    limit: float | None
    slope: float | None

    def __str__(self) -> str:
        if self.kind == "constant":
            return f"tends to {self.limit:.6g}"
        if self.kind == "linear":
            return f"grows like {self.slope:.6g} x"
        return "oscillates for ever" if self.kind == "oscillates" else "grows without bound"


def tail(curve: Curve, towards: int) -> Tail:
    """Return the tail at +inf (towards=1) or -inf (towards=-1)."""
    limit, slope = curve.limit(towards), curve.slope().limit(towards)
    if limit is None:
        return Tail("oscillates", None, slope)
    if math.isfinite(limit):
        return Tail("constant", limit, slope)
    linear = slope is not None and math.isfinite(slope) and slope != 0
    return Tail("linear" if linear else "grows", limit, slope)


def turning_points(curve: Curve) -> list[float]:
    """Return the x where the derivative changes its sign, and the breaks of the formula."""
    slope = curve.slope()
    signs = np.sign(slope(GRID))
    moving = np.flatnonzero(signs)
    flips = np.flatnonzero(signs[moving[:-1]] * signs[moving[1:]] < 0)
    found = slope.halve(GRID[moving[flips]], GRID[moving[flips + 1]]).tolist()
    breaks = [float(b) for b in curve.breaks]
    turns = [x for x in found if all(abs(x - b) > 1e-12 * max(1, abs(b)) for b in breaks)]
    return sorted({*turns, *breaks})


def extremes(curve: Curve) -> tuple[tuple[float, float], Extremum | None, Extremum | None]:
    """Return the range, and the attained minimum and maximum where there are any."""
    points = np.array([0.0, *turning_points(curve)])
    points = points[np.argsort(np.abs(points), kind="stable")]  # of equal values the nearest to 0
    values = curve(points)
    ends = [_end_values(curve, towards) for towards in (-1, 1)]
    ends += [(min(sides), max(sides)) for sides in beside_jumps(curve)]
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    equal = 1e-13 * max(1.0, float(np.abs(values).max()))  # SSU has two minima of one depth
    least = int(np.argmax(values <= values.min() + equal))
    most = int(np.argmax(values >= values.max() - equal))
    minimum = Extremum(float(points[least]), float(values[least]))
    maximum = Extremum(float(points[most]), float(values[most]))
    return (
        (min(low, minimum.value), max(high, maximum.value)),
        minimum if minimum.value <= low else None,
        maximum if maximum.value >= high else None,
    )


def beside_jumps(curve: Curve) -> list[tuple[float, float]]:
    """Return the limits from the left and the right at every place where the curve itself jumps."""
    step, torn = mpf(10) ** -30, jumps(curve, 0)
    with mp.workdps(60):
        sides = [
            (curve.exactly(b - step), curve.exactly(b + step))
            for b in curve.breaks
            if float(b) in torn
        ]
    return [(_tidy(left), _tidy(right)) for left, right in sides]


def _tidy(value: mpf) -> float:
    return 0.0 if abs(value) < 1e-25 else float(value)


def _end_values(curve: Curve, towards: int) -> tuple[float, float]:
    """Return the least and greatest values approached towards one end."""
    limit = curve.limit(towards)
    if limit is not None:
        return limit, limit
    near, far = (_sample(curve, towards, size) for size in (1e3, 1e6))
    low = -math.inf if far.min() < 10 * min(near.min(), -1.0) else float(near.min())
    high = math.inf if far.max() > 10 * max(near.max(), 1.0) else float(near.max())
    return low, high


def _sample(curve: Curve, towards: int, size: float) -> Array:
    return curve(towards * (size + np.linspace(0, 1000, 20_011)))


def zeros(curve: Curve) -> tuple[float, ...]:
    """Return the isolated zeros in [-40, 40]; a stretch of zeros (ReLU's left half) has none."""
    breaks = np.array([0.0, *(float(b) for b in curve.breaks)])
    found = np.concatenate([curve.roots(), breaks[curve(breaks) == 0]])
    step = 1e-3 * (1 + np.abs(found))
    isolated = found[(curve(found - step) != 0) & (curve(found + step) != 0)]
    rounded = np.where(np.abs(isolated) < 1e-12, 0.0, np.round(isolated, 14))
    return tuple(np.unique(rounded[np.abs(rounded) <= 40]).tolist())


def monotone_intervals(curve: Curve) -> tuple[tuple[float, float, int], ...]:
    """Return (from, to, direction) pieces over the line; direction is 1, -1 or 0 (constant).

    Pieces are looked for in [-40, 40]; beyond, the outermost piece is continued.
    """
    slope = curve.slope()
    with np.errstate(all="ignore"):
        signs = np.sign(slope(GRID))
    edges = [float(GRID[0]), *(x for x in turning_points(curve)), float(GRID[-1])]
    pieces: list[tuple[float, float, int]] = []
    for low, high in itertools.pairwise(edges):
        inside = signs[(low < GRID) & (high > GRID)]
        direction = int(np.sign(np.sum(inside))) if inside.size else 0
        if pieces and pieces[-1][2] == direction:
            low = pieces.pop()[0]
        pieces.append((low, high, direction))
    first, last = pieces[0], pieces[-1]
    pieces[0] = (-math.inf, first[1], first[2])
    pieces[-1] = (pieces[-1][0], math.inf, last[2])
    return tuple(pieces)


def lipschitz(curve: Curve) -> float:
    """Return sup |f'|, or infinity."""
    slope = curve.slope()
    points = np.array([0.0, *turning_points(slope)])
    ends = [abs(v) for towards in (-1, 1) for v in _end_values(slope, towards)]
    return max(float(np.abs(slope(points)).max()), *beside_breaks(slope), *ends)


def beside_breaks(slope: Curve) -> list[float]:
    """Return |f'| just left and right of every place where a piece of the formula changes."""
    step = mpf(10) ** -30
    with mp.workdps(60):
        return [
            float(abs(slope.exactly(b + side)))
            for b in slope.breaks
            for side in (-step * max(1, abs(b)), step * max(1, abs(b)))
        ]
