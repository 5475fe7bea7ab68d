"""ONNX: an expression as nodes of the standard operator set, in float32 and for finite inputs.

Every operator used here is in all opsets from 13 on, in the form it has there. What ONNX lacks is
written with what it has; NaN and infinite inputs go the way ONNX's own operators send them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Union

import numpy as np
import numpy.typing as npt

from actlas.backends import numpy as numpy_backend
from actlas.backends.lowering import lower
from actlas.backends.tape import record
from actlas.errors import ActlasError
from actlas.expr import (
    Expr,
    cos,
    erf,
    exp,
    log,
    rewrite,
    sin,
    softplus,
    sqrt,
    symbol,
    symbols,
    tanh,
    walk,
)
from actlas.expr.node import Operand, as_expr, constant_value, make, mul
from actlas.expr.primitives import absolute, hypot1, maximum, minimum, where

RESULT = "result"
LARGEST = 3.4028234663852886e38  # the largest finite float32

Attribute = tuple[str, Union[float, int, str]]

OPERATORS: dict[str, str] = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "neg": "Neg", "powr": "Pow",
    "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual", "eq": "Equal",
    "where": "Where", "max": "Max", "min": "Min", "abs": "Abs", "sign": "Sign", "exp": "Exp",
    "log": "Log", "sqrt": "Sqrt", "sigmoid": "Sigmoid", "softplus": "Softplus", "tanh": "Tanh",
    "softsign": "Softsign", "atan": "Atan", "asinh": "Asinh", "erf": "Erf", "sin": "Sin",
    "cos": "Cos",
}  # fmt: skip


@dataclass(frozen=True)
class Node:
    """One node of an ONNX graph: an operator, the names it reads, the one it gives."""

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: tuple[Attribute, ...] = ()

    @property
    def computes(self) -> bool:
        """Whether it is more than a constant."""
        return self.operator != "Constant"

    def renamed(self, names: Mapping[str, str]) -> Node:
        """Return the node with the names in `names` exchanged, wherever it has them."""
        inputs = tuple(names.get(name, name) for name in self.inputs)
        return replace(self, inputs=inputs, output=names.get(self.output, self.output))


def nodes(root: Expr, inputs: Sequence[str]) -> list[Node]:
    """Return the nodes that compute `root` from `inputs`, in order; the last gives `RESULT`.

    >>> from actlas.expr import symbol, tanh
    >>> x = symbol("x")
    >>> [node.operator for node in nodes(x * tanh(exp(x)), ["x"])]
    ['Exp', 'Tanh', 'Mul']
    """
    ready = rewrite(_simplest(lower(root), inputs), _body)
    if not symbols(ready):  # a constant has the shape of the input too
        ready = make("add", make("mul", symbol(inputs[0]), 0), ready)
    names = {node: str(node.value) for node in walk(ready) if node.op == "symbol"}
    found: list[Node] = []
    for node in walk(ready):
        if node in names:
            continue
        name = f"{inputs[0]}_{len(found)}"
        names[node] = RESULT if node is ready else name
        found.append(_node(node, tuple(names[child] for child in node.args), names[node]))
    if names[ready] != RESULT:
        found.append(Node("Identity", (names[ready],), RESULT))
    return found


def _node(node: Expr, inputs: tuple[str, ...], output: str) -> Node:
    value = constant_value(node)
    if value is not None:
        number = max(-LARGEST, min(float(value), LARGEST))
        return Node("Constant", (), output, (("value_float", number),))
    if node.op not in OPERATORS:
        raise ActlasError(f"the onnx backend has no primitive {node.op!r}")
    return Node(OPERATORS[node.op], inputs, output)


def _simplest(lowered: Expr, inputs: Sequence[str]) -> Expr:
    """Return `lowered` with plain products if float32 never meets 0 * inf on its whole range."""
    plain = rewrite(lowered, lambda node: mul(*node.args) if node.op == "damp" else node)
    tape = record(plain, inputs, numpy_backend.FUNCTIONS, "numpy")
    with np.errstate(all="ignore"):
        values = tape(*np.meshgrid(*[_SIZES] * len(inputs)))
    return lowered if np.isnan(values).any() else plain


def _magnitudes() -> npt.NDArray[np.float32]:
    """Return numbers of all sizes, each half as large again as the one before."""
    sizes = np.append(1.5 ** np.arange(-100, 218), LARGEST)
    return np.concatenate([-sizes, [0.0], sizes]).astype(np.float32)


_SIZES = _magnitudes()


def _body(node: Expr) -> Expr:
    """Return a primitive that ONNX lacks in terms of those that it has."""
    if node.op == "sphj":
        assert isinstance(node.value, int)
        return _sphj(node.value, node.args[0])
    body = BODIES.get(node.op)
    return rewrite(body(*node.args), _body) if body else node


def _choose(condition: Expr, a: Operand, b: Operand) -> Expr:
    """`where` of a condition that formulas cannot write."""
    return make("where", condition, a, b)


def _damp(u: Expr, v: Expr) -> Expr:
    """u * v, where an exact zero wins over infinity."""
    return _choose(make("eq", u, 0), 0, _choose(make("eq", v, 0), 0, u * v))


def _log1p(u: Expr) -> Expr:
    """After Kahan: the rounding of 1 + u cancels in the quotient."""
    whole = 1 + u
    return _choose(make("eq", whole, 1), u, log(whole) * (u / (whole - 1)))


def _sech2(u: Expr) -> Expr:
    small = exp(-2 * absolute(u))
    return 4 * small / ((1 + small) * (1 + small))


def _hypot1(u: Expr) -> Expr:
    """sqrt(1 + u*u), scaled so that no square overflows."""
    large, little = maximum(absolute(u), 1), minimum(absolute(u), 1)
    ratio = little / large
    return large * sqrt(1 + ratio * ratio)


def _sphj(order: int, u: Expr) -> Expr:
    """Spherical Bessel function: series below `order + 2`, upward recurrence above."""
    if order == 0:
        return _choose(make("eq", u, 0), 1, sin(u) / u)
    inside = absolute(u) < order + 2
    near, far = where(inside, u, 0), where(inside, order + 2, u)
    series, square = as_expr(1), -(near * near) / 2
    for k in range(10 + order, 0, -1):
        series = 1 + square * series / (k * (2 * k + 2 * order + 1))
    for k in range(1, order + 1):
        series = series * near / (2 * k + 1)
    before, now = cos(far) / far, sin(far) / far
    for n in range(order):
        before, now = now, (2 * n + 1) / far * now - before
    return where(inside, series, now)


BODIES: dict[str, Callable[..., Expr]] = {
    "expm1": lambda u: tanh(u / 2) * (exp(u) + 1),
    "log1p": _log1p,
    "logaddexp": lambda u, v: maximum(u, v) + softplus(-absolute(u - v)),
    "sech2": _sech2,
    "tanhshrink": lambda u: u - tanh(u),
    "lorentz": lambda u: 1 / (1 + u * u),
    "rabs": lambda u: 1 / (1 + absolute(u)),
    "hypot1": _hypot1,
    "rhyp": lambda u: 1 / hypot1(u),
    "isru": lambda u: u / hypot1(u),
    "erfc": lambda u: 1 - erf(u),
    "ncdf": lambda u: (1 + erf(math.sqrt(0.5) * u)) / 2,
    "npdf": lambda u: math.sqrt(0.5 / math.pi) * exp(-(u * u) / 2),
    "damp": _damp,
    "nan_like": lambda _, u: u,
    "clip_low": lambda u: maximum(u, -LARGEST),
    "clip_high": lambda u: minimum(u, LARGEST),
}
