"""Axes: from data to pixels, and where the ticks stand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic map from [low, high] to [start, end]; ticks may be `whole` only."""

    low: float
    high: float
    start: float = 0.0
    end: float = 100.0
    log: bool = False
    whole: bool = False

    def __call__(self, value: float) -> float:
        """Return the place of `value`."""
        low, high, at = (self._warp(number) for number in (self.low, self.high, value))
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def _warp(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def ticks(self, most: int = 6) -> list[float]:
        """Return at most `most` round numbers within the range.

        >>> Scale(96.8, 99.1).ticks()
        [97.0, 97.5, 98.0, 98.5, 99.0]
        """
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for factors in ((1,), (1, 3), (1, 2, 5)):
                found = [float(f"{f}e{p}") for p in powers for f in factors]
                found = [tick for tick in found if self.low <= tick <= self.high]
                if len(found) >= 2:
                    break
            return found
        step = _round_step((self.high - self.low) / most)
        step = max(step, 1.0) if self.whole else step
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(index * step, 12) for index in range(first, last + 1)]


def covering(values: Iterable[float], start: float = 0.0, end: float = 100.0) -> Scale:
    """Return a linear scale that holds all values, with a margin of 6 % at both ends."""
    numbers = list(values)
    low, high = min(numbers), max(numbers)
    margin = 0.06 * (high - low) or abs(high) * 0.01 or 1.0
    return Scale(low - margin, high + margin, start, end)


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * 0.999)
