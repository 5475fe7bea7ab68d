"""The curves of the whole catalogue on a grid: computed once, compared with anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from actlas.backends import numpy as numpy_backend
from actlas.backends.lowering import lower
from actlas.backends.tape import Tape, record
from actlas.catalogue import Definition, Shape, load
from actlas.expr import Expr

Array = npt.NDArray[np.float64]
Span = tuple[float, float]
SPAN: Span = (-10.0, 10.0)
POINTS = 1600  # even, so that a grid can be halved


def grid(span: Span = SPAN, points: int = POINTS) -> Array:
    """Return equally spaced points inside `span`, none of them a round number.

    Functions jump and bend at round numbers; just there two of them may differ and mean nothing.
    """
    low, high = span
    step = (high - low) / points
    return np.asarray(low + step * (np.arange(points) + 0.5 + 1 / 7), dtype=np.float64)


@cache
def tape_of(root: Expr, inputs: tuple[str, ...]) -> Tape:
    """Return an expression ready to run in double precision, without repairs at infinity."""
    return record(lower(root), inputs, numpy_backend.FUNCTIONS, "numpy")


def values(entry: Definition, parameters: Mapping[str, Any], x: Array) -> Array:
    """Return f(x) of an entry of one input.

    Args:
        entry: the function.
        parameters: all of them: numbers, or arrays that broadcast against `x`.
        x: any shape.
    """
    scalars: list[Any] = []
    for name, parameter in entry.parameters.items():
        value = parameters[name]
        if parameter.is_vector:
            scalars.extend(value)
        elif not parameter.choices:
            scalars.append(value)
    return _run(entry, entry.shape_of(parameters), x, scalars)


def _run(entry: Definition, shape: Shape, x: Array, scalars: Sequence[Any]) -> Array:
    tape = tape_of(entry.expression(shape), ("x", *entry.scalars(shape)))
    return numpy_backend.run(tape, x, *scalars)


def of_one_input() -> tuple[Definition, ...]:
    """Return the entries of the catalogue that are functions of x alone, your own included."""
    return tuple(entry for entry in load().values() if len(entry.inputs) == 1)


def variants(entry: Definition) -> Iterator[dict[str, Any]]:
    """Yield the default parameters of an entry, and each of its choices with them.

    >>> from actlas.catalogue import find
    >>> list(variants(find("gelu")))
    [{'approximate': 'none'}, {'approximate': 'tanh'}]
    """
    usual = entry.bind({})
    yield usual
    for name, parameter in entry.parameters.items():
        for option in parameter.choices[1:]:
            yield {**usual, name: option}


@dataclass(frozen=True)
class Curve:
    """One function of the catalogue with all its parameters."""

    entry: Definition
    parameters: Mapping[str, Any]

    def __call__(self, x: Array) -> Array:
        return values(self.entry, self.parameters, x)


@dataclass(frozen=True)
class Curves:
    """The catalogue at its default parameters: `y[i]` is the curve number i on the grid `x`."""

    curves: tuple[Curve, ...]
    x: Array
    y: Array

    def distances(self, y: Array) -> Array:
        """Return the largest difference of every curve from `y` over the grid; inf for no number.

        >>> from actlas.catalogue import find
        >>> table = catalogue_curves()
        >>> distances = table.distances(values(find("gelu"), find("gelu").bind({}), table.x))
        >>> table.curves[int(distances.argmin())].entry.name
        'gelu'
        """
        there = np.isfinite(y)
        with np.errstate(all="ignore"):
            away = np.abs(self.y[:, there] - y[there]).max(axis=1)
        return np.where(np.isnan(away), np.inf, away)


def catalogue_curves(span: Span = SPAN, points: int = POINTS) -> Curves:
    """Return the curves of all functions of one input; the same object until one is defined."""
    return _curves(of_one_input(), span, points)


@lru_cache(maxsize=8)
def _curves(entries: tuple[Definition, ...], span: Span, points: int) -> Curves:
    x = grid(span, points)
    curves = tuple(Curve(entry, given) for entry in entries for given in variants(entry))
    return Curves(curves, x, np.stack([curve(x) for curve in curves]))
