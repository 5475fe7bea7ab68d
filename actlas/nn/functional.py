"""Every function of the catalogue as a plain function of tensors: `actlas.functional.mish(x)`.

The names come from the catalogue; there is no list of them here. Parameters may be numbers or
tensors; a 1-D tensor with more than one value lies along dimension 1, as in PyTorch's `prelu`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch.compiler import is_dynamo_compiling

from actlas.catalogue import USER, Definition, find, load
from actlas.errors import ActlasError, nearest
from actlas.nn._apply import SHORT, evaluate, evaluate_inplace, evaluate_into

_functions: dict[str, Callable[..., torch.Tensor]] = {}


def function_of(entry: Definition) -> Callable[..., torch.Tensor]:
    """Return the functional form of an entry, made once."""
    if entry.name not in _functions or _functions[entry.name].__wrapped__ is not entry:  # type: ignore[attr-defined]
        _functions[entry.name] = _make(entry)
    return _functions[entry.name]


def _make(entry: Definition) -> Callable[..., torch.Tensor]:
    names, count, at_defaults = tuple(entry.parameters), len(entry.inputs), (entry, None)

    def function(
        *args: Any, inplace: bool = False, out: torch.Tensor | None = None, **given: Any
    ) -> torch.Tensor:
        if len(args) == count and not given and not inplace and not is_dynamo_compiling():
            short = SHORT.get(at_defaults)
            if short is not None:  # in place: a frame more is a tenth of a small call
                y = short.direct(*args) if out is None else short.write(out, *args)
                if y is None and out is None:
                    y = short.watched(*args)
                if y is not None:
                    return y
        if len(args) < count or len(args) > count + len(names):
            raise ActlasError(f"{entry.name}{signature}: got {len(args)} positional arguments")
        for name in given:
            if name not in names:
                raise ActlasError(f"{entry.name}{signature} has no parameter {name!r}."
                                  f"{nearest(name, names)}")  # fmt: skip
        for name, value in zip(names, args[count:], strict=False):
            given[name] = value
        if inplace and out is not None:
            raise ActlasError(f"{entry.name}: give inplace=True or out=, not both")
        if out is not None:
            return evaluate_into(out, entry, args[:count], given)
        return (evaluate_inplace if inplace else evaluate)(entry, args[:count], given)

    signature = _signature(entry)
    function.__name__ = function.__qualname__ = entry.name
    function.__doc__ = f"{entry.description}\n\nSource: {entry.paper.short}."
    function.__signature__ = signature  # type: ignore[attr-defined]
    function.__wrapped__ = entry  # type: ignore[attr-defined]
    return function


def _signature(entry: Definition) -> inspect.Signature:
    def slot(name: str, default: Any, kind: Any) -> inspect.Parameter:
        return inspect.Parameter(name, kind, default=default)

    either = inspect.Parameter.POSITIONAL_OR_KEYWORD
    slots = [slot(name, inspect.Parameter.empty, either) for name in entry.inputs]
    slots += [slot(name, p.default, either) for name, p in entry.parameters.items()]
    for name, default in (("inplace", False), ("out", None)):
        slots.append(slot(name, default, inspect.Parameter.KEYWORD_ONLY))
    return inspect.Signature(slots)


def __getattr__(name: str) -> Callable[..., torch.Tensor]:
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        entry = find(name)
    except ActlasError as error:
        raise AttributeError(f"actlas.functional: {error}") from None
    function = function_of(entry)
    if entry.paper is not USER:  # it stays: the next call finds it without asking the catalogue
        globals()[name] = function
    return function


def __dir__() -> list[str]:
    return sorted(load())
