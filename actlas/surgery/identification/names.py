"""Names and formulas as functions: the catalogue's own, other libraries', PyTorch's."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Union

import numpy as np
import torch
from torch import nn

from actlas.catalogue import Definition, find, fold
from actlas.errors import ActlasError, nearest
from actlas.expr.parse import parse
from actlas.nn.gated.product import half_of, is_formula
from actlas.nn.structured import find_unit
from actlas.nn.structured.gated import GatedUnit
from actlas.surgery.identification.curves import Array, grid, tape_of, values
from actlas.surgery.identification.pairs import Pair
from actlas.surgery.identification.probe import Subject, probe
from actlas.surgery.identification.table import (
    Dialect,
    find_dialect,
    libraries,
    named_elsewhere,
    split_options,
)  # fmt: skip

Named = Union[Subject, Pair]
_PACKED = {"two_tensors": "", "interleaved": "interleaved"}


def named_subject(text: str, library: str | None, options: Mapping[str, Any]) -> Named:
    """Return what a name or a formula stands for.

    Args:
        text: "telu", "jax:gelu", "onnx:Gelu(approximate=tanh)", "torch:hardtanh", or a formula.
        library: whose name it is, if `text` does not say so itself.
        options: of the function, for example approximate="tanh".

    Raises:
        ActlasError: for a name that nobody knows, with the nearest one.
    """
    prefix, colon, rest = text.partition(":")
    if colon and library is not None:
        raise ActlasError(f"{text!r} names its library itself; leave out library={library!r}")
    home = library or (prefix.strip() if colon else None)
    if home is None:
        return _of_no_library(text, options)
    name, inside = split_options(rest if colon else text)
    given = {**inside, **options}
    if fold(home) in ("torch", "pytorch"):
        return _of_torch(name, given)
    label = f"{home}:{rest if colon else text}"
    return _of_dialect(find_dialect(name, home, given), label + _written(options))


def _written(options: Mapping[str, Any]) -> str:
    listed = ", ".join(f"{key}={value}" for key, value in options.items())
    return f"({listed})" if listed else ""


# --------------------------------------------------------------------------------------- dialects


def _of_dialect(dialect: Dialect, label: str) -> Named:
    about = f"{libraries()[dialect.library].title}: {dialect.about}"
    if dialect.gate:
        gate, linear = (half_of(f, dialect.parameters) for f in (dialect.gate, dialect.linear))
        swapped = dialect.layout == "gate_second"

        def both(a: Array, b: Array) -> Array:
            g, u = (b, a) if swapped else (a, b)
            return values(gate.entry, gate.values, g) * values(linear.entry, linear.values, u)

        packed = _PACKED.get(dialect.layout, "halves")
        return Pair(label, both, packed, dialect.parameters, (about,))
    function = formula_function(dialect.formula, dialect.parameters)
    return Subject(label, function, dialect.parameters, (), (about,))


def formula_function(formula: str, numbers: Mapping[str, float]) -> Any:
    """Return a formula of x as a function from an array to one row of values."""
    names = tuple(numbers)
    tape = tape_of(parse(formula, frozenset({"x", *names})), ("x", *names))

    def function(x: Array) -> Array:
        with np.errstate(all="ignore"):
            y = np.asarray(tape(x, *numbers.values()), dtype=np.float64)
        return np.broadcast_to(y, x.shape)[None, :]

    return function


# ---------------------------------------------------------------------------------- no library


def _of_no_library(text: str, options: Mapping[str, Any]) -> Named:
    if is_formula(text):
        numbers = {name: float(value) for name, value in options.items()}
        return Subject(text, formula_function(text, numbers), numbers)
    name, inside = split_options(text)
    given = {**inside, **options}
    try:
        return _of_entry(find(name), given, text)
    except ActlasError as error:
        if _is_function(name):
            raise
        return _of_other_name(name, given, error)


def _is_function(name: str) -> bool:
    try:
        return bool(find(name))
    except ActlasError:
        return False


def _of_entry(entry: Definition, given: Mapping[str, Any], text: str) -> Named:
    bound = entry.bind(given)
    if len(entry.inputs) == 2:
        tape = tape_of(entry.expression(), entry.inputs)
        return Pair(text, lambda x, y: np.asarray(tape(x, y), dtype=np.float64))
    return Subject(text, lambda x: values(entry, bound, x)[None, :], bound, (entry.name,))


def _of_other_name(name: str, given: Mapping[str, Any], error: ActlasError) -> Named:
    """Return what a name means that is none of the catalogue's functions."""
    unit = find_unit(name)
    if unit is not None and issubclass(unit.cls, GatedUnit):
        return probe(unit.cls(**given), unit.id)
    if unit is not None:
        raise ActlasError(f"{unit.id} is a structured unit, not a function of one number") from None
    known = named_elsewhere(name)
    if len({(d.formula, d.gate, d.linear) for d in known}) == 1:
        return _of_dialect(find_dialect(known[0].name, known[0].library, given), name)
    if known:
        listed = ", ".join(dict.fromkeys(dialect.label for dialect in known))
        raise ActlasError(f"{name!r} means different functions in different libraries; write one "
                          f"of {listed}") from None  # fmt: skip
    raise error


def other_meanings(text: str, subject: Named) -> tuple[str, ...]:
    """Say where other libraries mean another function by a name of the catalogue."""
    if isinstance(subject, Pair) or is_formula(text) or ":" in text:
        return ()
    x = grid(points=200)
    own, different = subject.function(x), []
    for dialect in named_elsewhere(split_options(text)[0]):
        if dialect.formula:
            away = np.abs(formula_function(dialect.formula, dialect.parameters)(x) - own).max()
            different += [f"{dialect.label} ({away:.3g} away)"] if away > 1e-6 else []
    return (f"another function by this name: {', '.join(different)}",) if different else ()


# ------------------------------------------------------------------------------------------ torch


def _of_torch(name: str, given: Mapping[str, Any]) -> Named:
    """Return a function of torch.nn.functional or torch, or a module of torch.nn, by its name."""
    for home in (nn.functional, nn, torch):
        found = getattr(home, name, None)
        if isinstance(found, type) and issubclass(found, nn.Module):
            return _labelled(_made(found, given), name, given)
        if callable(found) and not isinstance(found, type):
            return _labelled(functools.partial(found, **given) if given else found, name, given)
    names = [n for n in (*dir(nn.functional), *dir(nn)) if not n.startswith("_")]
    raise ActlasError(f"torch has no function or module {name!r}.{nearest(name, names)}")


def _made(cls: type[nn.Module], given: Mapping[str, Any]) -> nn.Module:
    try:
        return cls(**given)
    except TypeError as error:
        raise ActlasError(f"torch.nn.{cls.__name__}: {error}") from None


def _labelled(thing: Any, name: str, given: Mapping[str, Any]) -> Named:
    return probe(thing, f"torch:{name}{_written(given)}")
