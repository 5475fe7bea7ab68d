"""Formulas for a terminal, in Unicode."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

from actlas.errors import ActlasError
from actlas.expr import Expr, walk
from actlas.expr.node import constant_value
from actlas.facts.wording import MINUS

Part = tuple[str, int]  # a text and how tightly it binds
_SUM, _QUOTIENT, _PRODUCT, _POWER, _ATOM = 1, 2, 3, 4, 5
_LEAVES = frozenset({"const", "symbol", "pi"})
_COMPARISONS = {"lt": "<", "le": "≤", "gt": ">", "ge": "≥"}

# "[0]" is the bare argument, "<0>" the argument in brackets unless it is an atom.
_TEMPLATES: dict[str, Part] = {
    "log": ("ln([0])", _ATOM), "log1p": ("ln(1 + [0])", _ATOM),
    "sqrt": ("√<0>", _ATOM), "powr": ("<0>^<1>", _POWER), "abs": ("|[0]|", _ATOM),
    "sign": ("sgn([0])", _ATOM), "max": ("max([0], [1])", _ATOM), "min": ("min([0], [1])", _ATOM),
    "logaddexp": ("ln(exp([0]) + exp([1]))", _ATOM), "sigmoid": ("σ([0])", _ATOM),
    "softplus": ("softplus([0])", _ATOM), "tanh": ("tanh([0])", _ATOM),
    "sech2": ("sech²([0])", _ATOM), "tanhshrink": ("[0] − tanh([0])", _SUM),
    "atan": ("arctan([0])", _ATOM), "lorentz": ("1/(1 + <0>²)", _QUOTIENT),
    "softsign": ("<0>/(1 + |[0]|)", _QUOTIENT), "rabs": ("1/(1 + |[0]|)", _QUOTIENT),
    "asinh": ("arsinh([0])", _ATOM), "hypot1": ("√(1 + <0>²)", _ATOM),
    "rhyp": ("1/√(1 + <0>²)", _QUOTIENT), "isru": ("<0>/√(1 + <0>²)", _QUOTIENT),
    "erf": ("erf([0])", _ATOM), "erfc": ("erfc([0])", _ATOM), "ncdf": ("Φ([0])", _ATOM),
    "npdf": ("φ([0])", _ATOM), "sin": ("sin([0])", _ATOM), "cos": ("cos([0])", _ATOM),
    "pi": ("π", _ATOM),
    **{op: (f"[0] {sign} [1]", _SUM) for op, sign in _COMPARISONS.items()},
}  # fmt: skip

_RAISED = str.maketrans("0123456789+−abcdefghijklmnoprstuvwxyz()βγ",
                        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ⁽⁾ᵝᵞ")  # fmt: skip
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η",
    "theta": "θ", "kappa": "κ", "lambd": "λ", "lambda": "λ", "mu": "μ", "nu": "ν", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "phi": "φ", "omega": "ω",
}  # fmt: skip


def formula(root: Expr, head: str, width: int = 76) -> str:
    """Return "head = ..." in Unicode: pieces below each other, and parts named if it is long.

    >>> from actlas.expr import exp, symbol, tanh
    >>> x = symbol("x")
    >>> formula(x * tanh(exp(x)), "f(x)")
    'f(x) = x·tanh(eˣ)'
    """
    plain = _layout(root, head, {})
    if max(map(len, plain.splitlines())) <= width:
        return plain
    names = _names_of_shared(root)
    rows = [_layout(node, name, {n: t for n, t in names.items() if n is not node})
            for node, name in names.items()]  # fmt: skip
    if not rows:
        return plain
    return "\n".join([_layout(root, head, names), "where", *(_indent(row) for row in rows)])


def _names_of_shared(root: Expr) -> dict[Expr, str]:
    """Return t₁, t₂, ... for the parts that are used more than once and are worth a name."""
    uses = Counter(child for node in walk(root) for child in node.args)
    shared = [node for node in walk(root) if uses[node] > 1 and len(_text(node, {})) > 5
              and node.op not in _COMPARISONS]  # fmt: skip
    return {node: "t" + str(i).translate(_LOWERED) for i, node in enumerate(shared, 1)}


def _indent(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines())


def _layout(root: Expr, head: str, names: Mapping[Expr, str]) -> str:
    rows = _pieces(root, names)
    if len(rows) == 1:
        return f"{head} = {rows[0][0]}"
    wide = max(len(value) for value, _ in rows)
    lines = [f"{value:<{wide}}   {condition}" for value, condition in rows]
    margin = " " * len(f"{head} = ")
    return "\n".join(
        (f"{head} = " if i == 0 else margin) + f"{brace} {line}"
        for i, (brace, line) in enumerate(zip(_braces(len(rows)), lines, strict=True))
    )


def _braces(rows: int) -> str:
    middle = ["⎪"] * (rows - 2)
    if middle:
        middle[len(middle) // 2] = "⎨"
    return "".join(["⎧", *middle, "⎩"])


def _pieces(root: Expr, names: Mapping[Expr, str]) -> list[tuple[str, str]]:
    """Return (value, condition) rows of a chain of where; one row for anything else."""
    rows = []
    while root.op == "where" and root not in names:
        condition, value, root = root.args
        rows.append((_text(value, names), f"if {_text(condition, names)}"))
    return [*rows, (_text(root, names), "otherwise")]


def _text(root: Expr, names: Mapping[Expr, str]) -> str:
    done: dict[Expr, Part] = {}
    for node in walk(root):
        done[node] = (
            (names[node], _ATOM) if node in names
            else _set(node, [done[child] for child in node.args])
        )  # fmt: skip
    return done[root][0]


def _set(node: Expr, inner: list[Part]) -> Part:
    value = constant_value(node)
    if value is not None:
        return _constant(value)
    if node.op == "symbol":
        return _symbol(str(node.value)), _ATOM
    if node.op in _SPECIAL:
        return _SPECIAL[node.op](node, inner)
    if node.op not in _TEMPLATES:
        raise ActlasError(f"no Unicode form is known for the primitive {node.op!r}")
    template, binds = _TEMPLATES[node.op]
    return re.sub(r"([\[<])(\d)[\]>]", lambda found: _argument(found, inner), template), binds


def _argument(found: re.Match[str], inner: list[Part]) -> str:
    part = inner[int(found.group(2))]
    return part[0] if found.group(1) == "[" else _tight(part, _ATOM)


def _tight(part: Part, binds: int) -> str:
    return part[0] if part[1] >= binds else f"({part[0]})"


def _constant(value: Fraction) -> Part:
    if value < 0:
        return MINUS + _constant(-value)[0], _SUM
    decimal = f"{float(value):.7g}"
    if value.denominator == 1 or Fraction(decimal) == value or value.denominator > 999:
        return decimal if value.denominator > 1 else str(value), _ATOM
    return f"{value.numerator}/{value.denominator}", _QUOTIENT


def _symbol(name: str) -> str:
    stem, _, index = name.rpartition("_")
    if stem and index.isdigit():
        return _symbol(stem) + index.translate(_LOWERED)
    if len(name) == 2 and name[0].isalpha() and name[1].isdigit():
        return name[0] + name[1].translate(_LOWERED)
    return _GREEK.get(name, name)


def _add(_: Expr, inner: list[Part]) -> Part:
    return f"{inner[0][0]} + {inner[1][0]}".replace(f"+ {MINUS}", f"{MINUS} "), _SUM


def _sub(_: Expr, inner: list[Part]) -> Part:
    return f"{inner[0][0]} {MINUS} {_tight(inner[1], _QUOTIENT)}", _SUM


def _neg(_: Expr, inner: list[Part]) -> Part:
    return MINUS + _tight(inner[0], _QUOTIENT), _SUM


def _mul(_: Expr, inner: list[Part]) -> Part:
    """A quotient may stand first, x/2·y; behind the dot it is bracketed."""
    left, right = _tight(inner[0], _QUOTIENT), _tight(inner[1], _PRODUCT)
    return f"{left}·{right}", min(inner[0][1], _PRODUCT) if inner[0][1] > _SUM else _PRODUCT


def _div(_: Expr, inner: list[Part]) -> Part:
    return f"{_tight(inner[0], _PRODUCT)}/{_tight(inner[1], _POWER)}", _QUOTIENT


def _pow(node: Expr, inner: list[Part]) -> Part:
    exponent = str(node.value).replace("-", MINUS).translate(_RAISED)
    return _tight(inner[0], _ATOM) + exponent, _POWER


def _exp(_: Expr, inner: list[Part]) -> Part:
    """eˣ where every letter of a short exponent exists raised, else exp(...)."""
    exponent = inner[0][0].replace("·", "").replace(" ", "")
    simple = len(exponent) <= 4 and all(ord(letter) in _RAISED for letter in exponent)
    return ("e" + exponent.translate(_RAISED), _POWER) if simple else (f"exp({inner[0][0]})", _ATOM)


def _expm1(node: Expr, inner: list[Part]) -> Part:
    return f"{_exp(node, inner)[0]} {MINUS} 1", _SUM


def _where(_: Expr, inner: list[Part]) -> Part:
    condition, first, second = (part[0] for part in inner)
    return f"({first} if {condition} else {second})", _ATOM


def _sphj(node: Expr, inner: list[Part]) -> Part:
    head = "sinc" if node.value == 0 else "j" + str(node.value).translate(_LOWERED)
    return f"{head}({inner[0][0]})", _ATOM


_SPECIAL = {"add": _add, "sub": _sub, "neg": _neg, "mul": _mul, "div": _div, "pow": _pow,
            "exp": _exp, "expm1": _expm1, "where": _where, "sphj": _sphj}  # fmt: skip
UNICODE_OPERATIONS = frozenset({*_TEMPLATES, *_SPECIAL, *_LEAVES})
