"""What the functions of this package take, checked in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from actlas.errors import ActlasError, need_extra

Array = npt.NDArray[np.float64]
Numbers = Sequence[float] | npt.NDArray[Any]
Rows = Sequence[Sequence[float]] | npt.NDArray[Any]


def special() -> Any:
    """Return scipy.special, or say which extra brings it."""
    return need_extra("scipy.special", "study")


def sample(values: Numbers, at_least: int = 1) -> Array:
    """Return the numbers as an array; ActlasError if there are too few, or one is not finite."""
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or len(array) < at_least:
        raise ActlasError(f"a list of at least {at_least} numbers is needed, got {array.shape}")
    return _finite(array)


def table(scores: Rows) -> Array:
    """Return tasks x functions as an array; ActlasError if it is not at least 2 x 2 and finite."""
    try:
        array = np.asarray(scores, dtype=float)
    except ValueError:
        raise ActlasError("a score is needed for every task and every function") from None
    if array.ndim != 2 or min(array.shape) < 2:
        raise ActlasError(f"at least 2 tasks x 2 functions are needed, got {array.shape}")
    return _finite(array)


def _finite(array: Array) -> Array:
    if not np.isfinite(array).all():
        raise ActlasError("a number is not finite; give a diverged run its worst score first")
    return array


def share(name: str, value: float) -> float:
    """Return a number between 0 and 1, both excluded; ActlasError if it is not one."""
    if not 0.0 < value < 1.0:
        raise ActlasError(f"{name} must lie between 0 and 1, got {value}")
    return value


def ranked(values: Array) -> Array:
    """Return the ranks from 1 on, the smallest first; equal numbers share their mean rank.

    >>> ranked(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean_ranks: Array = np.cumsum(counts) - (counts - 1) / 2
    return mean_ranks[place]
