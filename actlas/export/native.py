"""Which functions ONNX has as one operator: found by comparing values, not by name.

`OPERATORS` says what ONNX's own operators compute, and how each attribute can be read off a curve.
A function is native if some operator, with the attributes so read, agrees with it everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial

import numpy as np

from actlas.backends import numpy as numpy_backend
from actlas.backends import onnx as onnx_backend
from actlas.backends.onnx import RESULT, Attribute, Node
from actlas.backends.tape import Tape
from actlas.errors import need_extra
from actlas.export._formula import Array, Formula
from actlas.expr import (
    Expr,
    clamp,
    expm1,
    maximum,
    ncdf,
    sigmoid,
    softplus,
    symbol,
    tanh,
    where,
)  # fmt: skip
from actlas.expr.node import const, make
from actlas.expr.primitives import VOCABULARY

At = Callable[[float], float]
Reader = Callable[[At], float]
_FAR = 1e30


@dataclass(frozen=True, eq=False)
class Operator:
    """An operator of ONNX: what it computes, and how to read its attributes off a curve.

    `limits` are constants that the operator takes as inputs, not as attributes; `mode` is an
    attribute that is a word.
    """

    name: str
    formula: Callable[..., Expr]
    attributes: Mapping[str, Reader] = field(default_factory=dict)
    limits: Mapping[str, Reader] = field(default_factory=dict)
    mode: tuple[Attribute, ...] = ()


def _edge(at: At) -> float:
    """Return the x > 0 up to which the curve is zero; ValueError if it is not, beside 0."""
    low, high = 2.0**-20, 1024.0
    if at(low) != 0:
        raise ValueError
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (low, middle) if at(middle) != 0 else (middle, high)
    return low


def _elu(x: Expr, alpha: Expr) -> Expr:
    return where(x > 0, x, alpha * expm1(x))


def _elu_alpha(at: At) -> float:
    return at(-1.0) / math.expm1(-1.0)


def _logit(at: At) -> float:
    return math.log(at(1.0)) - math.log1p(-at(1.0))


def _gelu_tanh(x: Expr) -> Expr:
    return x * ((1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))) / 2)


def _shrink(x: Expr, lambd: Expr, bias: Expr) -> Expr:
    return where(x > lambd, x - bias, where(x < -lambd, x + bias, 0))


_ONE_PRIMITIVE = [
    Operator(name, partial(make, primitive))
    for primitive, name in onnx_backend.OPERATORS.items()
    if primitive in VOCABULARY and primitive not in ("where", "max", "min", "powr")
]  # fmt: skip

# The more special comes first: Relu is also a LeakyRelu, an Elu and a ThresholdedRelu.
OPERATORS: tuple[Operator, ...] = (
    Operator("Identity", lambda x: x),
    Operator("Relu", lambda x: maximum(x, 0)),
    *_ONE_PRIMITIVE,
    Operator("HardSwish", lambda x: x * clamp(x / 6 + 0.5, 0, 1)),
    Operator("Mish", lambda x: x * tanh(softplus(x))),
    Operator("Gelu", lambda x: x * ncdf(x), mode=(("approximate", "none"),)),
    Operator("Gelu", _gelu_tanh, mode=(("approximate", "tanh"),)),
    Operator("Swish", lambda x, alpha: x * sigmoid(alpha * x), {"alpha": _logit}),
    Operator("LeakyRelu", lambda x, alpha: where(x < 0, alpha * x, x),
             {"alpha": lambda at: -at(-1.0)}),
    Operator("Elu", _elu, {"alpha": _elu_alpha}),
    Operator("Selu", lambda x, alpha, gamma: gamma * _elu(x, alpha),
             {"alpha": lambda at: _elu_alpha(at) / at(1.0), "gamma": lambda at: at(1.0)}),
    Operator("Celu", lambda x, alpha: where(x > 0, x, alpha * expm1(x / alpha)),
             {"alpha": lambda at: -at(-_FAR)}),
    Operator("HardSigmoid", lambda x, alpha, beta: clamp(alpha * x + beta, 0, 1),
             {"alpha": lambda at: 1024 * (at(2**-10) - at(0.0)), "beta": lambda at: at(0.0)}),
    Operator("ThresholdedRelu", lambda x, alpha: where(x > alpha, x, 0), {"alpha": _edge}),
    Operator("Shrink", _shrink,
             {"lambd": _edge, "bias": lambda at: _edge(at) + 1 - at(_edge(at) + 1)}),
    Operator("Clip", clamp,
             limits={"min": lambda at: at(-_FAR), "max": lambda at: at(_FAR)}),
)  # fmt: skip


def native(formula: Formula, opset: int) -> list[Node]:
    """Return the operator that computes `formula`, with its constants; [] if there is none.

    An operator that came with a later opset is written out as ONNX defines it there, which is the
    form that the fusions of runtimes look for.

    >>> from actlas.export._formula import formula_of
    >>> [node.operator for node in native(formula_of("silu"), 24)]
    ['Swish']
    >>> [node.operator for node in native(formula_of("silu"), 23) if node.computes]
    ['Sigmoid', 'Mul']
    """
    found = _match(formula) if len(formula.inputs) == 1 else None
    if found is None:
        return []
    return _node(*found) if has(found[0].name, opset) else _body(*found)


@lru_cache(maxsize=1024)
def _match(formula: Formula) -> tuple[Operator, tuple[float, ...]] | None:
    """Return the first operator that agrees with the function, and its numbers."""
    wanted = formula(_GRID)
    for operator in OPERATORS:
        numbers = _read(operator, formula)
        if numbers is not None and _agree(operator, numbers, wanted):
            return operator, numbers
    return None


def has(operator: str, opset: int) -> bool:
    """Say whether ONNX's standard operator set has this operator at `opset`."""
    onnx = need_extra("onnx", "export")
    try:
        return bool(onnx.defs.get_schema(operator, opset, ""))
    except onnx.defs.SchemaError:
        return False


def _read(operator: Operator, formula: Formula) -> tuple[float, ...] | None:
    """Return the attributes and limits read off the curve, or None where that cannot be done."""

    def at(x: float) -> float:
        return float(formula(np.array([x]))[0])

    readers = (*operator.attributes.values(), *operator.limits.values())
    try:
        numbers = tuple(float(f"{reader(at):.15g}") for reader in readers)
    except (ValueError, ZeroDivisionError):
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def _agree(operator: Operator, numbers: tuple[float, ...], wanted: Array) -> bool:
    found = numpy_backend.run(_tape(operator), _GRID, *numbers)
    return bool(np.allclose(found, wanted, rtol=1e-12, atol=1e-12))


@cache
def _tape(operator: Operator) -> Tape:
    names = (*operator.attributes, *operator.limits)
    root = operator.formula(symbol("x"), *map(symbol, names))
    return numpy_backend.compiled(root, ("x", *names))


def _node(operator: Operator, numbers: tuple[float, ...]) -> list[Node]:
    count = len(operator.attributes)
    read: list[Attribute] = list(zip(operator.attributes, numbers[:count], strict=True))
    limits = dict(zip(operator.limits, numbers[count:], strict=True))
    given = {name: number for name, number in limits.items() if abs(number) < _FAR}
    constants = [
        Node("Constant", (), name, (("value_float", number),)) for name, number in given.items()
    ]
    inputs = ("x", *(name if name in given else "" for name in limits))
    return [*constants, Node(operator.name, inputs, RESULT, (*read, *operator.mode))]


def _body(operator: Operator, numbers: tuple[float, ...]) -> list[Node]:
    root = operator.formula(symbol("x"), *map(const, numbers))
    return onnx_backend.nodes(root, ("x",))


def _grid() -> Array:
    """Return the points of comparison: where kinks may lie, between them, close to 0, far out."""
    even, sizes = np.arange(-16, 16.01, 1 / 16), np.array([30.0, 77.7, 1e3, 1e5])
    sizes = np.concatenate([sizes, np.logspace(-12, -2, 11)])
    return np.concatenate([even, even + np.pi / 100, sizes, -sizes])


_GRID = _grid()
