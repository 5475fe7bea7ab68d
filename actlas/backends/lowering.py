"""From an expression to what a floating-point backend computes.

What exact arithmetic does not need is settled here, once for every language: constants are
folded, integer powers become products, a product in which one factor may vanish while the other
overflows lets the zero win (`damp`), a wave never sees an overflowed argument, and NaN and
infinite inputs are led to NaN and to the limits (`nan_like`, `clip_low`, `clip_high`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from functools import cache

from mpmath import mp

from actlas.backends import mpmath as exact
from actlas.expr import Expr, const, rewrite, substitute, symbol, symbols, walk
from actlas.expr.node import constant_value, div, make, mul
from actlas.expr.primitives import Interval, norm_bounds

HUGE = 1e300  # stands for "the largest finite number" of whatever format will run
_FOLD_DIGITS = 60


def fold_constants(root: Expr) -> Expr:
    """Replace every sub-expression without symbols by its value to 60 digits."""

    def change(node: Expr) -> Expr:
        if node.op == "const" or symbols(node) or node.op in ("lt", "le", "gt", "ge"):
            return node
        with mp.workdps(_FOLD_DIGITS):
            value = exact.evaluate(node, {})
            return const(Fraction(mp.nstr(value, _FOLD_DIGITS))) if mp.isfinite(value) else node

    return rewrite(root, change)


def expand_powers(root: Expr) -> Expr:
    """Replace u**n by products, squaring as often as possible."""

    def power(base: Expr, n: int) -> Expr:
        if n == 1:
            return base
        half = power(base, n // 2)
        square = make("mul", half, half)
        return make("mul", square, base) if n % 2 else square

    def change(node: Expr) -> Expr:
        if node.op != "pow":
            return node
        assert isinstance(node.value, int)
        result = power(node.args[0], abs(node.value))
        return result if node.value > 0 else div(1, result)

    return rewrite(root, change)


def damp_products(root: Expr, domains: Mapping[str, Interval]) -> Expr:
    """Turn the products in which 0 can meet infinity into `damp`, where the zero wins."""
    bounds: dict[Expr, Interval] = {}
    new: dict[Expr, Expr] = {}
    for node in walk(root):
        bounds[node] = _bounds(node, bounds, domains)
        args = tuple(new[child] for child in node.args)
        inside = [bounds[child] for child in node.args]
        if node.op == "mul" and _can_meet(inside[0], inside[1]):
            new[node] = make("damp", *args)
        elif node.op in ("sin", "cos") and _overflows(inside[0]):
            new[node] = make(node.op, make("clip_high", make("clip_low", args[0])))
        else:
            new[node] = make(node.op, *args, value=node.value) if args else node  # type: ignore[arg-type]
    return new[root]


def _bounds(
    node: Expr, known: Mapping[Expr, Interval], domains: Mapping[str, Interval]
) -> Interval:
    if node.op == "symbol":
        return domains.get(str(node.value), (-HUGE, HUGE))
    if node.op == "const":
        value = float(constant_value(node) or 0)
        return value, value
    return norm_bounds(node, dict(known))


def _overflows(u: Interval) -> bool:
    return max(-u[0], u[1]) > HUGE


def _can_meet(a: Interval, b: Interval) -> bool:
    def vanishes(u: Interval) -> bool:
        return u[0] <= 0 <= u[1]

    return (_overflows(a) and vanishes(b)) or (_overflows(b) and vanishes(a))


_FORGETS_NAN = frozenset({"lt", "le", "gt", "ge", "sign", "const", "pi"})


def carries_nan(root: Expr, name: str = "x") -> bool:
    """Say whether NaN in `name` is certain to come out as NaN."""
    carries: dict[Expr, bool] = {}
    for node in walk(root):
        inner = [carries[child] for child in node.args]
        if node.op == "symbol":
            carries[node] = node.value == name
        elif node.op in _FORGETS_NAN:
            carries[node] = False
        elif node.op == "where":  # a comparison with NaN is false, so the last branch is taken
            compared = any(carries[side] for side in node.args[0].args)
            carries[node] = inner[2] and (compared or inner[1])
        elif node.op == "damp":
            carries[node] = all(inner)
        else:
            carries[node] = any(inner)
    return carries[root]


@cache
def lower(root: Expr, domains: tuple[tuple[str, Interval], ...] = ()) -> Expr:
    """Return `root` ready for a floating-point backend, for finite inputs and NaN."""
    folded = fold_constants(root)
    damped = damp_products(folded, dict(domains))
    ready = expand_powers(damped)
    for name in sorted(symbols(ready) & {"x", "y"}):
        if not carries_nan(ready, name):
            ready = make("nan_like", symbol(name), ready)
    return ready


def lead_to_limits(
    lowered: Expr, limits: tuple[float | None, float | None], found: tuple[float, float]
) -> Expr:
    """Return `lowered` with infinite x led to the limits where plain evaluation misses them.

    `limits` are the true limits at -inf and +inf, `found` what plain evaluation gives there.
    """
    x = symbol("x")
    inner = x
    for side, (true, plain) in enumerate(zip(limits, found, strict=True)):
        if true is not None and math.isfinite(true) and not math.isclose(plain, true):
            inner = make(("clip_low", "clip_high")[side], inner)
    result = substitute(lowered, {x: inner}) if inner is not x else lowered
    for side, (true, plain) in enumerate(zip(limits, found, strict=True)):
        if true is not None and math.isinf(true) and plain != true:
            end = make(("at_low", "at_high")[side], x)
            result = make("where", end, mul(math.copysign(1.0, true), make("abs", x)), result)
    return result
