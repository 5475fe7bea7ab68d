"""Which function a module of a model is, and with which parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from actlas.catalogue import Definition
from actlas.errors import ActlasError
from actlas.nn._module import ElementwiseModule
from actlas.surgery.replacement.functions import class_entry, classes
from actlas.surgery.replacement.probing import identify, of_module


class Known(NamedTuple):
    """A function of the catalogue; `parameters` is None where they are learned or unreadable."""

    entry: Definition
    parameters: Mapping[str, Any] | None
    inplace: bool = False


def known_module(module: nn.Module) -> Known | None:
    """Return which function of the catalogue a module is, or None.

    By its class where that is PyTorch's or actlas's own, else by its values, if it is a module
    without parameters, buffers and children.
    """
    entry = class_entry(type(module))
    if entry is not None and _keeps_forward(type(module)):
        return Known(entry, _parameters(module, entry))
    if type(module).__module__.startswith(("torch.", "actlas.")):
        return None
    point = identify(of_module(module))
    return Known(point[0], dict(point[1])) if point else None


def _keeps_forward(cls: type) -> bool:
    """Say whether a class computes what its base of torch.nn or actlas.nn computes."""
    if issubclass(cls, ElementwiseModule):
        return cls.forward is ElementwiseModule.forward
    base = next(base for base in cls.__mro__ if base in classes())
    return getattr(cls, "forward", None) is base.forward


def _parameters(module: nn.Module, entry: Definition) -> dict[str, Any] | None:
    """Return the parameters as they stand now, or None if one of them is not a single number."""
    found: dict[str, Any] = {}
    for name, parameter in entry.parameters.items():
        value = getattr(module, name, getattr(module, parameter.key, parameter.default))
        if isinstance(value, torch.Tensor):
            if value.numel() != 1 or value.is_meta:
                return None
            value = float(value.detach())
        found[name] = value
    try:
        return entry.bind(found)
    except ActlasError:  # a value that the catalogue's domain does not have
        return None
