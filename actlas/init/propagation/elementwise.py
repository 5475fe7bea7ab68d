"""Which functions act on each element alone, found by trying them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from actlas.nn._module import ElementwiseModule
from actlas.nn.functional import function_of

Call = Callable[..., Any]


def by_channel(function: Any) -> tuple[Call, int]:
    """Return a module or callable as a function on float64 (points, channels), and the channels.

    A module is copied, so that its own state stays as it is.
    """
    if isinstance(function, ElementwiseModule):
        return _of_module(function), function.num_parameters
    if not isinstance(function, nn.Module):
        return function, 1
    shared = [p.numel() for p in function.parameters() if p.ndim == 1]
    return copy.deepcopy(function).double(), max(shared, default=1)


def _of_module(module: ElementwiseModule) -> Call:
    values = {
        name: value.detach().double() if isinstance(value, Tensor) else value
        for name, value in module.parameter_values().items()
    }
    function = function_of(module.entry)
    return lambda *inputs: function(*inputs, **values)


def numbers(module: ElementwiseModule) -> dict[str, Any]:
    """Return the parameter values of a module as plain numbers, tuples and words."""
    plain: dict[str, Any] = {}
    for name, value in module.parameter_values().items():
        if isinstance(value, Tensor):
            flat = value.detach().double().flatten().tolist()
            value = tuple(flat) if module.entry.parameters[name].is_vector else flat[0]
        plain[name] = value
    return plain


def is_elementwise(
    call: Call, channels: int = 1, dtypes: tuple[torch.dtype, ...] = (torch.float64,)
) -> bool:
    """Say whether each element of the result depends, always alike, on that element alone.

    A function that fails on the trial, that draws random numbers or that knows an element by its
    place is not elementwise.
    """
    generator = torch.Generator().manual_seed(0)
    shape = (12, channels) if channels > 1 else (3, 4, 2, 3)
    x = [_trial(shape, dtype, generator) for dtype in dtypes]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        try:
            return _acts_alone(call, x, channels)
        except Exception:  # whatever a foreign function raises says no
            return False


def _trial(shape: tuple[int, ...], dtype: torch.dtype, generator: torch.Generator) -> Tensor:
    x = 2 * torch.randn(shape, generator=generator, dtype=torch.float64)
    return x > 0 if dtype == torch.bool else x.to(dtype)


def _acts_alone(call: Call, x: list[Tensor], channels: int) -> bool:
    y = call(*(one.clone() for one in x))  # it may write into its input
    if not isinstance(y, Tensor) or y.shape != x[0].shape:
        return False
    moved = [_reversed(one, channels) for one in x]
    changed = [one.clone() for one in x]
    for one in changed:
        one.view(-1)[0] = 1 - one.view(-1)[0].double()
    rest = call(*changed).flatten()[1:]
    return _equal(call(*moved), _reversed(y, channels)) and _equal(rest, y.flatten()[1:])


def _reversed(x: Tensor, channels: int) -> Tensor:
    """Turn the order of the elements round; within a channel where channels differ."""
    return x.flip(0) if channels > 1 else x.flatten().flip(0).reshape(x.shape)


def _equal(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one.double(), other.double(), rtol=1e-5, atol=1e-6, equal_nan=True)
