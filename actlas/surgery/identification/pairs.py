"""Functions of two halves: two tensors, or one that holds both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from actlas.errors import ActlasError
from actlas.surgery.identification.calls import Form, OddResultError, first_form, said, single
from actlas.surgery.identification.curves import Array, grid


@dataclass(frozen=True)
class Pair:
    """A function of two halves; `packed` says how they lay in one tensor ("" for two tensors)."""

    label: str
    function: Callable[[Array, Array], Array]
    packed: str = ""
    hints: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def of_two(function: Callable[..., Any], label: str, hints: Mapping[str, Any]) -> Pair:
    """Return a function of two tensors."""
    x = grid(points=64)
    try:
        form, y = first_form(function, (x, x[::-1].copy()))
    except OddResultError as error:
        raise ActlasError(f"{label} {error}") from None
    except Exception as error:  # whatever a foreign function raises becomes one sentence
        raise ActlasError(f"{label} cannot be called on two tensors: {said(error)}") from None
    if y.shape != x.shape:
        raise ActlasError(f"{label} makes shape {y.shape} of two tensors of shape {x.shape}; it is "
                          f"no element-wise function")  # fmt: skip
    return Pair(label, lambda a, b: form(function, (a, b)), "", hints, precision(form))


def of_packed(
    function: Callable[..., Any], form: Form, label: str, hints: Mapping[str, Any],
    shape: tuple[int, ...], found: tuple[int, ...],
) -> Pair:  # fmt: skip
    """Return a function that makes half as many channels, as a function of the two halves."""
    halved = len(found) == len(shape) and [
        (a, b) for a, b in zip(shape, found, strict=True) if a != b
    ]
    if not halved or len(halved) > 1 or halved[0][0] != 2 * halved[0][1]:
        raise ActlasError(f"{label} makes shape {found} of shape {shape}; it is no element-wise "
                          f"function")  # fmt: skip
    trailing = shape[2:] if len(shape) > 1 else ()

    def call(columns: list[Array]) -> Array:
        packed = np.stack(columns, 1).reshape(len(columns[0]), 4, *trailing)
        return form(function, (packed,)).reshape(len(columns[0]), 2)

    a, b, c, d = (np.roll(grid(points=64), 17 * k) for k in range(4))
    moved = np.abs(call([a, b, c, d]) - call([a, b + 1, c, d]))[:, 0].max() > 0
    packed = "interleaved" if moved else "halves"

    def halves(g: Array, u: Array) -> Array:
        columns = [g, u, g, u] if moved else [g, g, u, u]
        return call(columns)[:, 0]

    return Pair(label, halves, packed, hints, precision(form))


def precision(form: Form) -> tuple[str, ...]:
    """Return the note that a way of calling is worth."""
    return ("it works in single precision only",) if form is single else ()
