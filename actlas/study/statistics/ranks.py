"""Several functions on several tasks: ranks, Friedman's test, and which pairs really differ."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from actlas.errors import ActlasError
from actlas.study.statistics._arrays import Array, Rows, ranked, special, table
from actlas.study.statistics.multiplicity import holm
from actlas.study.statistics.paired import wilcoxon


def average_ranks(scores: Rows) -> Array:
    """Return the mean rank of every function over the tasks; 1 is best, ties share their ranks.

    Args:
        scores: tasks x functions, more is better.

    >>> average_ranks([[90.0, 91.0, 89.0], [70.0, 70.0, 60.0]]).tolist()
    [1.75, 1.25, 3.0]
    """
    means: Array = np.mean([ranked(-row) for row in table(scores)], axis=0)
    return means


@dataclass(frozen=True)
class Omnibus:
    """Friedman's test: the statistic, corrected for ties, and its p-value."""

    statistic: float
    p: float


def friedman(scores: Rows) -> Omnibus:
    """Return Friedman's test that all functions rank alike: an omnibus, not a verdict on a pair.

    chi² = (12 N / (k (k+1)) sum (R - (k+1)/2)²) / ties, with k - 1 degrees of freedom; `ties` is
    1 - sum(t³ - t) / (N (k³ - k)). (Friedman, 1937; Demšar, 2006, section 3.2.2.)

    Args:
        scores: N tasks x k functions, more is better.

    >>> round(friedman([[3.0, 2.0, 1.0]] * 4).statistic, 6)
    8.0
    """
    array = table(scores)
    tasks, count = array.shape
    spread = float(((average_ranks(array) - (count + 1) / 2) ** 2).sum())
    sizes = [np.unique(row, return_counts=True)[1] for row in array]
    tied = sum(float((size**3 - size).sum()) for size in sizes)
    correction = 1 - tied / (tasks * (count**3 - count))
    if correction == 0:
        return Omnibus(0.0, 1.0)
    statistic = 12 * tasks / (count * (count + 1)) * spread / correction
    return Omnibus(statistic, float(special().chdtrc(count - 1, statistic)))


def nemenyi_distance(functions: int, tasks: int, level: float = 0.05) -> float:
    """Return Nemenyi's critical difference of mean ranks, q sqrt(k (k+1) / (6 N)).

    For reproducing published figures only. It depends on which other functions are in the pool,
    so no verdict here is built on it. (Demšar, 2006; Benavoli et al., 2016, JMLR 17.)

    Args:
        functions: the size of the pool, at least 2.
        tasks: on how many tasks they were ranked.
        level: the significance, between 0 and 1.

    >>> round(nemenyi_distance(3, 63), 3)
    0.418
    """
    if functions < 2 or tasks < 1:
        raise ActlasError(f"2 functions and 1 task are needed, got {functions} and {tasks}")
    q = _range_quantile(functions, 1 - level) / math.sqrt(2)
    return q * math.sqrt(functions * (functions + 1) / (6 * tasks))


@cache
def _range_quantile(count: int, chance: float) -> float:
    """Return the quantile of the range of normal numbers, by bisection."""
    points, weights = np.polynomial.legendre.leggauss(200)
    z = 10.0 * points
    density = 10.0 * weights * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    low, high = 0.0, 20.0
    while high - low > 1e-10:
        middle = (low + high) / 2
        below = _range_cdf(count, middle, z, density)
        low, high = (middle, high) if below < chance else (low, middle)
    return high


def _range_cdf(count: int, width: float, z: Array, density: Array) -> float:
    """Return P(range <= width), the integral of k phi(z) (Phi(z) - Phi(z - width))^(k-1)."""
    ndtr = special().ndtr
    inside = (ndtr(z) - ndtr(z - width)) ** (count - 1)
    return float(count * (density * inside).sum())


@dataclass(frozen=True)
class Pair:
    """Two functions, by their columns, compared over the tasks; positive favours `one`."""

    one: int
    other: int
    median: float
    wins: int
    losses: int
    p: float
    p_holm: float


def pairwise_wilcoxon(scores: Rows, reference: int | None = None) -> tuple[Pair, ...]:
    """Compare pairs of functions over the tasks by Wilcoxon's test, with Holm's correction.

    Unlike a comparison of mean ranks, the answer on a pair does not depend on the others, but for
    the correction. (Demšar, 2006, section 3.1.3; Benavoli et al., 2016, JMLR 17.)

    Args:
        scores: tasks x functions, means over seeds, more is better.
        reference: the column that all others are compared with; None compares all pairs.

    >>> pair, = pairwise_wilcoxon([[2.0, 1.0], [5.0, 3.0], [9.0, 6.0], [7.0, 3.0], [8.0, 3.0]])
    >>> pair.median, pair.wins, pair.p_holm
    (3.0, 5, 0.0625)
    """
    array = table(scores)
    columns = range(array.shape[1])
    if reference is None:
        chosen = list(itertools.combinations(columns, 2))
    else:
        chosen = [(column, reference) for column in columns if column != reference]
    pairs = [_pair(array, one, other) for one, other in chosen]
    corrected = holm([pair.p for pair in pairs])
    return tuple(replace(pair, p_holm=p) for pair, p in zip(pairs, corrected, strict=True))


def _pair(array: Array, one: int, other: int) -> Pair:
    gains = array[:, one] - array[:, other]
    p = wilcoxon(gains).p
    wins, losses = int((gains > 0).sum()), int((gains < 0).sum())
    return Pair(one, other, float(np.median(gains)), wins, losses, p, p)


def cliques(
    ranks: Sequence[float], pairs: Sequence[Pair], level: float = 0.05
) -> tuple[tuple[int, ...], ...]:
    """Return the largest groups, neighbours by rank, in which no pair differs significantly.

    Args:
        ranks: the mean rank of every function.
        pairs: all pairs of them, with adjusted p-values.
        level: the significance, between 0 and 1.

    Returns:
        groups of at least 2 columns, best rank first: the bars of a critical-difference picture.
    """
    order = [int(column) for column in np.argsort(ranks, kind="stable")]
    apart = {frozenset((pair.one, pair.other)) for pair in pairs if pair.p_holm < level}
    found: list[tuple[int, ...]] = []
    end = 0
    for start in range(len(order)):
        stop = start + 1
        while stop < len(order) and not any(
            frozenset((one, order[stop])) in apart for one in order[start:stop]
        ):
            stop += 1
        if stop > max(end, start + 1):
            found.append(tuple(order[start:stop]))
        end = max(end, stop)
    return tuple(found)
