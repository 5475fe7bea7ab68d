"""Definition-time lint: forms that cancel or overflow, and the stable primitive to write instead.

Each rule looks at one node and answers what to write instead, or None. A form is refused, not
silently rewritten, so that the formula somebody reads is the formula that runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from actlas.expr.node import ONE, Expr, constant_value, walk
from actlas.expr.primitives import (
    erfc,
    expm1,
    hypot1,
    log1p,
    ncdf,
    rabs,
    sech2,
    sigmoid,
    softplus,
    softsign,
    tanh,
    tanhshrink,
)
from actlas.expr.text import to_text

Rule = Callable[[Expr], Expr | None]


def _is(node: Expr | None, op: str) -> bool:
    return node is not None and node.op == op


def _one_plus(node: Expr) -> Expr | None:
    """Return u for a node 1 + u or u + 1."""
    if not _is(node, "add"):
        return None
    a, b = node.args
    return b if a is ONE else a if b is ONE else None


def _one_minus(node: Expr) -> Expr | None:
    """Return u for a node 1 - u."""
    return node.args[1] if _is(node, "sub") and node.args[0] is ONE else None


def _minus_one(node: Expr) -> Expr | None:
    """Return u for a node u - 1 or -1 + u."""
    if _is(node, "sub") and node.args[1] is ONE:
        return node.args[0]
    if not _is(node, "add"):
        return None
    a, b = node.args
    return b if constant_value(a) == -1 else a if constant_value(b) == -1 else None


def _squared(node: Expr) -> Expr | None:
    """Return u for a node u**2 or u*u."""
    product = _is(node, "mul") and node.args[0] is node.args[1]
    return node.args[0] if product or (_is(node, "pow") and node.value == 2) else None


def _log_of_sum(node: Expr) -> Expr | None:
    inner = _one_plus(node.args[0]) if _is(node, "log") else None
    if _is(node, "log1p"):
        inner = node.args[0]
    if inner is not None and _is(inner, "exp"):
        return softplus(inner.args[0])
    return log1p(inner) if inner is not None and _is(node, "log") else None


def _exp_minus_one(node: Expr) -> Expr | None:
    ahead, behind = _minus_one(node), _one_minus(node)
    if ahead is not None and _is(ahead, "exp"):
        return expm1(ahead.args[0])
    return -expm1(behind.args[0]) if behind is not None and _is(behind, "exp") else None


_COMPLEMENTS: dict[str, Rule] = {
    "sigmoid": lambda u: sigmoid(-u), "erf": lambda u: erfc(u), "ncdf": lambda u: ncdf(-u),
    "tanh": lambda u: 2 * sigmoid(-2 * u),
}  # fmt: skip


def _complement(node: Expr) -> Expr | None:
    """1 - g(u) loses every digit where g(u) is near 1."""
    inner = _one_minus(node)
    if inner is None:
        return None
    base = _squared(inner)
    if base is not None:
        return sech2(base.args[0]) if _is(base, "tanh") else None
    return _COMPLEMENTS[inner.op](inner.args[0]) if inner.op in _COMPLEMENTS else None


def _one_plus_saturating(node: Expr) -> Expr | None:
    inner = _one_plus(node)
    if inner is not None and _is(inner, "tanh"):
        return 2 * sigmoid(2 * inner.args[0])
    return erfc(-inner.args[0]) if inner is not None and _is(inner, "erf") else None


def _logistic(node: Expr) -> Expr | None:
    inner = _one_plus(node.args[1]) if _is(node, "div") else None
    if inner is None or not _is(inner, "exp"):
        return None
    if node.args[0] is inner:
        return sigmoid(inner.args[0])
    return node.args[0] * sigmoid(-inner.args[0])


def _absolute_quotient(node: Expr) -> Expr | None:
    """u/(1+|u|) and 1/(1+|u|), whose quotient rule cancels."""
    inner = _one_plus(node.args[1]) if _is(node, "div") else None
    if inner is None or not _is(inner, "abs"):
        return None
    u = inner.args[0]
    return softsign(u) if node.args[0] is u else node.args[0] * rabs(u)


def _square_root(node: Expr) -> Expr | None:
    inner = _one_plus(node.args[0]) if _is(node, "sqrt") else None
    base = None if inner is None else _squared(inner)
    return None if base is None else hypot1(base)


def _exponential_tanh(node: Expr) -> Expr | None:
    """(e^u - e^v)/(e^u + e^v) is inf/inf from u = 89 on in single precision."""
    if not _is(node, "div") or node.args[0].op != "sub" or node.args[1].op != "add":
        return None
    ends = {*node.args[0].args, *node.args[1].args}
    if len(ends) != 2 or not all(_is(end, "exp") for end in ends):
        return None
    u, v = (end.args[0] for end in node.args[0].args)
    return tanh(u) if v is -u else tanh((u - v) / 2)


def _shrink(node: Expr) -> Expr | None:
    if _is(node, "sub") and _is(node.args[1], "tanh") and node.args[1].args[0] is node.args[0]:
        return tanhshrink(node.args[0])
    return None


def _log_of_sigmoid(node: Expr) -> Expr | None:
    if _is(node, "log") and _is(node.args[0], "sigmoid"):
        return -softplus(-node.args[0].args[0])
    return None


RULES: tuple[Rule, ...] = (
    _log_of_sum, _exp_minus_one, _complement, _one_plus_saturating, _logistic, _absolute_quotient,
    _square_root, _exponential_tanh, _shrink, _log_of_sigmoid,
)  # fmt: skip


def unsafe_forms(root: Expr) -> Iterator[tuple[Expr, str]]:
    """Yield each cancelling or overflowing node under `root` with the form to write instead.

    >>> from actlas.expr import exp, log, symbol
    >>> list(unsafe_forms(log(1 + exp(symbol("x")))))
    [(log(add(1, exp(x))), 'softplus(x)')]
    """
    for node in walk(root):
        for rule in RULES:
            repair = rule(node)
            if repair is not None:
                yield node, to_text(repair)
