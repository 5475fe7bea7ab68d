"""Anything callable as a function of numbers: called at many points, and refused with a reason."""

from __future__ import annotations

import copy
import functools
import inspect
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from actlas.errors import ActlasError
from actlas.surgery.identification.calls import (
    Form,
    OddResultError,
    first_form,
    said,
    undisturbed,
)
from actlas.surgery.identification.curves import Array, grid
from actlas.surgery.identification.hints import entry_of, hints_of
from actlas.surgery.identification.pairs import Pair, of_packed, of_two, precision

_MOST_WEIGHTS = 1_000_000
_MOST_CHANNELS = 4096
_SAME = 1e-5  # single precision leaves as much between two orders of the same sums


@dataclass(frozen=True)
class Subject:
    """What is to be identified: its name, its values, and what can be read off it.

    `function` maps an array of numbers to one row per channel. `hints` are the numbers and words
    found on the object by name; `called` are names that may be those of the function.
    """

    label: str
    function: Callable[[Array], Array]
    hints: Mapping[str, Any] = field(default_factory=dict)
    called: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def probe(thing: Any, label: str = "") -> Subject | Pair:
    """Return a module, a class of modules or a callable as a function of numbers.

    Args:
        thing: an instance or class of torch.nn.Module, or a callable of tensors, arrays or numbers.
        label: what to call it in messages.

    Raises:
        ActlasError: with the reason, if it is no function of one number or of two halves: it
            changes shapes, mixes elements, is random, or cannot be called.
    """
    label = label or label_of(thing)
    if inspect.isclass(thing):
        thing = _instance(thing, label)
    if not callable(thing):
        raise ActlasError(f"{label} cannot be called; give a module, a function or a name")
    with undisturbed():
        if isinstance(thing, nn.Module):
            return _of_module(thing, label)
        return _of_callable(thing, label, hints_of(thing), (_short(label),))


def label_of(thing: Any) -> str:
    """Return what a person would call an object.

    >>> label_of(torch.nn.GELU()), label_of(torch.relu), label_of(lambda x: x)
    ("GELU(approximate='none')", 'relu', 'lambda')
    """
    if isinstance(thing, nn.Module):
        text = repr(thing)
        return text if "\n" not in text and len(text) <= 80 else type(thing).__name__
    if isinstance(thing, functools.partial):
        given = [repr(value) for value in thing.args]
        given += [f"{key}={value!r}" for key, value in thing.keywords.items()]
        return f"{label_of(thing.func)}({', '.join(given)})"
    entry = entry_of(thing)
    name = getattr(thing, "__name__", None) or type(thing).__name__
    if entry is not None:
        name = entry.name + "'" * getattr(thing, "order", 0)
    return "lambda" if name == "<lambda>" else str(name)


def _short(label: str) -> str:
    return label.partition("(")[0].rpartition(".")[2].rpartition(":")[2]


def _instance(cls: type, label: str) -> Any:
    try:
        return cls()
    except Exception as error:  # what a foreign constructor wants is its own business
        raise ActlasError(f"the class {label} cannot be made without arguments "
                          f"({said(error)}); give an instance") from None  # fmt: skip


# ---------------------------------------------------------------------------------------- modules


def _of_module(module: nn.Module, label: str) -> Subject | Pair:
    module = getattr(module, "_orig_mod", module)  # what torch.compile has wrapped
    tensors = [*module.parameters(), *module.buffers()]
    if sum(tensor.numel() for tensor in tensors) > _MOST_WEIGHTS:
        raise ActlasError(f"{label} has more than {_MOST_WEIGHTS:,} weights: it is a network, not "
                          f"an activation; give one of its modules")  # fmt: skip
    if any(tensor.is_meta for tensor in tensors):
        raise ActlasError(f"{label} is on the meta device: its parameters have no values yet")
    still = _twin(module, label).eval()
    names = tuple(cls.__name__ for cls in type(module).__mro__[:2])
    subject = _of_callable(still, label, hints_of(module), names)
    if isinstance(subject, Subject) and _trains_otherwise(module, subject):
        note = "in training mode it gives other values; this is its evaluation mode"
        return Subject(label, subject.function, subject.hints, names, (*subject.notes, note))
    return subject


def _twin(module: nn.Module, label: str) -> nn.Module:
    """Return a copy in double precision on the CPU, without the hooks that watch the module."""
    bare = copy.copy(module)
    bare._forward_hooks, bare._forward_pre_hooks = OrderedDict(), OrderedDict()
    try:
        return copy.deepcopy(bare).to(device="cpu", dtype=torch.float64)
    except Exception as error:  # quantised and scripted modules refuse one or the other
        raise ActlasError(f"{label} cannot be copied in double precision: {said(error)}") from None


def _trains_otherwise(module: nn.Module, subject: Subject) -> bool:
    x = grid(points=64)
    try:
        trained = _of_callable(_twin(module, "").train(), "", subject.hints, ())
    except ActlasError:
        return True
    if isinstance(trained, Pair):
        return True
    return not np.allclose(trained.function(x), subject.function(x), _SAME, _SAME)


# -------------------------------------------------------------------------------------- callables


def _of_callable(
    function: Callable[..., Any], label: str, hints: Mapping[str, Any], called: tuple[str, ...]
) -> Subject | Pair:
    inputs = _inputs(function)
    if inputs > 2:
        raise ActlasError(f"{label} takes {inputs} inputs, an activation one and a gated unit two; "
                          f"fix the others with functools.partial")  # fmt: skip
    if inputs == 2:
        return of_two(function, label, hints)
    x = grid()
    failure: Exception | None = None
    for shape in _shapes(len(x), hints):
        try:
            form, y = first_form(function, (_filled(x, shape, 37),))
        except OddResultError as error:
            raise ActlasError(f"{label} {error}") from None
        except Exception as error:  # another shape may suit it
            failure = failure or error
            continue
        if y.shape == shape:
            rows = _rows(function, form, shape, label)
            return Subject(label, rows, hints, called, precision(form))
        return of_packed(function, form, label, hints, shape, y.shape)
    if isinstance(failure, TypeError) and not _has_signature(function):
        return of_two(function, label, hints)
    raise ActlasError(f"{label} cannot be called on floating-point numbers: {said(failure)}")


def _inputs(function: Any) -> int:
    """Return how many arguments a call needs; 1 where the function does not tell."""
    entry = entry_of(function)
    if entry is not None:
        return len(entry.inputs)
    try:
        call = function.forward if isinstance(function, nn.Module) else function
        slots = list(inspect.signature(call).parameters.values())
    except (TypeError, ValueError):
        return 1
    needed = [s for s in slots if s.default is s.empty and s.kind in (s.POSITIONAL_ONLY,
              s.POSITIONAL_OR_KEYWORD)]  # fmt: skip
    wanted = getattr(function, "layout", "") == "two_tensors"  # the gated units of actlas
    return 2 if wanted else max(1, len(needed))


def _has_signature(function: Any) -> bool:
    try:
        inspect.signature(function)
    except (TypeError, ValueError):
        return False
    return True


def _shapes(points: int, hints: Mapping[str, Any]) -> Iterator[tuple[int, ...]]:
    """Yield shapes of input: a row first, then channels in dimension 1, as many as parameters."""
    yield (points,)
    sizes = {value.size for value in hints.values() if isinstance(value, np.ndarray)}
    for channels in (*sorted(size for size in sizes if 1 < size <= _MOST_CHANNELS), 4):
        yield points, channels
        yield points, channels, 1, 1


def _filled(x: Array, shape: tuple[int, ...], step: int) -> Array:
    """Return `x` down every channel, each channel shifted, so that neighbours differ."""
    channels = int(np.prod(shape[1:], dtype=int))
    return np.stack([np.roll(x, step * k) for k in range(channels)], 1).reshape(shape)


def _rows(
    function: Callable[..., Any], form: Form, shape: tuple[int, ...], label: str
) -> Callable[[Array], Array]:
    """Return the function on one row of numbers, after making sure that it is element-wise."""
    channels = int(np.prod(shape[1:], dtype=int))

    def rows(x: Array, step: int = 37) -> Array:
        size = (len(x), *shape[1:])
        y = form(function, (_filled(x, size, step),)).reshape(len(x), channels)
        return np.stack([np.roll(y[:, k], -step * k) for k in range(channels)])

    x = grid()
    y, again = rows(x), rows(x)
    if not np.allclose(y, again, _SAME, _SAME, equal_nan=True):
        raise ActlasError(f"{label} is random: two calls on the same numbers differ")
    apart = rows(x[::-2].copy(), step=101)  # fewer, in another order, beside other neighbours
    if not np.allclose(y[:, ::-2], apart, _SAME, _SAME, equal_nan=True):
        raise ActlasError(f"{label} is not element-wise: an output depends on other elements too")
    alike = bool((y == y[:1]).all()) or channels == 1
    return (lambda x: rows(x)[:1]) if alike else rows
