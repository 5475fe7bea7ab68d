"""What can be read off a module or a function: numbers and words, by name."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np
import torch
from torch import nn

from actlas.catalogue import Definition

_HUGE = 1e300


def entry_of(thing: Any) -> Definition | None:
    """Return the entry of the catalogue that a module or function of actlas carries, or None."""
    found = getattr(thing, "entry", getattr(thing, "definition", None))
    return found if isinstance(found, Definition) else None


def hints_of(thing: Any) -> dict[str, Any]:
    """Return the numbers and words that an object carries, by name.

    Of a module: its attributes, parameters and buffers. Of a function: the defaults of its
    arguments, what functools.partial fixes, and the variables that a closure holds.

    >>> hints_of(torch.nn.LeakyReLU(0.2))["negative_slope"]
    0.2
    """
    found: dict[str, Any] = {}
    if isinstance(thing, nn.Module):
        found |= {name: value for name, value in vars(thing).items() if not name.startswith("_")}
        for name, tensor in (*thing.named_parameters(), *thing.named_buffers()):
            found[name.rpartition(".")[2]] = tensor.detach().double().cpu().numpy()
        values = getattr(thing, "parameter_values", None)  # the modules of actlas know best
        found |= {k: _plain(v) for k, v in values().items()} if callable(values) else {}
    elif entry_of(thing) is not None:
        found |= dict(getattr(thing, "values", ()))
    else:
        found |= _arguments(thing)
    return {name: value for name, value in found.items() if _usable(value)}


def _arguments(function: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(function, functools.partial):
        found |= {**_arguments(function.func), **function.keywords}
    try:
        slots = inspect.signature(function).parameters.values()
        found |= {slot.name: slot.default for slot in slots if slot.default is not slot.empty}
        found |= dict(inspect.getclosurevars(function).nonlocals)
    except (TypeError, ValueError):  # built-in functions have no signature, others no closure
        pass
    return found


def _plain(value: Any) -> Any:
    return value.detach().double().cpu().numpy() if isinstance(value, torch.Tensor) else value


def _usable(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim <= 1 or value.size == max(value.shape)
    if isinstance(value, tuple):
        return all(isinstance(item, float) for item in value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return abs(value) < _HUGE
    return isinstance(value, str)
