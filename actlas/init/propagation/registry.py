"""The rules by the name of the operation, one table for modules, functions and methods alike.

torch.nn.functional, tensor methods and the graphs of torch.export call an operation by one name
and hand over its arguments in one order, so that a rule is written once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch.fx.node import map_aggregate

Rule = TypeVar("Rule", bound=Callable[..., Any])
RULES: dict[str, Callable[..., Any]] = {}
WEIGHING: set[str] = set()  # the operations that use a weight, even on what is no signal


class Unknown:
    """A number or shape that only an example input would tell."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = Unknown()


def has_unknown(value: Any) -> bool:
    """Say whether anything in nested arguments is unknown."""
    found: list[Any] = []
    map_aggregate(value, found.append)
    return any(isinstance(item, Unknown) for item in found)


def rule(*names: str, weighs: bool = False) -> Callable[[Rule], Rule]:
    """Enter a function (walk, *arguments) -> value as the rule of these operations.

    A rule that returns NotImplemented leaves the call to the general ways: trying whether it is
    elementwise, and sampling.
    """

    def enter(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        if weighs:
            WEIGHING.update(names)
        return function

    return enter


def operation_name(target: Any) -> str:
    """Return the name of a call's target, without the underscore of in-place forms.

    >>> operation_name(torch.ops.aten.relu_.default), operation_name("add_")
    ('relu', 'add')
    """
    if isinstance(target, torch._ops.OpOverload):
        name = target._schema.name.partition("::")[2]
        name = f"aten.{name}" if f"aten.{name}" in RULES else name
    else:
        name = target if isinstance(target, str) else getattr(target, "__name__", str(target))
    return name.rstrip("_") or name


def writes_into_its_input(target: Any, keywords: dict[str, Any]) -> bool:
    """Say whether a call changes its first argument.

    >>> writes_into_its_input("relu_", {}), writes_into_its_input("relu", {})
    (True, False)
    """
    name = target._schema.name if isinstance(target, torch._ops.OpOverload) else target
    written = isinstance(name, str) and name.endswith("_") and not name.endswith("__")
    return written or keywords.get("inplace") is True
