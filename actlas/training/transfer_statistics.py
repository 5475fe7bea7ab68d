"""Statistics of a transfer study: accuracies of networks x data sets against one source.

Paper: Kornblith, Shlens and Le, CVPR 2019, arXiv 1805.08974, section 3: accuracies go through the
logit, so that a step is a ratio of odds; the mean of each data set is taken away, so that only
differences between networks remain; these are averaged over data sets and correlated with the
logit of the accuracy on the source (ImageNet). Error bars are those of the centred values with
Morey's correction (2008). Accuracies of activation functions are of the same kind.

Deviations:
    The statistics section was not read word by word: the interval of the correlation is
    Fisher's, over networks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from actlas.errors import ActlasError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Correlation:
    """Pearson's r with its interval, and the slope of the straight line in logits."""

    r: float
    low: float
    high: float
    slope: float
    networks: int


def logit(accuracy: Any) -> Array:
    """Return log(p/(1 - p)).

    Args:
        accuracy: numbers between 0 and 1, both excluded.

    Raises:
        ActlasError: for an accuracy of 0, 1 or outside, whose logit is not finite.

    >>> logit([0.5, 0.9]).round(4).tolist()
    [0.0, 2.1972]
    """
    p = np.asarray(accuracy, dtype=np.float64)
    if not ((p > 0) & (p < 1)).all():
        wrong = p[~((p > 0) & (p < 1))].flat[0]
        raise ActlasError(f"accuracies must be above 0 and below 1, got {wrong:g}; where a test "
                          "set has n examples, 1 - 1/(2 n) may stand for 1")  # fmt: skip
    result: Array = np.log(p) - np.log1p(-p)
    return result


def centred_logits(accuracy: Any) -> Array:
    """Return logits of accuracies (networks, data sets) minus the mean of each data set.

    >>> centred_logits([[0.5, 0.8], [0.5, 0.5]]).round(3).tolist()
    [[0.0, 0.693], [0.0, -0.693]]
    """
    table = logit(accuracy)
    if table.ndim != 2:
        raise ActlasError(f"accuracies must be a table of networks x data sets, got {table.shape}")
    centred: Array = table - table.mean(axis=0)
    return centred


def standard_errors(accuracy: Any) -> Array:
    """Return the standard error of every network's mean over data sets, with Morey's correction.

    Args:
        accuracy: a table (networks M >= 2, data sets N >= 2).

    Source: Morey 2008: the standard deviation of the centred values times sqrt(M/(M - 1)).
    """
    table = centred_logits(accuracy)
    networks, sets = table.shape
    if min(networks, sets) < 2:
        raise ActlasError("standard errors need two networks and two data sets or more, got "
                          f"{networks} and {sets}")  # fmt: skip
    spread: Array = table.std(axis=1, ddof=1)
    return spread * math.sqrt(networks / (networks - 1) / sets)


def correlation(x: Any, y: Any, level: float = 0.95) -> Correlation:
    """Return Pearson's correlation of two rows of numbers with Fisher's interval.

    Args:
        x, y: numbers (n,), four or more, not all equal.
        level: of the interval, between 0 and 1.

    Raises:
        ActlasError: for fewer than four numbers, rows of different lengths, constant rows.

    >>> found = correlation([1, 2, 3, 4, 5], [1, 2, 3, 5, 4])
    >>> round(found.r, 3), round(found.low, 3), round(found.high, 3)
    (0.9, 0.086, 0.993)
    """
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if a.ndim != 1 or a.shape != b.shape or len(a) < 4 or not a.std() or not b.std():
        raise ActlasError("a correlation needs two rows of the same length, four or more numbers "
                          f"that are not all equal, got {a.shape} and {b.shape}")  # fmt: skip
    if not 0 < level < 1:
        raise ActlasError(f"level must be above 0 and below 1, got {level!r}")
    r = float(np.clip(np.corrcoef(a, b)[0, 1], -1, 1))
    half = NormalDist().inv_cdf((1 + level) / 2) / math.sqrt(len(a) - 3)
    centre = math.atanh(r) if abs(r) < 1 else math.copysign(math.inf, r)
    slope = r * float(b.std() / a.std())
    return Correlation(r, math.tanh(centre - half), math.tanh(centre + half), slope, len(a))


def transfer_correlation(accuracy: Any, source: Any, level: float = 0.95) -> Correlation:
    """Return the correlation of transfer with the source, in logits, over networks.

    Args:
        accuracy: a table (networks, data sets) of accuracies between 0 and 1.
        source: the accuracy of every network on the source, between 0 and 1.
        level: of the interval.

    Raises:
        ActlasError: as `logit` and `correlation`.

    Source: Kornblith et al. 2019; r = 0.99 for fixed features, 0.96 for fine-tuning.
    """
    return correlation(logit(source), centred_logits(accuracy).mean(axis=1), level)
