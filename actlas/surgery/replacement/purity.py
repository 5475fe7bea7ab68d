"""Python functions that may be run to see what they compute: they do nothing but compute."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

import torch

from actlas.surgery.replacement.bytecode import Call, read
from actlas.surgery.replacement.functions import callee, form_of
from actlas.surgery.replacement.probing import Point, at_points, equal, identify, of_callable

_WRITES = frozenset(
    ("STORE_ATTR", "STORE_GLOBAL", "STORE_SUBSCR", "STORE_DEREF", "IMPORT_NAME", "DELETE_ATTR")
)


def scope_of(function: FunctionType) -> dict[str, Any]:
    """Return the names a function sees, as far as they are bound."""
    scope = dict(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            scope[name] = cell.cell_contents
        except ValueError:  # not bound yet
            scope.pop(name, None)
    return scope


@cache
def of_function(function: Callable[..., Any]) -> Point | None:
    """Return the entry of the catalogue that a Python function computes, or None.

    Only a function that needs one argument, stores nothing and calls nothing but PyTorch and
    mathematics is run at all. One that merely calls what PyTorch has under another name is no
    function of its own: None.
    """
    if not isinstance(function, FunctionType) or not _takes_one(function):
        return None
    if any(i.opname in _WRITES for i in dis.get_instructions(function.__code__)):
        return None
    reading = read(function.__code__, scope_of(function), None)
    if not reading.calls or not all(map(_of_torch, reading.calls)):
        return None
    found = of_callable(function)
    called = (form_of(callee(call)) for call in reading.calls)
    if any(form and equal(found, at_points(form.entry, form.entry.bind({}))) for form in called):
        return None
    return identify(found)


def _takes_one(function: FunctionType) -> bool:
    needed = [
        p for p in inspect.signature(function).parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]  # fmt: skip
    return len(needed) == 1 and needed[0].kind is not inspect.Parameter.KEYWORD_ONLY


def _of_torch(call: Call) -> bool:
    if call.callee.kind == "attribute":
        return hasattr(torch.Tensor, str(call.callee.what))
    place = getattr(call.callee.what, "__module__", "") or "torch"  # None for torch's built-ins
    return call.callee.kind == "object" and str(place).startswith(("torch", "math"))
