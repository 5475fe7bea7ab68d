"""What the training methods refuse before they change anything."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from actlas.errors import ActlasError


def probability(value: Any, what: str) -> float:
    """Return a number from 0 to 1 as a float, or say what is wrong with it."""
    if not _number(value) or not 0 <= value <= 1:
        raise ActlasError(f"{what} is a probability, a number from 0 to 1, got {value!r}")
    return float(value)


def not_negative(value: Any, what: str) -> float:
    """Return a finite number from 0 up as a float, or say what is wrong with it."""
    if not _number(value) or not 0 <= value < math.inf:
        raise ActlasError(f"{what} is a finite number from 0 up, got {value!r}")
    return float(value)


def positive_integer(value: Any, what: str) -> int:
    """Return a whole number from 1 up, or say what is wrong with it."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ActlasError(f"{what} is a whole number from 1 up, got {value!r}")
    return value


def modules(given: Any, what: str) -> list[nn.Module]:
    """Return a list of at least one module, none of them twice."""
    found = list(given) if isinstance(given, Iterable) else []
    if not found or not all(isinstance(module, nn.Module) for module in found):
        raise ActlasError(f"{what} must be a list of modules, at least one, got {_named(given)}")
    if len({id(module) for module in found}) < len(found):
        raise ActlasError(f"{what} must be different modules, got one of them twice")
    return found


def no_shared_parameters(named: Mapping[str, nn.Module]) -> None:
    """Raise ActlasError if two of the modules hold the same parameter; the keys name them."""
    owner: dict[int, str] = {}
    for module_name, module in named.items():
        for name, parameter in module.named_parameters():
            first = owner.setdefault(id(parameter), module_name)
            if first != module_name:
                raise ActlasError(f"{first} and {module_name} must not share parameters; "
                                  f"both hold {name!r}")  # fmt: skip


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _named(given: Any) -> str:
    return type(given).__name__ if isinstance(given, nn.Module) else repr(given)
