"""Statistics of a comparison: pure functions on arrays, without torch.

Every function takes improvements: differences oriented so that more is better.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from actlas.errors import need_extra

Numbers = Sequence[float] | npt.NDArray[Any]

EXACT_UP_TO = 16  # seeds; above it the sign flips are drawn at random
FLIPS = 100_000


@dataclass(frozen=True)
class Interval:
    """A mean with its two-sided confidence interval."""

    mean: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the length of the interval."""
        return (self.high - self.low) / 2


class Verdict(StrEnum):
    """What may be said of a difference."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "no practical difference"
    OPEN = "undecided"


def mean_interval(values: Numbers, level: float = 0.95) -> Interval:
    """Return the mean with Student's t interval.

    Args:
        values: at least two independent numbers.
        level: the coverage, between 0 and 1.

    >>> interval = mean_interval([1.0, 2.0, 3.0])
    >>> round(interval.low, 3), round(interval.high, 3)
    (-0.484, 4.484)
    """
    special = need_extra("scipy.special", "study")
    array = np.asarray(values, dtype=float)
    quantile = float(special.stdtrit(len(array) - 1, 0.5 + level / 2))
    half = quantile * float(array.std(ddof=1)) / math.sqrt(len(array))
    mean = float(array.mean())
    return Interval(mean, mean - half, mean + half)


def cohen_dz(differences: Numbers) -> float | None:
    """Return the paired effect size, mean over standard deviation; None if nothing varies."""
    array = np.asarray(differences, dtype=float)
    deviation = float(array.std(ddof=1))
    return float(array.mean()) / deviation if deviation > 0 else None


def sign_flip_p(differences: Numbers, generator: np.random.Generator) -> float:
    """Return the two-sided p-value of the paired sign-flip permutation test on the mean.

    Exact up to 16 pairs; above that 100,000 random flips, the observed one counted among them.

    >>> sign_flip_p([0.5, 0.2, 0.4, 0.3], np.random.default_rng(0))
    0.125
    """
    array = np.asarray(differences, dtype=float)
    if len(array) <= EXACT_UP_TO:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=len(array))))
    else:
        signs = generator.choice((1.0, -1.0), size=(FLIPS, len(array)))
        signs[0] = 1.0
    sums = np.abs(signs @ array)
    tolerance = 1e-12 * np.abs(array).sum()
    return float(np.mean(sums >= abs(array.sum()) - tolerance))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's step-down adjusted p-values, in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def noise_floor(differences: Numbers) -> float:
    """Return the effect that chance alone makes between two arms of the same function.

    It is the half-width of the 95 % interval of the A/A differences, or their mean where that is
    larger: the mean alone is one draw, and may be small by luck.
    """
    interval = mean_interval(differences)
    return max(abs(interval.mean), interval.half_width)


def seeds_needed(comparisons: int, significance: float = 0.05) -> int:
    """Return the fewest seeds with which Holm's smallest sign-flip p can fall below the level.

    >>> seeds_needed(5)
    8
    """
    return math.floor(math.log2(2 * comparisons / significance)) + 1


def decide(
    difference: Interval, p_holm: float, practical: float, floor: float, seeds: int, needed: int
) -> tuple[Verdict, str]:
    """Return the verdict on one function, with the reason in words.

    "Better" and "worse" need an interval that excludes 0, an adjusted p below 0.05 and a mean
    difference above the noise floor. "No practical difference" needs an interval that lies within
    plus and minus `practical`.
    """
    low, high = difference.low, difference.high
    if -practical < low and high < practical:
        return Verdict.SAME, f"the interval lies within ±{practical:g}"
    if low <= 0 <= high:
        return Verdict.OPEN, f"the interval holds 0 and reaches beyond ±{practical:g}"
    if abs(difference.mean) <= floor:
        return Verdict.OPEN, f"the difference is below the noise floor of {floor:.2g}"
    if seeds < needed:
        return Verdict.OPEN, f"{seeds} seeds cannot pass the corrected test, {needed} could"
    if p_holm >= 0.05:
        return Verdict.OPEN, "the corrected test does not confirm the interval"
    return Verdict.BETTER if low > 0 else Verdict.WORSE, "by every criterion"
