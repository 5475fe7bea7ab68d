"""Derivatives: the chain rule over the primitives' own rules."""

from __future__ import annotations

from functools import cache

from actlas.expr.node import ONE, ZERO, Expr, add, constant_value, mul, symbol, symbols, walk
from actlas.expr.primitives import PRIMITIVES, where


@cache
def derivative(root: Expr, name: str = "x", order: int = 1) -> Expr:
    """Return the derivative of `root` with respect to the symbol `name`.

    >>> from actlas.expr import symbol, tanh
    >>> derivative(tanh(symbol("x")))
    sech2(x)
    """
    for _ in range(order):
        root = _first_derivative(root, symbol(name))
    return root


def _first_derivative(root: Expr, variable: Expr) -> Expr:
    slopes: dict[Expr, Expr] = {}
    for node in walk(root):
        if node is variable:
            slopes[node] = ONE
        elif not node.args or variable.value not in symbols(node):
            slopes[node] = ZERO
        else:
            slopes[node] = _chain(node, [slopes[child] for child in node.args])
    return slopes[root]


def _chain(node: Expr, inner: list[Expr]) -> Expr:
    """Return the sum of partial * inner; pieces stay pieces, so a dead branch is never read."""
    if node.op == "where":
        return where(node.args[0], inner[1], inner[2])
    partials = PRIMITIVES[node.op].partials(node)
    if node.op in ("max", "min"):
        return where(partials[0].args[0], inner[0], inner[1])
    if node.op == "div" and constant_value(inner[0]) != 0 and constant_value(inner[1]) != 0:
        return _quotient_rule(node, inner)
    total = ZERO
    for partial, slope in zip(partials, inner, strict=True):
        total = add(total, mul(partial, slope))
    return total


def _quotient_rule(node: Expr, inner: list[Expr]) -> Expr:
    """(a/b)' = a'/b - (a/b)(b'/b): no square of b, which would overflow first."""
    bottom = node.args[1]
    return inner[0] / bottom - node * (inner[1] / bottom)
