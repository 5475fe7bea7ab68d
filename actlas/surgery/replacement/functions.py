"""PyTorch's own forms of the functions of the catalogue: F.relu, torch.relu, x.relu_(), nn.ReLU.

They are found by name in PyTorch and kept if their values agree, so there is no list of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import nn

from actlas.catalogue import Definition, fold, load
from actlas.nn._module import ElementwiseModule
from actlas.surgery.replacement.bytecode import Call
from actlas.surgery.replacement.probing import at_points, equal, of_callable, of_module


class Form(NamedTuple):
    """A function of PyTorch: which entry it computes, and where it can be told to do so in place.

    `place` is the number of its argument `inplace`, -1 where it has none; `always` marks
    functions that write into their input whatever they are told (relu_).
    """

    entry: Definition
    always: bool
    place: int


_TENSOR = torch._C.TensorBase
_SPACES = (torch.nn.functional, torch, torch.Tensor, torch.special)


def forms() -> dict[Any, Form]:
    """Return every function of PyTorch that computes an entry of the catalogue."""
    return _forms(tuple(load().values()))


def classes() -> dict[type[nn.Module], Definition]:
    """Return every class of torch.nn that computes an entry of the catalogue."""
    return _classes(tuple(load().values()))


def methods() -> dict[str, Any]:
    """Return the methods of a tensor among `forms`, by name."""
    return {f.__name__: f for f in forms() if getattr(f, "__objclass__", None) is _TENSOR}


def forms_by_name() -> frozenset[str]:
    """Return the names under which PyTorch has these functions."""
    return _names(tuple(load().values()))


@cache
def _names(entries: tuple[Definition, ...]) -> frozenset[str]:
    known = _forms(entries)
    return frozenset(
        name
        for space in _SPACES
        for name in dir(space)
        if form_in(known, getattr(space, name, None))
    )


def form_of(function: Any) -> Form | None:
    """Return what is known about a callable, or None."""
    return form_in(forms(), function)


def form_in(known: Mapping[Any, Form], function: Any) -> Form | None:
    """Return what `known` tells about a callable, which need not be hashable."""
    return known.get(function) if _hashable(function) else None


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


@cache
def _forms(entries: tuple[Definition, ...]) -> dict[Any, Form]:
    known = _by_name(entries)
    found: dict[Any, Form] = {}
    for space in _SPACES:
        for name in dir(space):
            entry = known.get(fold(name))
            function = getattr(space, name, None)
            if entry and _hashable(function) and callable(function) and _computes(function, entry):
                found[function] = Form(entry, name.endswith("_"), _place(function))
    return found


@cache
def _classes(entries: tuple[Definition, ...]) -> dict[type[nn.Module], Definition]:
    known = _by_name(entries)
    named = ((value, known.get(fold(name))) for name, value in vars(nn).items())
    return {
        cls: entry
        for cls, entry in named
        if entry and inspect.isclass(cls) and issubclass(cls, nn.Module) and _builds(cls, entry)
    }


def _by_name(entries: tuple[Definition, ...]) -> dict[str, Definition]:
    return {
        fold(name): entry
        for entry in entries
        if len(entry.inputs) == 1
        for name in (*entry.aliases, entry.title, entry.name)
    }


def _computes(function: Callable[..., Any], entry: Definition) -> bool:
    wanted = at_points(entry, entry.bind({}))
    return any(equal(of_callable(function, *more), wanted) for more in _arguments(entry))


def _arguments(entry: Definition) -> Iterator[tuple[Any, ...]]:
    """Yield how defaults may have to be given: not at all, as numbers, or as tensors."""
    numbers = tuple(p.default for p in entry.parameters.values())
    yield ()
    if numbers and not any(isinstance(n, (str, tuple)) for n in numbers):
        yield numbers
        yield tuple(torch.tensor([n], dtype=torch.float64) for n in numbers)


def _builds(cls: type[nn.Module], entry: Definition) -> bool:
    wanted = at_points(entry, entry.bind({}))
    for more in _arguments(entry):
        try:
            module = cls(*more).double()
        except Exception:  # it wants other arguments: not this function
            continue
        found = of_module(module)
        if equal(found if found is not None else of_callable(module), wanted):
            return True
    return False


def _place(function: Any) -> int:
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return -1
    return names.index("inplace") if "inplace" in names else -1


def class_entry(cls: type) -> Definition | None:
    """Return the entry that a module class computes.

    Of several classes of torch.nn among its bases the nearest counts: ReLU6 is no Hardtanh.
    """
    if issubclass(cls, ElementwiseModule):
        return getattr(cls, "entry", None)
    known = classes()
    for base in cls.__mro__:
        if base.__module__.startswith("torch.nn."):
            return known.get(base)
    return None


def callee(call: Call) -> Any:
    """Return the object that is called; for x.relu() the tensor's method."""
    if call.callee.kind == "object":
        return call.callee.what
    lonely = call.arguments is not None and len(call.arguments) == 1
    if call.callee.kind == "attribute" and lonely:
        return methods().get(str(call.callee.what))
    return None
