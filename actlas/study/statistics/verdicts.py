"""What may be said of a difference, and what chance alone does."""

from __future__ import annotations

from enum import StrEnum

from actlas.study.statistics._arrays import Numbers
from actlas.study.statistics.intervals import Interval, mean_interval


class Verdict(StrEnum):
    """What may be said of a difference."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "no practical difference"
    OPEN = "undecided"


def noise_floor(differences: Numbers) -> float:
    """Return the effect that chance alone makes between two arms of the same function.

    It is the half-width of the 95 % interval of the A/A differences, or their mean where that is
    larger: the mean alone is one draw, and may be small by luck.

    >>> noise_floor([2.0, 2.1, 1.9])
    2.0
    """
    interval = mean_interval(differences)
    return max(abs(interval.mean), interval.half_width)


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
