"""Definition-time lint: forms that cancel or overflow, and the stable primitive to write instead.

Each rule looks at one node and answers the repair, or None. A form is refused, not silently
rewritten, so that the formula somebody reads is the formula that runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from actlas.expr.node import ONE, Expr, constant_value, walk

Rule = Callable[[Expr], str | None]


def _is(node: Expr, op: str) -> bool:
    return node.op == op


def _one_plus(node: Expr) -> Expr | None:
    """Return u for a node 1 + u or u + 1."""
    if not _is(node, "add"):
        return None
    a, b = node.args
    return b if a is ONE else a if b is ONE else None


def _one_minus(node: Expr) -> Expr | None:
    """Return u for a node 1 - u."""
    return node.args[1] if _is(node, "sub") and node.args[0] is ONE else None


def _log_of_sum(node: Expr) -> str | None:
    inner = _one_plus(node.args[0]) if _is(node, "log") else None
    if _is(node, "log1p"):
        inner = node.args[0]
    if inner is not None and _is(inner, "exp"):
        return f"softplus({inner.args[0]!r})"
    return f"log1p({inner!r})" if inner is not None and _is(node, "log") else None


def _exp_minus_one(node: Expr) -> str | None:
    if _is(node, "sub") and _is(node.args[0], "exp") and node.args[1] is ONE:
        return f"expm1({node.args[0].args[0]!r})"
    inner = _one_minus(node)
    return f"-expm1({inner.args[0]!r})" if inner is not None and _is(inner, "exp") else None


def _complement(node: Expr) -> str | None:
    """1 - g(u) loses every digit where g(u) is near 1."""
    inner = _one_minus(node)
    if inner is None:
        return None
    squared = (inner.op == "mul" and inner.args[0] is inner.args[1]) or inner.value == 2
    if squared and _is(inner.args[0], "tanh"):
        return f"sech2({inner.args[0].args[0]!r})"
    stable = {"sigmoid": "sigmoid(-({u}))", "erf": "erfc({u})", "ncdf": "ncdf(-({u}))",
              "tanh": "2*sigmoid(-2*({u}))"}  # fmt: skip
    return stable[inner.op].format(u=repr(inner.args[0])) if inner.op in stable else None


def _one_plus_saturating(node: Expr) -> str | None:
    inner = _one_plus(node)
    stable = {"tanh": "2*sigmoid(2*({u}))", "erf": "erfc(-({u}))"}
    if inner is None or inner.op not in stable:
        return None
    return stable[inner.op].format(u=repr(inner.args[0]))


def _logistic(node: Expr) -> str | None:
    inner = _one_plus(node.args[1]) if _is(node, "div") else None
    if inner is None or not _is(inner, "exp"):
        return None
    if node.args[0] is inner:
        return f"sigmoid({inner.args[0]!r})"
    return f"sigmoid(-({inner.args[0]!r}))" if constant_value(node.args[0]) is not None else None


def _absolute_quotient(node: Expr) -> str | None:
    """Return softsign or rabs for u/(1+|u|) and 1/(1+|u|), whose quotient rule cancels."""
    inner = _one_plus(node.args[1]) if _is(node, "div") else None
    if inner is None or not _is(inner, "abs"):
        return None
    u = inner.args[0]
    return f"softsign({u!r})" if node.args[0] is u else f"rabs({u!r})"


def _square_root(node: Expr) -> str | None:
    inner = _one_plus(node.args[0]) if _is(node, "sqrt") else None
    if inner is not None and inner.op == "pow" and inner.value == 2:
        return f"hypot1({inner.args[0]!r})"
    return None


def _exponential_tanh(node: Expr) -> str | None:
    """(e^u - e^-u)/(e^u + e^-u) is inf/inf from u = 89 on in single precision."""
    if not _is(node, "div") or node.args[0].op != "sub" or node.args[1].op != "add":
        return None
    ends = {*node.args[0].args, *node.args[1].args}
    exps = len(ends) == 2 and all(_is(end, "exp") for end in ends)
    return f"tanh({node.args[0].args[0].args[0]!r})" if exps else None


def _shrink(node: Expr) -> str | None:
    if _is(node, "sub") and _is(node.args[1], "tanh") and node.args[1].args[0] is node.args[0]:
        return f"tanhshrink({node.args[0]!r})"
    return None


def _log_of_sigmoid(node: Expr) -> str | None:
    if _is(node, "log") and _is(node.args[0], "sigmoid"):
        return f"-softplus(-({node.args[0].args[0]!r}))"
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
            if repair:
                yield node, repair
