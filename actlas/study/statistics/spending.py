"""Alpha-spending: looking at a study before its end without more false claims."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from actlas.errors import ActlasError, nearest
from actlas.study.statistics._arrays import Array, share, special

_POINTS = 200  # of the Gauss-Legendre rule between two looks


def obrien_fleming(time: float, level: float) -> float:
    """Return what may be spent by a share of the study: little early, nearly all at the end.

    Half of it on each side: 4 - 4 Φ(z(1 - level/4) / sqrt(time)). (Lan and DeMets, 1983,
    Biometrika 70, for one side.)

    >>> round(obrien_fleming(0.5, 0.05), 5), round(obrien_fleming(1.0, 0.05), 5)
    (0.00305, 0.05)
    """
    scipy = special()
    return 4 * float(scipy.ndtr(scipy.ndtri(level / 4) / math.sqrt(time)))


def pocock(time: float, level: float) -> float:
    """Return what may be spent by a share of the study: about the same at every look.

    level log(1 + (e - 1) time). (Lan and DeMets, 1983, Biometrika 70.)

    >>> round(pocock(0.5, 0.05), 4)
    0.031
    """
    return level * math.log(1 + (math.e - 1) * time)


SPENDING: Mapping[str, Callable[[float, float], float]] = {
    "obrien-fleming": obrien_fleming,
    "pocock": pocock,
}


@dataclass(frozen=True)
class Look:
    """One look at a study: when, the z-value to exceed, and the two-sided p to fall below."""

    time: float
    boundary: float
    nominal_p: float


def boundaries(
    times: Sequence[float], level: float = 0.05, spending: str = "obrien-fleming"
) -> tuple[Look, ...]:
    """Return the boundary of every look, so that all looks together err with chance `level`.

    The chance of crossing at a look, and not before, is what the spending function adds there;
    the density of the sum is carried from look to look. (Armitage, McPherson and Rowe, 1969; Lan
    and DeMets, 1983.) For t-statistics compare the p-value with `nominal_p`.

    Args:
        times: the share of all seeds at each look, increasing, the last one at most 1.
        level: the two-sided error over all looks, between 0 and 1.
        spending: "obrien-fleming" or "pocock".

    >>> [round(look.boundary, 2) for look in boundaries([0.5, 1.0])]
    [2.96, 1.97]
    """
    spent, share_of = 0.0, _checked(times, level, spending)
    points, weights = np.polynomial.legendre.leggauss(_POINTS)
    sums, chances, before = np.zeros(1), np.ones(1), 0.0  # of the score, where no look was crossed
    looks = []
    for time in times:
        edge = _edge(sums, chances, time - before, share_of(time, level) - spent)
        looks.append(_look(time, edge / math.sqrt(time)))
        inside = edge * points
        kernel = _normal(inside[:, None] - sums[None, :], time - before)
        sums, chances, before = inside, kernel @ chances * weights * edge, time
        spent = share_of(time, level)
    return tuple(looks)


def _look(time: float, boundary: float) -> Look:
    return Look(time, boundary, 2 * float(special().ndtr(-boundary)))


def _checked(
    times: Sequence[float], level: float, spending: str
) -> Callable[[float, float], float]:
    share("level", level)
    if spending not in SPENDING:
        known = ", ".join(SPENDING)
        raise ActlasError(
            f"unknown spending {spending!r}; known: {known}.{nearest(spending, SPENDING)}"
        )
    steps = np.diff([0.0, *times])
    if len(steps) == 0 or steps.min() <= 0 or times[-1] > 1:
        raise ActlasError(f"the looks must increase and end by 1, got {list(times)}")
    return SPENDING[spending]


def _edge(sums: Array, chances: Array, variance: float, chance: float) -> float:
    """Return the sum that is exceeded, in size, with the given chance at this look."""
    ndtr = special().ndtr
    low, high = 0.0, 12.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        outside = 2 * float(chances @ ndtr((sums - middle) / math.sqrt(variance)))
        low, high = (middle, high) if outside > chance else (low, middle)
    return high


def _normal(distance: Array, variance: float) -> Array:
    values: Array = np.exp(-(distance**2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
    return values
