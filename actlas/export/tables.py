"""Look-up tables for quantised inference: every input of a small format, and its output.

An 8- or 16-bit integer q stands for the real number scale * (q - zero_point), as in ONNX's
QuantizeLinear and torch.ao; float16 and bfloat16 stand for themselves. A table has an entry for
every input there is, so its largest error is known and not estimated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from actlas.errors import ActlasError, UnsupportedDtypeError, nearest
from actlas.export._formula import Array, Formula, Subject, formula_of
from actlas.export._half import HALVES, entries

INTEGERS = ("int8", "uint8", "int16", "uint16")


FORMATS = (*INTEGERS, *HALVES)


@dataclass(frozen=True)
class Affine:
    """How integers stand for real numbers: real = scale * (q - zero_point)."""

    scale: float
    zero_point: int

    def real(self, q: npt.NDArray[Any]) -> Array:
        """Return the numbers that the integers stand for."""
        return self.scale * (q.astype(np.float64) - self.zero_point)


@dataclass(frozen=True, eq=False)
class LookupTable:
    """A function as a table over all values of a format, from the lowest on.

    `entries` of an integer format are integers, of a half format the bit patterns, as uint16, in
    the order of the bit patterns of the input.
    """

    formula: Formula
    dtype: str
    entries: npt.NDArray[Any]
    input: Affine | None
    output: Affine | None

    @cached_property
    def inputs(self) -> Array:
        """The real number behind every input, in the order of the entries."""
        return _inputs(self.dtype, self.input)

    @cached_property
    def outputs(self) -> Array:
        """The real number behind every entry."""
        if self.output is not None:
            return self.output.real(self.entries)
        return HALVES[self.dtype].decoded(self.entries)

    @cached_property
    def _errors(self) -> tuple[float, float]:
        """Return the largest error, and the largest in steps of the output at that place."""
        finite = np.isfinite(self.outputs) & np.isfinite(self.inputs)
        found, x = self.outputs[finite], self.inputs[finite]
        error = np.abs(found - self.formula(x))
        steps = self.output.scale if self.output else HALVES[self.dtype].step(found)
        return float(error.max()), float((error / steps).max())

    @property
    def max_error(self) -> float:
        """The largest difference from the function, over every finite input."""
        return self._errors[0]

    @property
    def max_error_steps(self) -> float:
        """The same in steps of the output: 0.5 is correct rounding, more is saturation."""
        return self._errors[1]

    @property
    def saturated(self) -> int:
        """How many entries stand at an end of the output although the function lies beyond."""
        if self.output is None:
            return 0
        error = np.abs(self.outputs - self.formula(self.inputs))
        return int((error > 0.5001 * self.output.scale).sum())


def lookup_table(
    what: Subject,
    dtype: str = "int8",
    *,
    scale_in: float | None = None,
    zero_point_in: int = 0,
    scale_out: float | None = None,
    zero_point_out: int | None = None,
    **parameters: Any,
) -> LookupTable:
    """Return a function of one input as a table over all values of a small number format.

    Args:
        what: a name, what `actlas.get` returns, or a module of actlas.
        dtype: int8, uint8 (256 entries), int16, uint16 (65,536 entries, all with scales), float16
            or bfloat16 (65,536 entries, without scales; every entry is correctly rounded).
        scale_in: the real number one step of the input stands for, greater than 0.
        zero_point_in: the integer that stands for 0 in the input.
        scale_out, zero_point_out: the same of the output; without scale_out both are chosen so
            that no entry saturates and 0 stays exact.
        parameters: of the function, with a name.

    Raises:
        ActlasError: for an unknown format, a scale that is not a normal positive number, a zero
            point out of range, a function of two inputs or one that is infinite on the way.

    >>> table = lookup_table("relu", "int8", scale_in=0.05, scale_out=0.05)
    >>> table.entries[128 - 2 : 128 + 3].tolist(), table.max_error
    ([0, 0, 0, 1, 2], 0.0)
    """
    formula = formula_of(what, **parameters)
    if len(formula.inputs) != 1:
        raise ActlasError(f"{formula.name} is a function of two inputs; a table has one")
    if dtype not in FORMATS:
        raise UnsupportedDtypeError(f"a table has dtype {', '.join(FORMATS)}, got {dtype!r}."
                                    f"{nearest(str(dtype), FORMATS)}")  # fmt: skip
    if dtype in HALVES:
        if zero_point_in or {scale_in, scale_out, zero_point_out} != {None}:
            raise ActlasError(f"{dtype} stands for itself and takes no scale or zero point")
        return LookupTable(formula, dtype, entries(formula, HALVES[dtype]), None, None)
    if scale_in is None:
        raise ActlasError(f"an {dtype} table needs scale_in, the real number one step stands for")
    source = _affine(scale_in, zero_point_in, dtype, "in")
    values = _values(formula, _inputs(dtype, source))
    if scale_out is None:
        if zero_point_out is not None:
            raise ActlasError("zero_point_out needs scale_out; without both they are chosen")
        target = _fitted(values, dtype, formula)
    else:
        target = _affine(scale_out, zero_point_out or 0, dtype, "out")
    return LookupTable(formula, dtype, _quantised(values, target, dtype), source, target)


def _affine(scale: Any, zero_point: Any, dtype: str, side: str) -> Affine:
    info = np.iinfo(dtype)
    number = isinstance(scale, (int, float)) and not isinstance(scale, bool)
    single = np.finfo(np.float32)
    if not number or not float(single.tiny) <= scale <= float(single.max):
        raise ActlasError(f"scale_{side} must be a number greater than 0 that float32 holds as a "
                          f"normal one, got {scale!r}")  # fmt: skip
    whole = isinstance(zero_point, int) and not isinstance(zero_point, bool)
    if not whole or not info.min <= zero_point <= info.max:
        raise ActlasError(f"zero_point_{side} must be an integer from {info.min} to {info.max}, "
                          f"got {zero_point!r}")  # fmt: skip
    return Affine(float(scale), zero_point)


def _inputs(dtype: str, affine: Affine | None) -> Array:
    if affine is None:
        return HALVES[dtype].every_input()
    info = np.iinfo(dtype)
    return affine.real(np.arange(info.min, info.max + 1))


def _values(formula: Formula, x: Array) -> Array:
    values = formula(x)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ActlasError(f"{formula.label} is {values[bad[0]]} at x = {x[bad[0]]:g}; "
                          "take a smaller scale_in")  # fmt: skip
    return values


def _fitted(values: Array, dtype: str, formula: Formula) -> Affine:
    """Return the finest scale at which every value, and 0, is in range."""
    info = np.iinfo(dtype)
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    if low == high:
        raise ActlasError(f"{formula.label} is 0 over the whole input, which gives the output no "
                          "scale; give scale_out or another zero_point_in")  # fmt: skip
    scale = (high - low) / (int(info.max) - int(info.min))
    zero_point = round(info.min - low / scale)
    return _affine(scale, max(info.min, min(zero_point, info.max)), dtype, "out")


def _quantised(values: Array, target: Affine, dtype: str) -> npt.NDArray[Any]:
    info = np.iinfo(dtype)
    steps = np.rint(values / target.scale) + target.zero_point
    return np.asarray(np.clip(steps, info.min, info.max), dtype=dtype)
