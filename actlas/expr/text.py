"""An expression as text in the grammar of `parse`, for messages that say what to write instead."""

from __future__ import annotations

from fractions import Fraction

from actlas.expr.node import Expr, constant_value, walk

_CONDITION, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(6)
_INFIX = {  # sign, how tightly it binds, how tightly its left and right must bind
    "add": ("+", _SUM, _SUM, _PRODUCT), "sub": ("-", _SUM, _SUM, _PRODUCT),
    "mul": ("*", _PRODUCT, _PRODUCT, _SIGN), "div": ("/", _PRODUCT, _PRODUCT, _SIGN),
    "lt": ("<", _CONDITION, _SUM, _SUM), "le": ("<=", _CONDITION, _SUM, _SUM),
    "gt": (">", _CONDITION, _SUM, _SUM), "ge": (">=", _CONDITION, _SUM, _SUM),
}  # fmt: skip
Part = tuple[str, int]  # a text and how tightly it binds


def to_text(root: Expr) -> str:
    """Return `root` as a formula that `parse` reads back to the same expression.

    >>> from actlas.expr import log, symbol, tanh
    >>> x = symbol("x")
    >>> to_text(x * tanh(x - 2) ** 2 / log(1 + x / 3))
    'x*tanh(x - 2)**2/log(1 + x/3)'
    """
    done: dict[Expr, Part] = {}
    for node in walk(root):
        done[node] = _write(node, [done[child] for child in node.args])
    return done[root][0]


def _write(node: Expr, inner: list[Part]) -> Part:
    value = constant_value(node)
    if value is not None:
        return _number(value)
    if node.op in ("symbol", "pi"):
        return str(node.value or node.op), _ATOM
    if node.op in _INFIX:
        sign, binds, left, right = _INFIX[node.op]
        space = "" if binds == _PRODUCT else " "
        return f"{_tight(inner[0], left)}{space}{sign}{space}{_tight(inner[1], right)}", binds
    if node.op == "neg":
        return f"-{_tight(inner[0], _SIGN)}", _SIGN
    if node.op == "pow":
        return f"{_tight(inner[0], _ATOM)}**{node.value}", _POWER
    return f"{_function(node)}({', '.join(text for text, _ in inner)})", _ATOM


def _function(node: Expr) -> str:
    if node.op == "sphj":
        return "sinc" if node.value == 0 else f"sphj{node.value}"
    return node.op


def _number(value: Fraction) -> Part:
    if value < 0:
        text, binds = _number(-value)
        return f"-{text}", min(binds, _SIGN)
    if value.denominator == 1:
        return str(value), _ATOM
    short = repr(float(value))
    if len(short) <= 8 and Fraction(short) == value:
        return short, _ATOM
    return f"{value.numerator}/{value.denominator}", _PRODUCT


def _tight(part: Part, binds: int) -> str:
    return part[0] if part[1] >= binds else f"({part[0]})"
