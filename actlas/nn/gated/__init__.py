"""Gated units as functions: a function of the gate half times a function of the linear half.

Every gated unit of `actlas.nn` is a function here under its id: `gated.swiglu(x)` for one packed
tensor, `gated.swiglu(gate, linear, layout="two_tensors")` for two. `gated.gated` takes any function
of the catalogue, or a formula, as the gate. `convert` moves weights between layouts.

>>> import torch
>>> from actlas.nn import gated
>>> gated.swiglu(torch.tensor([0.0, 2.0, 3.0, 5.0]), layout="interleaved")
tensor([ 0.0000, 14.2886])
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from actlas.errors import ActlasError
from actlas.nn.gated.layout import LAYOUTS, check_layout, convert, convert_state, join, split
from actlas.nn.gated.product import half_of, multiply, refuse_unknown
from actlas.nn.gated.width import hidden_width

__all__ = [
    "LAYOUTS", "convert", "convert_state", "gated", "halves", "hidden_width", "join", "split",
]  # fmt: skip


# Looking up names is nothing for a compiler to look into.
@torch.compiler.allow_in_graph  # type: ignore[untyped-decorator]
def gated(
    *inputs: Tensor,
    gate: str = "sigmoid",
    linear: str = "identity",
    layout: str = "gate_first",
    dim: int = -1,
    **parameters: Any,
) -> Tensor:
    """Return gate(g) * linear(u) of the two halves.

    Args:
        inputs: one packed tensor, or the gate half and the linear half for "two_tensors".
        gate: a function of the catalogue by any name, or a formula of x, for the gate half.
        linear: the same for the other half, which the classical units leave as it is.
        layout: where the gate lies, one of LAYOUTS.
        dim: the dimension that is halved.
        parameters: numbers or tensors for the parameters of both functions.

    Raises:
        ActlasError: for unknown names and parameters, an unknown layout, a dimension that cannot
            be halved, or tensors that are not floating point.

    >>> import torch
    >>> gated(torch.tensor([1.0, 3.0]), gate="telu")
    tensor([2.9740])
    """
    halves_of = half_of(gate, parameters), half_of(linear, parameters)
    refuse_unknown(parameters, {n for half in halves_of for n in half.values}, "the gated unit")
    return multiply(*halves_of, *halves(inputs, layout, dim), dim)


def halves(inputs: tuple[Tensor, ...], layout: str, dim: int = -1) -> tuple[Tensor, Tensor]:
    """Return the gate half and the linear half of the inputs of a gated unit."""
    wanted = 2 if check_layout(layout) == "two_tensors" else 1
    if len(inputs) != wanted:
        told = "the gate and the linear half" if wanted == 2 else "one packed tensor"
        raise ActlasError(f"the layout {layout!r} takes {told}, got {len(inputs)} inputs")
    return (inputs[0], inputs[1]) if wanted == 2 else split(inputs[0], layout, dim)


@cache
def _function(name: str) -> Callable[..., Tensor] | None:
    """Return the functional form of a gated unit, made once, or None for any other name."""
    from actlas.nn.structured import find_unit
    from actlas.nn.structured.gated import GatedUnit

    unit = find_unit(name)
    if unit is None or not issubclass(unit.cls, GatedUnit) or unit.cls is GatedUnit:
        return None
    cls, slots = unit.cls, inspect.signature(unit.cls).parameters
    usual = {name: slot.default for name, slot in slots.items() if name != "inplace"}

    def function(*inputs: Tensor, **given: Any) -> Tensor:
        refuse_unknown(given, set(usual), unit.id)
        options = {"gate": cls.gate_function, "linear": cls.linear_function, **usual, **given}
        return gated(*inputs, **options)  # type: ignore[no-any-return]

    function.__name__ = function.__qualname__ = unit.id
    function.__doc__ = f"{unit.description}\n\nThe options are those of {cls.__name__}."
    return function


def __getattr__(name: str) -> Callable[..., Tensor]:
    function = None if name.startswith("_") else _function(name)
    if function is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return function
