"""Functions that swing for ever: their period, and whether they leave every bound."""

from __future__ import annotations

import math
from fractions import Fraction

from actlas.expr import Expr, const, derivative, substitute, symbol
from actlas.expr.node import PI, constant_value, rebuild
from actlas.facts.proofs import models
from actlas.facts.proofs.models import UnprovedError
from actlas.facts.proofs.tails import tail_model

X = symbol("x")
_PHASES = 8


def period(root: Expr) -> float | None:
    """Return a period in x, rounded up, or None where x stands outside of sines and cosines.

    >>> from actlas.expr import cos, sin
    >>> period(sin(2 * X) + cos(3 * X)), period(X * sin(X))
    (6.283185307179587, None)
    """
    found = _rates(root)
    if not found or None in found or not root.symbols:
        return None
    return math.nextafter(2 * math.pi / float(_common(found)), math.inf)


def _rates(root: Expr) -> set[Fraction | None]:
    """Return the rates of the waves that x stands in, None for an x that stands in none."""
    if "x" not in root.symbols:
        return set()
    if root.op == "symbol":
        return {None}
    rate = constant_value(derivative(root.args[0])) if root.op in ("sin", "cos") else None
    return {abs(rate)} if rate else set().union(*map(_rates, root.args))


def _common(rates: set[Fraction | None]) -> Fraction:
    """Return the greatest number that divides all rates."""
    whole = [rate for rate in rates if rate is not None]
    below = math.lcm(*(rate.denominator for rate in whole))
    return Fraction(math.gcd(*(int(rate * below) for rate in whole)), below)


def leaves(root: Expr, towards: int) -> set[int]:
    """Return which infinities (-1, 1) are reached along x0 + k T, T a period, k going towards one.

    The waves then stand still, and what is left in k grows or does not.
    """
    rates = _rates(root) - {None}
    if not rates:
        return set()
    rate = _common(rates)
    turn = 2 * PI / const(rate)
    found: set[int] = set()
    for phase in range(_PHASES):
        start = const(Fraction(round(2 * math.pi * 64 * phase / _PHASES), 64) / rate)
        try:
            model = tail_model(_along(root, start, turn), towards, 64.0)
            found |= {models.sign(model)} if models.growth(model) else set()
        except UnprovedError:
            continue
    return found


def _along(root: Expr, start: Expr, turn: Expr) -> Expr:
    """Return the expression at start + x * turn, turn a period of every wave in it."""
    if "x" not in root.symbols:
        return root
    if root.op == "symbol":
        return start + X * turn
    if root.op in ("sin", "cos") and constant_value(derivative(root.args[0])):
        return substitute(root, {X: start})
    return rebuild(root, tuple(_along(child, start, turn) for child in root.args))
