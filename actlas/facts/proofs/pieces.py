"""A curve cut where its formula changes: on each piece one expression without conditions.

That a condition is decided on a whole piece is itself proved, so a place that the search for
breaks has missed cannot go unnoticed. Between two pieces there is a joint: the one number where
they meet, or, where that is no double, the two doubles around it, with the whole formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from actlas.backends import arb
from actlas.backends.arb import Ball, ball
from actlas.expr import Expr, const, derivative, symbol
from actlas.expr.node import constant_value, neg, power, rebuild, sub
from actlas.facts.curve import Curve
from actlas.facts.proofs import models
from actlas.facts.proofs.boxes import cover
from actlas.facts.proofs.models import UnprovedError
from actlas.facts.proofs.tails import tail_model
from actlas.facts.proofs.waves import period

X = symbol("x")
STARTS = (2.0**3, 2.0**6, 2.0**12, 2.0**24)  # where tails are taken up, tried in turn
_SWITCHED = {"lt": -1, "le": -1, "min": -1, "gt": 1, "ge": 1, "max": 1}


@dataclass(frozen=True)
class Piece:
    """An expression on an interval, infinite at the ends of the line; a joint has the whole."""

    low: float
    high: float
    root: Expr
    joint: bool = False

    def slope(self, order: int = 1) -> Expr:
        """Return the derivative on the piece."""
        return derivative(self.root, "x", order)


def value(root: Expr, low: float, high: float | None = None) -> Ball:
    """Return a ball with all values between two numbers, or at one."""
    return arb.enclose(root, {"x": ball(low, high)})


def cut(curve: Curve) -> tuple[Piece, ...]:
    """Return the pieces of a curve and the joints between them, from left to right.

    Raises:
        UnprovedError: if a condition cannot be decided on a whole piece.
    """
    edges = [(-math.inf, -math.inf), *map(_around, curve.breaks), (math.inf, math.inf)]
    found: list[Piece] = []
    for (before, left), (right, _) in pairwise(edges):
        if found:
            found.append(Piece(before, left, curve.root, joint=True))
        if left < right:
            found.append(Piece(left, right, _Chooser(left, right).chosen(curve.root)))
    return tuple(found)


def _around(place: object) -> tuple[float, float]:
    """Return a break twice where it is a double, else the doubles next to it."""
    near = float(place)  # type: ignore[arg-type]
    if place == near:
        return near, near
    return math.nextafter(near, -math.inf), math.nextafter(near, math.inf)


class _Chooser:
    """Resolves every condition of an expression on one open interval."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high
        self.done: dict[Expr, Expr] = {}

    def chosen(self, node: Expr) -> Expr:
        """Return the node without conditions; what is never taken is never looked at."""
        if not node.args or "x" not in node.symbols:
            return node
        if node not in self.done:
            self.done[node] = self._resolved(node)
        return self.done[node]

    def _resolved(self, node: Expr) -> Expr:
        if node.op == "where":
            first, second = node.args[1:]
            return self.chosen(first if self._holds(node.args[0]) else second)
        if node.op in ("max", "min"):
            return self.chosen(node.args[0 if self._holds(node) else 1])
        args = tuple(map(self.chosen, node.args))
        if node.op in _BENT:
            return _BENT[node.op](args[0], self._sign(args[0]))
        exponent = constant_value(args[-1])
        if node.op == "powr" and exponent is not None and exponent.denominator == 1:
            return power(args[0], int(exponent))
        return rebuild(node, args)

    def _holds(self, node: Expr) -> bool:
        """Say whether the first side of a comparison lies on the side that it asks for."""
        first, second = map(self.chosen, node.args)
        if first is second:
            return node.op not in ("lt", "gt")
        return self._sign(sub(first, second)) == _SWITCHED[node.op]

    def _sign(self, switch: Expr) -> int:
        """Return the sign of an expression on the whole open interval."""
        fixed = constant_value(switch)
        if fixed is not None:
            return (fixed > 0) - (fixed < 0)
        sense = 1 if value(switch, _inside(self.low, self.high)) > 0 else -1
        wanted = switch if sense > 0 else neg(switch)
        positive(Piece(self.low, self.high, wanted))
        return sense


_BENT: Mapping[str, Callable[[Expr, int], Expr]] = {
    "abs": lambda u, sense: u if sense >= 0 else neg(u),
    "sign": lambda u, sense: const(sense),
    "softsign": lambda u, sense: u / (1 + u if sense >= 0 else 1 - u),
    "rabs": lambda u, sense: 1 / (1 + u if sense >= 0 else 1 - u),
}


def _inside(low: float, high: float) -> float:
    """Return a number of the open interval."""
    if math.isinf(low) or math.isinf(high):
        return high - 1 if math.isinf(low) and math.isfinite(high) else max(low, -0.5) + 1
    return (low + high) / 2


def one_period(piece: Piece) -> Piece:
    """Return as much of a piece as says everything about it."""
    if math.isfinite(piece.low) and math.isfinite(piece.high):
        return piece
    turn = period(piece.root)
    if turn is None:
        return piece
    if math.isfinite(piece.high):
        return replace(piece, low=math.nextafter(piece.high - turn, -math.inf))
    low = piece.low if math.isfinite(piece.low) else 0.0
    return replace(piece, low=low, high=math.nextafter(low + turn, math.inf))


def covered(
    piece: Piece, settled: Callable[[float, float], bool], tail: Callable[[int, float], None]
) -> int:
    """Settle a whole piece, boxes up to where its tails are taken up; return how many boxes.

    Args:
        settled: says whether it is certain on a box.
        tail: proves it from a start on towards an end (-1 or 1), or raises UnprovedError.
    """
    piece = one_period(piece)
    ends = [piece.low, piece.high]
    inner = max((abs(end) for end in ends if math.isfinite(end)), default=0.0)
    for index, towards in enumerate((-1, 1)):
        if math.isinf(ends[index]):
            ends[index] = towards * started(tail, towards, inner)
    return cover(ends[0], ends[1], settled)


def started(tail: Callable[[int, float], None], towards: int, inner: float) -> float:
    """Return the first start beyond `inner` from which a tail can be proved."""
    allowed = [start for start in STARTS if start > inner]
    for start in allowed:
        try:
            tail(towards, start)
        except UnprovedError:
            if start == allowed[-1]:
                raise
        else:
            return start
    raise UnprovedError(f"the last piece begins at {inner:g}")


def sense_of(root: Expr, low: float, high: float, depth: int = 4) -> int:
    """Return 1 where root >= 0 on a box is certain, -1 where root <= 0 is, else 0.

    Where it is exactly 0 at an end of the box no ball decides; then its slope does.
    """
    found = value(root, low, high)
    if found >= 0 or found <= 0:
        return 1 if found >= 0 else -1
    first, last = value(root, low), value(root, high)
    if not (depth and (first.is_zero() or last.is_zero())):
        return 0
    rising = sense_of(derivative(root), low, high, depth - 1)
    return rising if first.is_zero() else -rising


def positive(piece: Piece, *, touching: bool = False) -> int:
    """Prove root > 0 inside a piece, at whose ends it may be 0; return the number of boxes.

    Args:
        touching: whether it may be 0 at single numbers inside, too.

    Raises:
        UnprovedError: where it is not certain.
    """

    def settled(low: float, high: float) -> bool:
        if value(piece.root, low, high) > 0:
            return True
        rising = sense_of(piece.slope(), low, high)
        end, edge = (low, piece.low) if rising > 0 else (high, piece.high)
        least, most = value(piece.root, end), value(piece.root, high if rising > 0 else low)
        zero = touching or end == edge
        return bool(rising and most > 0 and (least > 0 or (zero and least >= 0)))

    def tail(towards: int, start: float) -> None:
        if models.sign(tail_model(piece.root, towards, start)) != 1:
            raise UnprovedError("it is 0 towards the end of the line")

    return covered(piece, settled, tail)
