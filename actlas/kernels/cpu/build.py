"""From an expression to a program in the engine, checked against the definition before use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from actlas.backends import numpy as numpy_backend
from actlas.backends.bounds import EPS, LARGEST, TINY
from actlas.backends.program import Program, Unsupported, program
from actlas.expr import Expr, derivative
from actlas.kernels.cpu.runtime import engine

GRAD = "grad"  # the name of the incoming gradient among a program's inputs
_UNITS = 96.0  # units of rounding that an error of a program may be worth, as for tests
_refused: dict[str, str] = {}


@dataclass(frozen=True)
class Compiled:
    """A program in the engine: `handle` is what its functions take first."""

    handle: Any
    path: str  # what kind of program it is, in words


def refused() -> dict[str, str]:
    """Return the expressions that run as the composition although the engine is active, and why."""
    return dict(_refused)


@lru_cache(maxsize=2048)
def compiled(
    roots: tuple[Expr, ...], inputs: tuple[str, ...], usual: tuple[float, ...], factor: str = ""
) -> Compiled | None:
    """Return the program of `roots` over `inputs`, or None where the composition has to run.

    Args:
        roots: expressions as the catalogue has them, not lowered.
        inputs: their symbols; values of inputs[1:] as in `usual`, if known.
        factor: the name of one more input by which every root is multiplied.
    """
    try:
        lowered = tuple(numpy_backend.prepared(root, inputs, usual) for root in roots)
        for root, low in zip(roots, lowered, strict=True):
            _check(root, low, inputs, usual)
        names = (*inputs, factor) if factor else inputs
        return _hand_over(program(lowered, names, factor))
    except Unsupported as error:
        _refused["; ".join(map(repr, roots))] = str(error)
        return None


@lru_cache(maxsize=512)
def handed_over(root: Expr, inputs: tuple[str, ...], factor: str) -> Compiled:
    """Return the program of an expression over tables, which needs no lowering."""
    return _hand_over(program((root,), inputs, factor))


def _hand_over(source: Program) -> Compiled:
    module = engine().module
    assert module is not None
    handle = module.program(*source.packed())
    return Compiled(handle, source.path)


# ---------------------------------------------------------------- the check before use


def _points() -> np.ndarray:
    size = np.concatenate([np.geomspace(1e-38, 1e38, 150), np.linspace(0, 20, 401)])
    return np.concatenate([size, -size, [np.nan]]).astype(np.float32)


@lru_cache(maxsize=2048)
def _check(root: Expr, low: Expr, inputs: tuple[str, ...], usual: tuple[float, ...]) -> None:
    """Run a value on points of every size; one that is wrong never runs again."""
    if len(usual) != len(inputs) - 1:
        return  # a function of two inputs: arithmetic and tables that were checked on their own
    x = _points()
    handle = _hand_over(program((low,), inputs)).handle
    y = np.empty_like(x)
    scalars = np.array(usual, np.float32)
    operands = [[x.ctypes.data, 0, 1, 0, 1, 0]]
    operands += [[scalars[k:].ctypes.data, 0, 1, 0, 0, 0] for k in range(len(usual))]
    operands += [[y.ctypes.data, 0, 1, 0, 1, 0]]
    module = engine().module
    assert module is not None
    module.grid(handle, 1, 1, len(x), np.array(operands, np.int64).tobytes())
    wide = scalars.astype(np.float64)
    truth = numpy_backend.evaluate(root, inputs, x, *wide)
    slope = numpy_backend.evaluate(derivative(root, inputs[0]), inputs, x, *wide)
    with np.errstate(all="ignore"):
        allowed = _UNITS * EPS * (np.abs(truth) + np.abs(x * slope) + _SCALE * _cap(x)) + TINY
        allowed = np.where(np.isnan(x), 0.0, allowed)  # what a constant may be off there
        wrong = (np.abs(truth) < LARGEST) & ~(np.abs(y - truth) <= allowed)
    wrong |= np.isnan(truth) != np.isnan(y)
    if wrong.any():
        at = np.flatnonzero(wrong)[0]
        raise Unsupported(f"at x = {x[at]:.6g} it gives {y[at]:.6g}, the truth is {truth[at]:.6g}")


_SCALE = 1e-2  # a cancelling sum of terms of the size of x or of 1 may lose digits near a zero


def _cap(x: np.ndarray) -> np.ndarray:
    return np.clip(np.abs(x.astype(np.float64)), 1.0, None)
