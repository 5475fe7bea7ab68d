"""Bisection: an interval is cut until a rule settles every part of it."""

from __future__ import annotations

import math
from collections.abc import Callable

from actlas.facts.proofs.models import UnprovedError

MOST = 6000  # boxes for one proof
_FINEST = 2.0**-46


def cover(low: float, high: float, settled: Callable[[float, float], bool]) -> int:
    """Bisect [low, high] until `settled` holds on every box, and return how many were looked at.

    Raises:
        UnprovedError: with the place, where a box as narrow as doubles allow is still not settled.
    """
    todo, count = [(low, high)], 0
    while todo:
        left, right = todo.pop()
        count += 1
        if settled(left, right):
            continue
        middle = _middle(left, right)
        size = max(abs(left), abs(right), 2.0**-20)
        if count > MOST or right - left <= _FINEST * size:
            raise UnprovedError(f"no ball decides it near x = {middle:.6g}")
        todo += [(middle, right), (left, middle)]
    return count


def _middle(low: float, high: float) -> float:
    """Return where a box is cut: at 0 first, by magnitude where it spans several."""
    if low < 0 < high:
        return 0.0
    near, far = sorted((abs(low), abs(high)))
    if far > 4 * max(near, 0.5):
        size = 2.0 ** round(math.log2(max(near, 0.25) * far) / 2)
        return math.copysign(size, low + high)
    return (low + high) / 2
