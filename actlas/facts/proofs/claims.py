"""What is certified of a function, claim by claim: the check that proves it.

A check reads the certificate and the formula and nothing else; whatever the search for facts
found or missed plays no part in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

from actlas.backends import arb
from actlas.backends.arb import ball
from actlas.expr import const, substitute
from actlas.expr.node import ZERO, neg, sub
from actlas.facts.curve import Curve
from actlas.facts.proofs.bounding import (
    Pieces,
    above_limit,
    at_least,
    clipped,
    comes_below,
    derived,
    flipped,
)
from actlas.facts.proofs.certificate import Certificate, Numbers
from actlas.facts.proofs.models import UnprovedError
from actlas.facts.proofs.pieces import Piece, X, covered, cut, positive, value
from actlas.facts.proofs.tails import tail_model

_ORDERS = 5  # as far as the facts look


@dataclass(frozen=True, eq=False)
class Subject:
    """A formula with its numbers, and beside it the paper's own form where there is one."""

    curve: Curve
    printed: Curve

    @cached_property
    def pieces(self) -> Pieces:
        """The pieces of f; UnprovedError where a condition is not decided."""
        return cut(self.curve)

    @cached_property
    def slopes(self) -> Pieces:
        """The pieces of f'."""
        return derived(self.pieces)


def check(certificate: Certificate, subject: Subject) -> int:
    """Prove what a certificate claims and return the number of boxes that it took.

    Raises:
        UnprovedError: with the reason; not everything that is right can be proved.
    """
    with arb.precision(certificate.bits):
        try:
            return _CHECKS[certificate.claim](certificate, subject)
        except UnprovedError:
            if subject.printed is subject.curve:
                raise
            return _CHECKS[certificate.claim](
                certificate, Subject(subject.printed, subject.printed)
            )


# ---------------------------------------------------------------- bounds of f and of |f'|


def _infimum(pieces: Pieces, bound: Numbers, place: float) -> int:
    """Prove that the infimum lies in [bound[0], bound[1]]."""
    least, most = bound
    if not comes_below(pieces, place, ball(most)):
        raise UnprovedError(f"no value is known to come to {most:.9g}")
    return at_least(pieces, ball(least)) if math.isfinite(least) else 0


def _check_infimum(certificate: Certificate, subject: Subject) -> int:
    return _infimum(subject.pieces, certificate.bound, certificate.places[0])


def _check_supremum(certificate: Certificate, subject: Subject) -> int:
    return _infimum(flipped(subject.pieces), _negated(certificate.bound), certificate.places[0])


def _check_lipschitz(certificate: Certificate, subject: Subject) -> int:
    """sup |f'| lies in the bound: f' and -f' stay below it, and one of them comes near."""
    bound, down, up = _negated(certificate.bound), subject.slopes, flipped(subject.slopes)
    place = certificate.places[0]
    if not any(comes_below(side, place, ball(bound[1])) for side in (down, up)):
        raise UnprovedError(f"no slope is known to come to {certificate.bound[0]:.9g}")
    if math.isinf(bound[0]):
        return 0
    return at_least(down, ball(bound[0])) + at_least(up, ball(bound[0]))


def _negated(bound: Numbers) -> Numbers:
    low, high = bound
    return -high, -low


# ---------------------------------------------------------------- extrema


def _check_minimum(certificate: Certificate, subject: Subject) -> int:
    return _extremum(certificate, subject.pieces, certificate.bound)


def _check_maximum(certificate: Certificate, subject: Subject) -> int:
    return _extremum(certificate, flipped(subject.pieces), _negated(certificate.bound))


def _extremum(certificate: Certificate, pieces: Pieces, bound: Numbers) -> int:
    """Prove a minimum: taken exactly at one number, or somewhere in an interval and only there."""
    if len(certificate.places) == 1:
        return _never_reached(pieces, bound, certificate.places[0])
    left, right = certificate.places
    inside = [p for p in pieces if p.low <= left and right <= p.high and not p.joint]
    if not inside:
        raise UnprovedError("the place of the extremum lies across a joint")
    here = value(inside[0].root, (left + right) / 2)
    if not ball(bound[0]) <= here <= bound[1]:
        raise UnprovedError("the value at the extremum lies elsewhere")
    if left == right:
        if not here.is_exact():
            raise UnprovedError("the value at the extremum is not known exactly")
        return at_least(pieces, here)
    low, high = certificate.interval
    outside = [*clipped(pieces, low, left), *clipped(pieces, right, high)]
    return at_least(outside, here.upper(), strict=True) + at_least(pieces, ball(bound[0]))


def _never_reached(pieces: Pieces, bound: Numbers, place: float) -> int:
    """Prove that there is no minimum: f has no bound, or tends to it and stays above."""
    if not math.isinf(bound[0]):
        return above_limit(pieces, bound, 1 if place > 0 else -1)
    if not comes_below(pieces, place, ball(-math.inf)):
        raise UnprovedError("it is not certain that the function has no bound")
    return 0


# ---------------------------------------------------------------- monotone intervals


def _check_monotone(certificate: Certificate, subject: Subject) -> int:
    """f' has the sign on every piece; f'' has one where a piece turns into the next."""
    low, high = certificate.interval
    edges = [low, *certificate.places, high]
    if edges != sorted(edges) or len(edges) != 2 * len(certificate.bound):
        raise UnprovedError("the places and the senses do not fit each other")
    boxes = 0
    for index, sense in enumerate(certificate.bound):
        part = clipped(subject.slopes, edges[2 * index], edges[2 * index + 1])
        boxes += sum(_has_sign(piece, sense) for piece in part if piece.low < piece.high)
    turns = zip(edges[1:-1:2], edges[2:-1:2], strict=True)
    for index, (left, right) in enumerate(turns):
        if left < right and not _is_joint(subject.pieces, left, right):
            before, after = certificate.bound[index : index + 2]
            boxes += _turns(clipped(subject.slopes, left, right), after - before)
    return boxes


def _has_sign(piece: Piece, sense: float) -> int:
    if sense:
        return positive(piece if sense > 0 else replace(piece, root=neg(piece.root)), touching=True)
    if piece.root is not ZERO:
        raise UnprovedError("it is not certain that the function is constant")
    return 1


def _is_joint(pieces: Pieces, left: float, right: float) -> bool:
    return any(piece.joint and (piece.low, piece.high) == (left, right) for piece in pieces)


def _turns(slopes: Pieces, change: float) -> int:
    """Prove that f' has one zero between two numbers, where its sign changes so."""
    curved = derived(slopes)
    if len(curved) != 1 or not change:
        raise UnprovedError("a turning point lies across a joint")
    found = value(curved[0].root, curved[0].low, curved[0].high)
    if not (found > 0 if change > 0 else found < 0):
        raise UnprovedError(f"f'' has no certain sign at the turning point {curved[0].low:.6g}")
    return 1


# ---------------------------------------------------------------- smoothness


def _check_smoothness(certificate: Certificate, subject: Subject) -> int:
    """Every piece is analytic; at every joint the derivatives agree as far as claimed."""
    smooth = [piece for piece in subject.pieces if not piece.joint]
    met = [(right.low, *_jumps(left, right)) for left, right in pairwise(smooth)]
    order = min((first for _, first, _ in met), default=math.inf)
    kinks = tuple(place for place, _, kinked in met if kinked)
    if (order - 1, kinks) != (certificate.bound[0], certificate.places):
        raise UnprovedError(f"found {order - 1:g} continuous derivatives and kinks at {kinks}")
    return sum(_analytic(piece) for piece in smooth)


def _jumps(left: Piece, right: Piece) -> tuple[float, bool]:
    """Return the lowest derivative that jumps where two pieces meet, and whether f' does."""
    if left.high != right.low:
        raise UnprovedError(f"the pieces meet near {right.low:.6g}, which is no double")
    kinked = _differ(left, right, 1)
    for order in range(_ORDERS + 2):
        if _differ(left, right, order):
            return order, kinked
        if left.slope(order) is right.slope(order):
            return math.inf, kinked
    raise UnprovedError(
        "no derivative that was looked at jumps, and the two forms are not the same"
    )


def _differ(left: Piece, right: Piece, order: int) -> bool:
    """Say whether a derivative jumps; numbers are compared as fractions where they are rational."""
    here = {X: const(Fraction(right.low))}
    gap = sub(*(substitute(piece.slope(order), here) for piece in (left, right)))
    found = arb.enclose(gap, {})
    if found.is_zero() or found > 0 or found < 0:
        return not found.is_zero()
    raise UnprovedError(
        f"two forms of one function meet at {right.low:g}, and no ball is exactly 0"
    )


def _analytic(piece: Piece) -> int:
    """Prove that an expression without conditions is finite everywhere, so that it is analytic."""

    def tail(towards: int, start: float) -> None:
        try:
            tail_model(piece.root, towards, start)
        except UnprovedError:
            tail_model(piece.slope(), towards, start)

    finite = lambda low, high: bool(value(piece.root, low, high).is_finite())  # noqa: E731
    return covered(piece, finite, tail)


# ---------------------------------------------------------------- the claims

_CHECKS: Mapping[str, Callable[[Certificate, Subject], int]] = {
    "infimum": _check_infimum, "supremum": _check_supremum, "minimum": _check_minimum,
    "maximum": _check_maximum, "monotone_intervals": _check_monotone,
    "lipschitz": _check_lipschitz, "smoothness": _check_smoothness,
}  # fmt: skip
CLAIMS = tuple(_CHECKS)
_BOUNDED = "bisection by values, slopes, mean value theorem; tail expansions"
METHODS: Mapping[str, str] = {
    "infimum": _BOUNDED, "supremum": _BOUNDED, "lipschitz": _BOUNDED,
    "minimum": "one value, and others beyond it elsewhere, by bisection; tail expansions",
    "maximum": "one value, and others beyond it elsewhere, by bisection; tail expansions",
    "monotone_intervals": "signs of f' by bisection, of f'' at each turn; tail expansions",
    "smoothness": "analytic pieces, derivatives compared where they meet",
}  # fmt: skip
