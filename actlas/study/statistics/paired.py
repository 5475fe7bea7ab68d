"""Tests and effect sizes for paired differences: one number for each seed, or for each task."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from actlas.study.statistics._arrays import Array, Numbers, ranked, sample, special

EXACT_UP_TO = 16  # seeds; above it the sign flips are drawn at random
FLIPS = 100_000
RANKS_UP_TO = 100  # pairs; above it the distribution of the rank sum is taken as normal


def cohen_dz(differences: Numbers) -> float | None:
    """Return the paired effect size, mean over standard deviation; None if nothing varies.

    Source: Lakens, 2013, Calculating and reporting effect sizes, equation 6.

    >>> cohen_dz([1.0, 2.0, 3.0])
    2.0
    """
    array = sample(differences, at_least=2)
    deviation = float(array.std(ddof=1))
    return float(array.mean()) / deviation if deviation > 0 else None


def sign_flip_p(
    differences: Numbers, generator: np.random.Generator, exact_up_to: int = EXACT_UP_TO
) -> float:
    """Return the two-sided p-value of the paired sign-flip permutation test on the mean.

    p is the share of all 2^n choices of signs whose |sum| reaches the observed one (Fisher, 1935,
    The Design of Experiments, section 21). With n pairs it cannot fall below 2/2^n.

    Args:
        differences: one number for each pair.
        generator: draws 100,000 flips where there are too many; the observed one is among them.
        exact_up_to: up to so many pairs every choice of signs is counted.

    >>> sign_flip_p([0.5, 0.2, 0.4, 0.3], np.random.default_rng(0))
    0.125
    """
    array = sample(differences)
    if len(array) <= exact_up_to:
        choices = np.arange(2 ** len(array))[:, None] >> np.arange(len(array))
        signs = 1.0 - 2.0 * (choices & 1)
    else:
        signs = generator.choice((1.0, -1.0), size=(FLIPS, len(array)))
        signs[0] = 1.0
    sums = np.abs(signs @ array)
    tolerance = 1e-12 * np.abs(array).sum()
    return float(np.mean(sums >= abs(array.sum()) - tolerance))


@dataclass(frozen=True)
class SignedRank:
    """Wilcoxon's test: the two rank sums, the two-sided p, and how one-sided the ranks are.

    `effect` is the matched-pairs rank-biserial correlation (Kerby, 2014), from -1 to 1.
    """

    positive: float
    negative: float
    p: float

    @property
    def effect(self) -> float:
        """The difference of the rank sums as a share of their sum; 0 where all pairs are equal."""
        total = self.positive + self.negative
        return (self.positive - self.negative) / total if total > 0 else 0.0


def wilcoxon(differences: Numbers) -> SignedRank:
    """Return Wilcoxon's signed-rank test, two-sided.

    Zeros are left out, ties share their mean rank; differences that are equal to 1e-12 of the
    largest one are ties. Exact up to 100 pairs, ties included, by the convolution of the ranks;
    above that normal, with the variance sum(r²)/4. (Wilcoxon, 1945; Demšar, 2006, section 3.1.3.)

    Args:
        differences: one number for each pair: seeds within a task, or tasks.

    >>> found = wilcoxon([0.5, 0.2, 0.4, 0.3, -0.1])
    >>> found.positive, found.negative, found.p, round(found.effect, 3)
    (14.0, 1.0, 0.125, 0.867)
    """
    given = sample(differences)
    array: Array = np.round(given / (float(np.abs(given).max()) or 1.0), 12)
    array = array[array != 0]
    if len(array) == 0:
        return SignedRank(0.0, 0.0, 1.0)
    ranks = ranked(np.abs(array))
    positive, negative = float(ranks[array > 0].sum()), float(ranks[array < 0].sum())
    tail = _exact_tail if len(array) <= RANKS_UP_TO else _normal_tail
    return SignedRank(positive, negative, min(1.0, 2 * tail(ranks, min(positive, negative))))


def _exact_tail(ranks: Array, smaller: float) -> float:
    """Return the chance of a rank sum of at most `smaller`; doubled ranks are whole numbers."""
    doubled = np.rint(2 * ranks).astype(int)
    chances: Array = np.zeros(doubled.sum() + 1)
    chances[0] = 1.0
    for rank in doubled:
        moved = np.concatenate([np.zeros(rank), chances[: len(chances) - rank]])
        chances = (chances + moved) / 2
    return float(chances[: round(2 * smaller) + 1].sum())


def _normal_tail(ranks: Array, smaller: float) -> float:
    spread = math.sqrt(float((ranks**2).sum()) / 4)
    return float(special().ndtr((smaller - float(ranks.sum()) / 2) / spread))
