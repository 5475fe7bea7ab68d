"""What the output tells of the input: the monotone branches, and f' as a function of f.

On a monotone piece y determines x, so f'(x) is a function of y. A function with one extremum has
two such branches, and one bit says which. Near the extremum f' behaves like the square root of the
distance of y from it, so that root is the variable there; towards a limit that y approaches but
does not reach, the variable runs to infinity, so that a table can follow f' all the way to 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from actlas.errors import ActlasError
from actlas.facts import Facts
from actlas.facts.curve import Array, Curve

Slope = Callable[[Array], Array]
_FAR = 1e38  # stands for the end of the line


@dataclass(frozen=True)
class Piece:
    """f' as a function of y from `start` upwards; whether the start itself belongs to it."""

    start: float
    closed: bool
    slope: Slope


@dataclass(frozen=True)
class Branch:
    """One monotone branch.

    ends: the distance from the origin (the extremum, or y = 0) to the limits below and above,
    infinite where there are none.
    """

    ends: tuple[float, float]
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Branches:
    """How f' is recovered from the output.

    split, turn: the extremum (x, f(x)), split None where f is monotone; at_turn: f' there; sign: 1
    for a minimum, -1 for a maximum; branches: left and right, or the only one; flats: outputs on
    which f stays (with a split, only where a branch ends), where its slope is 0.
    """

    split: float | None
    turn: float
    at_turn: float
    sign: int
    branches: tuple[Branch, ...]
    flats: tuple[float, ...]

    def to_output(self, u: Array, branch: Branch) -> Array:
        """Return the y whose place on the branch is `u`: the inverse of what kernels compute."""
        below, above = branch.ends
        if self.split is not None:
            root = _from_place(np.abs(u), above)
            return np.asarray(self.turn + self.sign * np.square(root))
        size = np.abs(u)
        return np.asarray(np.where(u < 0, -_from_place(size, below), _from_place(size, above)))


def _from_place(u: Array, end: float) -> Array:
    """Return the distance whose place u is distance / (end - distance)."""
    return u if math.isinf(end) else np.asarray(end - end / (1 + u))


def branches(facts: Facts, name: str) -> Branches:
    """Return how f' is recovered from f(x) and at most one bit.

    Raises:
        ActlasError: if f has more than two monotone branches, with the reason.

    >>> from actlas.catalogue import find
    >>> from actlas.facts import facts_of
    >>> branches(facts_of(find("tanh")), "tanh").branches[0].ends
    (1.0, 1.0)
    """
    senses = _senses(facts)
    if any(tail.kind == "oscillates" for tail in facts.tails) or len(senses) > 2:
        raise ActlasError(f"{name} has more than two monotone branches; its output and one bit "
                          "do not tell the derivative: use save='input' or 'few-bit'")  # fmt: skip
    limits = tuple(t.limit if t.kind == "constant" else None for t in facts.tails)
    if len(senses) < 2:
        return _monotone(facts, limits, senses)
    sign = 1 if senses == [-1, 1] else -1
    extremum = facts.minimum if sign == 1 else facts.maximum
    if extremum is None:
        raise ActlasError(f"{name} takes its extremum nowhere: use save='input'")
    sides = []
    for limit, (low, high) in zip(limits, ((-_FAR, extremum.x), (extremum.x, _FAR)), strict=True):
        end = math.inf if limit is None else math.sqrt(abs(limit - extremum.value))
        sides.append(Branch((math.inf, end), _pieces(facts, low, high)))
    at_turn = float(facts.curve.slope()(extremum.x))
    return Branches(extremum.x, extremum.value, at_turn, sign, tuple(sides), ())


def _monotone(facts: Facts, limits: tuple[float | None, ...], senses: list[int]) -> Branches:
    low, high = facts.range
    below = -low if math.isfinite(low) and low < 0 else math.inf
    above = high if math.isfinite(high) and high > 0 else math.inf
    only = Branch((below, above), _pieces(facts, -_FAR, _FAR))
    return Branches(None, 0.0, 0.0, 1, (only,), _flats(facts, limits))


def _senses(facts: Facts) -> list[int]:
    """Return the directions from left to right, without pauses and repetitions."""
    found: list[int] = []
    for *_, direction in facts.monotone_intervals:
        if direction and found[-1:] != [direction]:
            found.append(direction)
    return found


def _flats(facts: Facts, limits: tuple[float | None, ...]) -> tuple[float, ...]:
    """Return the values on which f stays, and the limits that a rounded output takes."""
    found = [value for value in limits if value is not None]
    for low, high, sense in facts.monotone_intervals:
        if sense == 0:
            inside = (max(low, -50.0) + min(high, 50.0)) / 2
            found.append(float(facts.curve(inside)))
    return tuple(dict.fromkeys(found))


def _pieces(facts: Facts, low: float, high: float) -> tuple[Piece, ...]:
    """Return f' as a function of y between the joints of f inside (low, high), by rising y."""
    curve = facts.curve
    edges = [low, *(float(b) for b in curve.breaks if low < b < high), high]
    pieces = []
    for left, right in pairwise(edges):
        ends = curve(np.clip([left, right], -1e30, 1e30))
        if ends[0] != ends[1]:
            start = left if ends[0] < ends[1] else right
            inwards = 1e-6 if start == left else -1e-6
            closed = _belongs(curve, start, inwards)
            pieces.append(Piece(float(min(ends)), closed, _slope_of_output(curve, left, right)))
    return tuple(sorted(pieces, key=lambda piece: piece.start))


def _belongs(curve: Curve, joint: float, inwards: float) -> bool:
    """Say whether f' at a joint is that of the piece which lies `inwards` of it."""
    at, within, outside = curve.slope()(np.array([joint, joint + inwards, joint - inwards]))
    return bool(abs(at - within) <= abs(at - outside))


def _slope_of_output(curve: Curve, low: float, high: float) -> Slope:
    """Return f'(f^-1(y)) for low <= x <= high, continued by a line beyond the values there."""
    slope = curve.slope()
    inside = 1e-9 * max(1.0, min(abs(low), abs(high)))  # a joint belongs to one side only
    a, b = (float(np.arcsinh(x)) for x in (low + inside, high - inside))
    with np.errstate(all="ignore"):
        ends = sorted(float(curve(np.sinh(t))) for t in (a, b))
        middle = curve(np.sinh([a + (b - a) * 0.4, a + (b - a) * 0.6]))
    rising = bool(middle[1] > middle[0]) if middle[1] != middle[0] else bool(
        curve(np.sinh(b)) > curve(np.sinh(a)))  # fmt: skip

    def within(y: Array) -> Array:
        left, right = np.full(y.shape, a), np.full(y.shape, b)
        for _ in range(56):
            centre = (left + right) / 2
            above = (curve(np.sinh(centre)) > y) == rising
            left, right = np.where(above, left, centre), np.where(above, centre, right)
        return np.asarray(slope(np.sinh((left + right) / 2)))

    def evaluate(y: Array) -> Array:
        with np.errstate(all="ignore"):
            held = np.clip(y, ends[0], ends[1])
            value = within(held)
            if np.all(y == held):
                return value
            step = 1e-6 * max(1.0, min(map(abs, ends)))
            towards = np.where(y > held, held - step, held + step)
            beyond = (value - within(towards)) / (held - towards) * (y - held)
            return value + np.where(y == held, 0.0, np.nan_to_num(beyond))

    return evaluate
