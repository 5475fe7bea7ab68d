"""Metrics of a two-class decision that stay honest when one class is rare.

With eight damaged buildings to one undamaged, "damaged" for all is right in 89 of 100 cases;
balanced accuracy gives it 1/2, Matthews' correlation 0.

Papers: Brodersen et al. 2010 (balanced accuracy); Matthews 1975; Hanley and McNeil 1982 (the area
under the ROC curve is the probability that a positive scores above a negative, ties half).

Deviations:
    None: scikit-learn's conventions, 0 where a ratio has nothing in its denominator.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from actlas.errors import ActlasError


@dataclass(frozen=True)
class Metrics:
    """What a classifier reached on labels of 0 and 1."""

    accuracy: float
    balanced_accuracy: float
    f1: float
    auc: float
    mcc: float

    def as_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return asdict(self)


def metrics(labels: Any, scores: Any, threshold: float = 0.5) -> Metrics:
    """Return the metrics of scores against labels.

    Args:
        labels: 0 or 1 (N,), both present; 1 is the positive class of F1.
        scores: finite numbers (N,), larger for the positive class.
        threshold: a score at or above it counts as positive.

    Raises:
        ActlasError: for labels other than 0 and 1, a class that is missing, or scores that are
            not finite or of another length.

    >>> metrics([1, 1, 1, 0], [0.9, 0.8, 0.3, 0.4]).balanced_accuracy
    0.8333333333333333
    """
    y, score = np.asarray(labels).ravel(), np.asarray(scores, dtype=np.float64).ravel()
    if not np.isin(y, (0, 1)).all() or len(np.unique(y)) < 2:
        raise ActlasError(f"labels must be 0 and 1, with both present, got {np.unique(y)[:5]}")
    if y.shape != score.shape or not np.isfinite(score).all():
        raise ActlasError(f"scores must be {len(y)} finite numbers, one per label, got "
                          f"{len(score)}")  # fmt: skip
    positive, said = y.astype(bool), score >= threshold
    tp, fp = int((positive & said).sum()), int((~positive & said).sum())
    fn, tn = int((positive & ~said).sum()), int((~positive & ~said).sum())
    return Metrics(
        accuracy=(tp + tn) / len(y),
        balanced_accuracy=(tp / (tp + fn) + tn / (tn + fp)) / 2,
        f1=_ratio(2 * tp, 2 * tp + fp + fn),
        auc=_area(positive, score),
        mcc=_ratio(tp * tn - fp * fn, math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))),
    )


def _ratio(above: float, below: float) -> float:
    return above / below if below else 0.0


def _area(positive: Any, score: Any) -> float:
    """Return the area under the ROC curve by ranks; equal scores share their mean rank."""
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    ones, zeros = int(positive.sum()), int((~positive).sum())
    return float((rank[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))
