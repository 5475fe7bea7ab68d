"""What is proved of a whole curve: that it stays above a number, and that it comes near one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from actlas.backends.arb import Ball, ball
from actlas.expr.node import neg
from actlas.facts.proofs import models
from actlas.facts.proofs.models import Model, UnprovedError
from actlas.facts.proofs.pieces import Piece, covered, sense_of, started, value
from actlas.facts.proofs.tails import tail_model
from actlas.facts.proofs.waves import leaves

Pieces = Sequence[Piece]


def derived(pieces: Pieces) -> tuple[Piece, ...]:
    """Return the slope of every piece; at a joint that is one number there is none."""
    kept = [piece for piece in pieces if piece.low < piece.high]
    return tuple(replace(piece, root=piece.slope()) for piece in kept)


def flipped(pieces: Pieces) -> tuple[Piece, ...]:
    """Return the pieces of -f."""
    return tuple(replace(piece, root=neg(piece.root)) for piece in pieces)


def clipped(pieces: Pieces, low: float, high: float) -> tuple[Piece, ...]:
    """Return what of the pieces lies between two numbers."""
    found = [replace(p, low=max(p.low, low), high=min(p.high, high)) for p in pieces]
    return tuple(piece for piece in found if piece.low <= piece.high)


def at_least(pieces: Pieces, least: Ball, *, strict: bool = False) -> int:
    """Prove f >= least, or f > least, on every piece; return the number of boxes.

    Raises:
        UnprovedError: where it is not certain.
    """
    return sum(_piece_at_least(piece, least, strict) for piece in pieces)


def _piece_at_least(piece: Piece, least: Ball, strict: bool) -> int:
    def enough(found: Ball) -> bool:
        return bool(found > least if strict else found >= least)

    def settled(low: float, high: float) -> bool:
        """A ball of values says it, or a slope that never turns, or the mean value theorem."""
        if enough(value(piece.root, low, high)):
            return True
        slope = value(piece.slope(), low, high)
        if low == high or not slope.is_finite():
            return False
        middle = (low + high) / 2
        if enough(value(piece.root, middle) + slope * (ball(low, high) - middle)):
            return True
        rising = sense_of(piece.slope(), low, high)
        return bool(rising and enough(value(piece.root, low if rising > 0 else high)))

    def tail(towards: int, start: float) -> None:
        if not _above(piece, towards, start, least, strict):
            slope = tail_model(piece.slope(), towards, start)
            rising = models.sign(slope) * towards >= 0
            if not (rising and enough(value(piece.root, towards * start))):
                raise UnprovedError("the bound is not certain towards the end of the line")

    return covered(piece, settled, tail)


def _above(piece: Piece, towards: int, start: float, least: Ball, strict: bool) -> bool:
    try:
        model = tail_model(piece.root, towards, start)
        over = models.sign(models.plus(model, models.held(-least, start)))
    except UnprovedError:
        return False
    return over > 0 or (over == 0 and not strict)


def comes_below(pieces: Pieces, place: float, most: Ball) -> bool:
    """Say whether the values at a number, or towards an end of the line, come down to `most`."""
    if math.isfinite(place):
        here = [piece for piece in pieces if piece.low <= place <= piece.high]
        return any(bool(value(piece.root, place) <= most) for piece in here)
    towards = 1 if place > 0 else -1
    piece = pieces[-1 if place > 0 else 0]
    try:
        return any(bool(end <= most) for end in _ends(piece, towards))
    except UnprovedError:
        return False


def _ends(piece: Piece, towards: int) -> list[Ball]:
    """Return balls to which a piece comes near towards an end, infinite ones among them."""
    try:
        model = tail_model(piece.root, towards, 64.0)
        if not models.growth(model):
            return [models.limit(model)]
        senses = {models.sign(model)}
    except UnprovedError:
        senses = leaves(piece.root, towards) or _integrated(piece, towards)
    return [sense * ball(math.inf) for sense in senses]


def _integrated(piece: Piece, towards: int) -> set[int]:
    """Return the infinity to which a slope leads that falls no faster than 1/x."""
    return {models.diverges(tail_model(piece.slope(), towards, 64.0)) * towards} - {0}


def above_limit(pieces: Pieces, bound: tuple[float, ...], towards: int) -> int:
    """Prove that f stays above its limit towards one end, strictly, and that the bound holds it."""
    outer = pieces[0 if towards < 0 else -1]
    low, high = outer.low, outer.high
    inner = max((abs(end) for end in (low, high) if math.isfinite(end)), default=0.0)
    start = started(lambda *at: _check_above(outer, *at), towards, inner)
    least = _limit(outer, towards, start)
    if not ball(bound[0]) <= least <= bound[1]:
        raise UnprovedError("the limit lies elsewhere")
    rest = clipped(pieces, -start, math.inf) if towards < 0 else clipped(pieces, -math.inf, start)
    return at_least(rest, least, strict=True)


def _limit(piece: Piece, towards: int, start: float) -> Ball:
    constant = tail_model(piece.root, towards, start).terms.get(models.UNIT)
    return ball(0) if constant is None else constant.ball


def _check_above(piece: Piece, towards: int, start: float) -> None:
    model = tail_model(piece.root, towards, start)
    constant = model.terms.get(models.UNIT)
    if models.growth(model) or (constant and constant.exact is None):
        raise UnprovedError("the limit is not known exactly")
    rest = Model({s: f for s, f in model.terms.items() if s != models.UNIT}, start)
    if models.sign(rest) != 1:
        raise UnprovedError("the limit is not approached from above")
