"""Where exported functions are tested, and how an error counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from actlas.backends import numpy as numpy_backend
from actlas.backends.onnx import LARGEST
from actlas.catalogue import unroll
from actlas.export._formula import Array, Formula
from actlas.export.support import error_of, second
from actlas.expr import derivative
from tests.support.points import SINGLE, line

ALLOWED = 1e-6
_LINE = line()[np.abs(line()) <= LARGEST]
WIDE = np.unique(np.concatenate([np.linspace(-30, 30, 3001), _LINE])).astype(np.float32)


def worst(formula: Formula, found: Any, x: Any = WIDE) -> str:
    """Return "" if `found` is the function to `ALLOWED` wherever float32 has a value for it.

    What rounding the parameters to float32 does is granted. Where the function leaves float32,
    the result has to be as large as that format can be.
    """
    if found.shape != x.shape:
        return f"{formula.label} has shape {found.shape} for an input of shape {x.shape}"
    places = [x.astype(np.float64), second(x).astype(np.float64)][: len(formula.inputs)]
    with np.errstate(all="ignore"):
        truth, given = formula(*places), found.astype(np.float64)
        error = error_of(formula, x, given)
        granted = np.abs(given - truth) <= 8 * SINGLE.eps * _of_parameters(formula, places)
        beyond = np.sign(truth) * given > LARGEST / 4
    right = np.where(np.abs(truth) < LARGEST, (error <= ALLOWED) | granted, beyond)
    if right.all():
        return ""
    at = int(np.flatnonzero(~right)[0])
    return (f"{formula.label} at {', '.join(f'{p[at]:g}' for p in places)}: {found[at]:.9g}, "
            f"truth {truth[at]:.9g} ({(~right).sum()} wrong points)")  # fmt: skip


def _of_parameters(formula: Formula, places: list[Array]) -> Array:
    """Return the sum of |p df/dp| over the parameters."""
    root = formula.entry.expression(formula.entry.shape_of(dict(formula.values)))
    values = unroll(dict(formula.values))
    inputs, total = (*formula.inputs, *values), np.zeros_like(places[0])
    for name, value in values.items():
        slope = derivative(derivative(root, name), "x", formula.order)
        tape = numpy_backend.compiled(slope, inputs, ())
        total += np.nan_to_num(np.abs(value * numpy_backend.run(tape, *places, *values.values())))
    return total
