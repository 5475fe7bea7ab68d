"""The methods of a class, and which of them are worth reading."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

from torch import nn

from actlas.surgery.replacement.functions import classes, form_of, forms_by_name

REPLACED = "_actlas_replaced"  # marks the classes that surgery made
_CHILDREN = frozenset(("children", "named_children", "_modules"))
_OTHERS = ("torch.", "actlas.", "numpy.")


@cache
def methods_of(cls: type, forward: Any) -> tuple[tuple[str, FunctionType], ...]:
    """Return the methods in use: the nearest of each name, and what it reaches through super().

    `forward` is that of the class; a GraphModule may get another one later.
    """
    return tuple(_methods(cls))


def _methods(cls: type) -> Iterator[tuple[str, FunctionType]]:
    goes_on: dict[str, bool] = {}
    for base in cls.__mro__:
        if base in (nn.Module, object) or REPLACED in vars(base):
            continue
        for name, value in vars(base).items():
            if inspect.isfunction(value) and not name.startswith("__") and goes_on.get(name, True):
                function = inspect.unwrap(value)
                goes_on[name] = "super" in function.__code__.co_names
                yield name, function


@cache
def names_in(code: CodeType) -> frozenset[str]:
    """Return the names of globals and attributes in a code object and the functions inside it."""
    inside = (names_in(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return frozenset(code.co_names).union(*inside)


def is_foreign(function: FunctionType) -> bool:
    """Say whether a function belongs to PyTorch or another library with no model in it."""
    return ((function.__module__ or "") + ".").startswith(_OTHERS)


@cache
def may_call(function: FunctionType) -> bool:
    """Say whether a function, or one of the model's own that it calls, can call a known one."""
    todo, seen = [function], {function}
    while todo:
        names_one, others = _mentions(todo.pop())
        if names_one:
            return True
        todo += others - seen
        seen |= others
    return False


@cache
def _mentions(function: FunctionType) -> tuple[bool, frozenset[FunctionType]]:
    """Return whether a function names a known one, and which of the model's own it names."""
    names = names_in(function.__code__)
    values: list[Any] = [function.__globals__.get(name) for name in names]
    modules = [value for value in values if isinstance(value, ModuleType)]
    values += [vars(module).get(name) for module in modules for name in names]
    values += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    own = (inspect.unwrap(value) for value in values if isinstance(value, FunctionType))
    known = "actlas" in names or names & _known_names() or any(map(form_of, values))
    return bool(known), frozenset(f for f in own if not is_foreign(f))


@cache
def _known_names() -> frozenset[str]:
    """Return the names of functions and classes of PyTorch that surgery knows."""
    return forms_by_name() | {cls.__name__ for cls in classes()}


def runs_children(cls: type) -> bool:
    """Say whether `forward`, or a method it calls, goes through all children of the module."""
    known = dict(methods_of(cls, getattr(cls, "forward", None)))
    todo, seen = ["forward"], set[str]()
    while todo:
        name = todo.pop()
        if name in known and name not in seen:
            seen.add(name)
            names = names_in(known[name].__code__)
            if names & _CHILDREN:
                return True
            todo += names
    return False


def copies_itself(cls: type) -> bool:
    """Say whether a class makes its copies and pickles itself, as a GraphModule from its graph."""
    own = (base for base in cls.__mro__ if base is not object and REPLACED not in vars(base))
    names = {"__deepcopy__", "__reduce__", "__reduce_ex__"}
    return any(names & set(vars(base)) for base in own)
