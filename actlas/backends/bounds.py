"""What a fit may be off: an error is worth that of a rounded input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]
Function = Callable[[Array], Array]

EPS, TINY, LARGEST = 2.0**-24, 4 * float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)
UNITS = 4.0  # units of rounding of an input that an error may be worth


@dataclass(frozen=True)
class Target:
    """The function to fit, and the absolute error that is forgiven."""

    function: Function
    floor: float

    def __call__(self, x: Array) -> Array:
        """Return the truth."""
        return self.function(x)

    def allowed(self, truth: Array, x: Array, slope: Array) -> Array:
        """Return the error that a value at x may have, where `slope` is that of the fit."""
        steepness: Array = np.nan_to_num(np.abs(x * slope), nan=0.0)
        size: Array = np.abs(truth) + steepness
        return UNITS * EPS * size + self.floor


def horner(rows: Single, t: Single) -> tuple[Single, Single]:
    """Return a polynomial for each row of coefficients, the lowest first, at t, and its slope."""
    value: Single = np.broadcast_to(rows[:, -1:], t.shape)
    slope = np.zeros_like(t)
    for k in range(rows.shape[1] - 2, -1, -1):
        slope = value + t * slope
        value = rows[:, k : k + 1] + t * value
    return value, slope
