"""What all gated units compute: a function of the gate half times a function of the linear half.

Each half goes through a function of the catalogue or a formula of x. Both and the product are one
expression with one kernel, so that backward keeps the two halves and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from actlas.catalogue import USER, Definition, Parameter, Shape, find
from actlas.errors import ActlasError, UnsupportedDtypeError, nearest
from actlas.expr import Expr, substitute, symbol, symbols
from actlas.expr.lint import unsafe_forms
from actlas.expr.parse import parse
from actlas.expr.text import to_text
from actlas.kernels.autograd import apply, elementwise

Source = tuple[str, tuple[str, ...], Shape]  # function, names of its parameters, shape


@dataclass(frozen=True)
class Half:
    """The function that one half goes through, with its parameters: numbers or tensors."""

    entry: Definition
    values: Mapping[str, Any]

    @property
    def source(self) -> Source:
        """What the function's expression depends on, in a form that is constant to a compiler."""
        return self.entry.name, tuple(self.entry.parameters), self.entry.shape_of(self.values)

    def scalars(self, x: Tensor, dim: int) -> list[Any]:
        """Return the values of the expression's symbols, laid along dimension `dim` of `x`."""
        pieces: list[Any] = []
        for name, parameter in self.entry.parameters.items():
            value = self.values[name]
            if parameter.is_vector:
                pieces.extend(value.unbind(0) if isinstance(value, Tensor) else value)
            elif not parameter.choices:
                pieces.append(value)
        return [_along(piece, x, dim, self.entry.name) for piece in pieces]


def half_of(function: str, given: Mapping[str, Any]) -> Half:
    """Return a function of the catalogue, or a formula, with those of `given` that it knows.

    >>> half_of("min(x, limit)", {"limit": 7.0, "alpha": 1.0}).values
    {'limit': 7.0}
    """
    entry = definition(function, tuple(given))
    chosen = {name: given[name] for name in entry.parameters if name in given}
    tensors = {name: value for name, value in chosen.items() if isinstance(value, Tensor)}
    numbers = {name: value for name, value in chosen.items() if name not in tensors}
    return Half(entry, {**entry.bind(numbers), **tensors})


def definition(function: str, names: tuple[str, ...] = ()) -> Definition:
    """Return the entry of the catalogue called `function`, or one for a formula of x.

    Args:
        function: a name, or a formula in x and the given names.
        names: the parameters a formula may use.

    Raises:
        ActlasError: for an unknown name, a function of two inputs, or a formula that cannot be
            read or that cancels or overflows.

    >>> definition("Leaky-ReLU").name, definition("min(x, 7)").name
    ('leaky_relu', 'min(x, 7)')
    """
    if not isinstance(function, str):
        raise ActlasError(f"a half goes through a name or a formula, got {function!r}")
    found = _formula(function, frozenset(names)) if is_formula(function) else find(function)
    if len(found.inputs) != 1:
        raise ActlasError(f"{found.name} is a function of two inputs; a half has only one")
    return found


def is_formula(text: str) -> bool:
    """Say whether a text is meant as a formula of x and not as a name.

    >>> is_formula("x*sigmoid(x)"), is_formula("Leaky-ReLU")
    (True, False)
    """
    return re.search(r"\bx\b", text) is not None


@cache
def _formula(text: str, names: frozenset[str]) -> Definition:
    root = parse(text, names | {"x"})
    for form, repair in unsafe_forms(root):
        raise ActlasError(f"{to_text(form)} cancels or overflows; write {repair}")
    used = sorted(symbols(root) - {"x"})
    return Definition(
        name=text, title=text, family="user", description=f"The formula {text}.",
        body=lambda x, **_: root, inputs=("x",), paper=USER, status="user",
        parameters={name: Parameter(1.0, name=name) for name in used},
    )  # fmt: skip


def multiply(gate: Half, linear: Half, g: Tensor, u: Tensor, dim: int = -1) -> Tensor:
    """Return gate(g) * linear(u), computed at once and rounded once.

    Args:
        gate, linear: what the halves go through.
        g, u: the gate half and the linear half, of one shape and dtype.
        dim: the dimension along which parameters with one value per channel lie.
    """
    _check_pair(g, u)
    values = [*gate.scalars(g, dim), *linear.scalars(u, dim)]
    return apply(_key(gate.source, linear.source), g, u, *values)


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _key(gate: Source, linear: Source) -> int:
    """Return the number of the shared kernel of a product: a constant to torch.compile."""
    return _shared_key(gate, linear)


@cache
def _shared_key(gate: Source, linear: Source) -> int:
    first, of_gate = _expression(gate, "x", "gate_")
    second, of_linear = _expression(linear, "y", "linear_")
    return elementwise(first * second, ("x", "y", *of_gate, *of_linear), ()).key


def _expression(source: Source, variable: str, prefix: str) -> tuple[Expr, tuple[str, ...]]:
    """Return the expression of a half in its own variable, and the names of its parameters."""
    function, names, shape = source
    entry = definition(function, names)
    scalars = entry.scalars(shape)
    renamed = {symbol(name): symbol(prefix + name) for name in scalars}
    root = substitute(entry.expression(shape), {symbol("x"): symbol(variable), **renamed})
    return root, tuple(prefix + name for name in scalars)


def _along(value: Any, x: Tensor, dim: int, name: str) -> Any:
    """Lay a parameter with one value per channel along dimension `dim` of `x`."""
    if not isinstance(value, Tensor) or value.ndim != 1:
        return value
    if value.shape[0] == 1:
        return value.reshape(())
    if value.shape[0] != x.shape[dim]:
        raise ActlasError(
            f"{name}: {value.shape[0]} values of a parameter, but a half of shape "
            f"{tuple(x.shape)} has {x.shape[dim]} channels in dimension {dim}"
        )
    return value.reshape([-1 if i == dim % x.ndim else 1 for i in range(x.ndim)])


def _check_pair(g: Any, u: Any) -> None:
    for tensor in (g, u):
        if not isinstance(tensor, Tensor):
            raise ActlasError(f"a gated unit: expected a tensor, got {type(tensor).__name__}")
        if not tensor.is_floating_point():
            raise UnsupportedDtypeError(
                f"a gated unit: the input must be a floating-point tensor, got {tensor.dtype}"
            )
    if g.shape != u.shape or g.dtype != u.dtype:
        raise ActlasError(f"the halves must have one shape and dtype, got {tuple(g.shape)} of "
                          f"{g.dtype} and {tuple(u.shape)} of {u.dtype}")  # fmt: skip


def refuse_unknown(given: Mapping[str, Any], known: set[str], name: str) -> None:
    """Raise ActlasError with the nearest valid name for a parameter that neither half has."""
    for parameter in given:
        if parameter not in known:
            raise ActlasError(f"{name} has no parameter {parameter!r}; its parameters: "
                              f"{', '.join(sorted(known)) or 'none'}."
                              f"{nearest(parameter, known)}")  # fmt: skip
