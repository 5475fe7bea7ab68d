"""float16 and bfloat16 by their bit patterns, and rounding to them that is always correct."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from mpmath import mp, mpf

from actlas.backends import mpmath as exact
from actlas.export._formula import Array, Formula

Bits = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class HalfFormat:
    """A 16-bit floating-point format: significant bits, exponent of the least bit, largest."""

    name: str
    digits: int
    lowest: int
    largest: float

    def every_input(self) -> Array:
        """Return the 65,536 values in the order of their bit patterns."""
        return self.decoded(np.arange(2**16).astype(np.uint16))

    def decoded(self, bits: Bits) -> Array:
        """Return the numbers behind bit patterns."""
        narrow = bits.view(np.float16) if self.name == "float16" else _widened(bits)
        with np.errstate(invalid="ignore"):  # there are NaNs of every kind
            return narrow.astype(np.float64)

    def encoded(self, values: Array) -> Bits:
        """Return the bit patterns of numbers that the format holds."""
        if self.name == "float16":
            return values.astype(np.float16).view(np.uint16)
        return (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)

    def step(self, values: Array) -> Array:
        """Return the distance of neighbours around each value."""
        _, exponent = np.frexp(values)
        return np.asarray(np.ldexp(1.0, np.maximum(exponent - self.digits, self.lowest)))

    def rounded(self, values: Array) -> Array:
        """Return the nearest numbers of the format, of two the even one; beyond it infinity."""
        with np.errstate(invalid="ignore"):
            step = self.step(values)
            near = np.rint(values / step) * step
            return np.where(np.abs(near) > self.largest, np.copysign(np.inf, values), near)

    def near_a_tie(self, values: Array) -> npt.NDArray[np.bool_]:
        """Say where the error of double precision might decide to which side is rounded."""
        with np.errstate(invalid="ignore"):
            steps = np.abs(values) / self.step(values)
            return np.abs(steps - np.floor(steps) - 0.5) < 1e-6


HALVES = {
    half.name: half
    for half in (
        HalfFormat("float16", 11, -24, 65504.0),
        HalfFormat("bfloat16", 8, -133, float.fromhex("0x1.fep127")),
    )
}


def _widened(bits: Bits) -> npt.NDArray[np.float32]:
    return (bits.astype(np.uint32) << 16).view(np.float32)


def entries(formula: Formula, half: HalfFormat) -> Bits:
    """Return the bit pattern of f(x) for every bit pattern of x, rounded correctly."""
    x = half.every_input()
    values = formula(x)
    for index in np.flatnonzero(half.near_a_tie(values) & np.isfinite(x)):
        values[index] = _on_its_side(formula, float(x[index]), float(values[index]), half)
    return half.encoded(half.rounded(values))


def _on_its_side(formula: Formula, x: float, value: float, half: HalfFormat) -> float:
    """Return the tie, or the double next to it on the side where the exact value lies."""
    step = float(half.step(np.array(value)))
    tie = (math.floor(value / step) + 0.5) * step
    with mp.workdps(100):
        beyond = exact.evaluate(formula.root, {"x": exact.exact(x)}) - mpf(tie)
    return math.nextafter(tie, math.copysign(math.inf, beyond)) if beyond else tie
