"""LaTeX: the formula as a paper would set it."""

from __future__ import annotations

import re
from fractions import Fraction

from actlas.errors import ActlasError
from actlas.expr import Expr, walk
from actlas.expr.node import constant_value

_SUM, _PRODUCT, _POWER, _ATOM = 1, 2, 3, 4
_GREEK = frozenset(
    ["alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "kappa", "lambda", "mu", "nu",
     "tau", "phi"]
)  # fmt: skip

# Template and how tightly the result binds: "[0]" is the bare argument, "(0)" the argument in
# brackets, "<0>" bracketed only where it is not an atom.
_TEMPLATES: dict[str, tuple[str, int]] = {
    "exp": ("e^{[0]}", _POWER), "expm1": ("e^{[0]} - 1", _SUM), "log": (r"\ln(0)", _ATOM),
    "sqrt": (r"\sqrt{[0]}", _ATOM),
    "powr": ("<0>^{[1]}", _POWER), "abs": (r"\left|[0]\right|", _ATOM),
    "sign": (r"\operatorname{sgn}(0)", _ATOM), "max": (r"\max\left([0],\, [1]\right)", _ATOM),
    "min": (r"\min\left([0],\, [1]\right)", _ATOM),
    "logaddexp": (r"\ln\left(e^{[0]} + e^{[1]}\right)", _ATOM),
    "sigmoid": (r"\sigma(0)", _ATOM), "softplus": (r"\ln\left(1 + e^{[0]}\right)", _ATOM),
    "tanh": (r"\tanh(0)", _ATOM), "sech2": (r"\operatorname{sech}^2(0)", _ATOM),
    "tanhshrink": (r"[0] - \tanh(0)", _SUM), "atan": (r"\arctan(0)", _ATOM),
    "lorentz": (r"\frac{1}{1 + <0>^2}", _ATOM),
    "softsign": (r"\frac{[0]}{1 + \left|[0]\right|}", _ATOM),
    "rabs": (r"\frac{1}{1 + \left|[0]\right|}", _ATOM),
    "asinh": (r"\operatorname{arsinh}(0)", _ATOM), "hypot1": (r"\sqrt{1 + <0>^2}", _ATOM),
    "rhyp": (r"\frac{1}{\sqrt{1 + <0>^2}}", _ATOM),
    "isru": (r"\frac{[0]}{\sqrt{1 + <0>^2}}", _ATOM), "erf": (r"\operatorname{erf}(0)", _ATOM),
    "erfc": (r"\operatorname{erfc}(0)", _ATOM), "ncdf": (r"\Phi(0)", _ATOM),
    "npdf": (r"\varphi(0)", _ATOM), "sin": (r"\sin(0)", _ATOM), "cos": (r"\cos(0)", _ATOM),
    "div": (r"\frac{[0]}{[1]}", _ATOM), "pi": (r"\pi", _ATOM), "lt": ("[0] < [1]", _SUM),
    "le": (r"[0] \le [1]", _SUM), "gt": ("[0] > [1]", _SUM), "ge": (r"[0] \ge [1]", _SUM),
}  # fmt: skip


def to_latex(root: Expr) -> str:
    """Return an expression in LaTeX, without delimiters.

    >>> from actlas.expr import softplus, symbol, tanh
    >>> x = symbol("x")
    >>> print(to_latex(x * tanh(softplus(x))))
    x \\tanh\\left(\\ln\\left(1 + e^{x}\\right)\\right)
    """
    done: dict[Expr, tuple[str, int]] = {}
    for node in walk(root):
        done[node] = _set(node, [done[child] for child in node.args])
    return done[root][0]


def _set(node: Expr, inner: list[tuple[str, int]]) -> tuple[str, int]:
    """Return the text of a node and how tightly it binds."""
    value = constant_value(node)
    if value is not None:
        return _number(value)
    if node.op == "symbol":
        return _name(str(node.value)), _ATOM
    special = _SPECIAL.get(node.op)
    if special is not None:
        return special(node, inner)
    if node.op not in _TEMPLATES:
        raise ActlasError(f"the latex backend has no primitive {node.op!r}")
    template, binds = _TEMPLATES[node.op]
    return _fill(template, inner), binds


def _fill(template: str, inner: list[tuple[str, int]]) -> str:
    """Put the arguments into "[0]" (bare), "(0)" (bracketed) and "<0>" (bracketed if needed)."""

    def put(match: re.Match[str]) -> str:
        opening, text = match.group(0)[0], inner[int(match.group(1))]
        if opening == "[":
            return text[0]
        return _bracket(text[0]) if opening == "(" else _tight(text, _ATOM)

    return re.sub(r"[\[(<](\d)[\])>]", put, template)


def _bracket(text: str) -> str:
    return rf"\left({text}\right)"


def _tight(part: tuple[str, int], binds: int) -> str:
    return part[0] if part[1] >= binds else _bracket(part[0])


def _number(value: Fraction) -> tuple[str, int]:
    if value < 0:
        return f"-{_number(-value)[0]}", _SUM
    if value.denominator == 1:
        return str(value), _ATOM
    if len(str(float(value))) <= 8 and Fraction(str(float(value))) == value:
        return str(float(value)), _ATOM
    if value.denominator < 1000:
        return rf"\frac{{{value.numerator}}}{{{value.denominator}}}", _ATOM
    return f"{float(value):.10g}", _ATOM


def _name(name: str) -> str:
    """Return a symbol: single letters and Greek as they are, words upright, indices below."""
    stem, _, index = name.rpartition("_")
    if stem and index.isdigit():
        return f"{_name(stem)}_{{{index}}}"
    name = name.replace("lambd", "lambda") if name == "lambd" else name
    if name in _GREEK:
        return rf"\{name}"
    if len(name) > 1 and name[:-1].isalpha() and name[-1].isdigit() and len(name) == 2:
        return f"{name[0]}_{{{name[1]}}}"
    escaped = name.replace("_", r"\_")
    return name if len(name) == 1 else rf"\mathrm{{{escaped}}}"


def _add(_: Expr, inner: list[tuple[str, int]]) -> tuple[str, int]:
    return f"{inner[0][0]} + {inner[1][0]}".replace("+ -", "- "), _SUM


def _log1p(node: Expr, inner: list[tuple[str, int]]) -> tuple[str, int]:
    return r"\ln" + _bracket(_add(node, [("1", _ATOM), *inner])[0]), _ATOM


def _sub(_: Expr, inner: list[tuple[str, int]]) -> tuple[str, int]:
    return f"{inner[0][0]} - {_tight(inner[1], _PRODUCT)}", _SUM


def _neg(_: Expr, inner: list[tuple[str, int]]) -> tuple[str, int]:
    return f"-{_tight(inner[0], _PRODUCT)}", _SUM


def _mul(node: Expr, inner: list[tuple[str, int]]) -> tuple[str, int]:
    """A negative number may stand first, -2 x, and then binds like a sum."""
    negative = (constant_value(node.args[0]) or 0) < 0
    left = inner[0][0] if negative else _tight(inner[0], _PRODUCT)
    right = _tight(inner[1], _PRODUCT)
    dotted = constant_value(node.args[1]) is not None or right[0].isdigit()
    between = r" \cdot " if dotted else " "
    return f"{left}{between}{right}", _SUM if negative else _PRODUCT


def _pow(node: Expr, inner: list[tuple[str, int]]) -> tuple[str, int]:
    return f"{_tight(inner[0], _ATOM)}^{{{node.value}}}", _POWER


def _where(_: Expr, inner: list[tuple[str, int]]) -> tuple[str, int]:
    condition, first, second = (part[0] for part in inner)
    rows = rf"{first} & \text{{if }} {condition} \\ {second} & \text{{otherwise}}"
    return rf"\begin{{cases}} {rows} \end{{cases}}", _ATOM


def _sphj(node: Expr, inner: list[tuple[str, int]]) -> tuple[str, int]:
    head = r"\operatorname{sinc}" if node.value == 0 else f"j_{{{node.value}}}"
    return head + _bracket(inner[0][0]), _ATOM


_SPECIAL = {"add": _add, "log1p": _log1p, "sub": _sub, "neg": _neg, "mul": _mul, "pow": _pow,
            "where": _where, "sphj": _sphj}  # fmt: skip
LATEX_OPERATIONS = frozenset({*_TEMPLATES, *_SPECIAL})
