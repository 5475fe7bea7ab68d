"""How well the confidence of a classifier fits: the expected calibration error."""

from __future__ import annotations

import numpy as np

from actlas.errors import ActlasError
from actlas.study.statistics._arrays import Numbers


def calibration_error(confidences: Numbers, right: Numbers, bins: int = 15) -> float:
    """Return the mean gap between confidence and accuracy, in points, over bins of confidence.

    A bin counts by the examples in it: sum over bins of n_b / n |accuracy_b - confidence_b|.

    Args:
        confidences: the chance that the classifier gives its answer, in [0, 1]; at least one.
        right: 1 where the answer is right, else 0; as many.
        bins: of one width from 0 to 1, closed above; at least 1.

    Raises:
        ActlasError: for lists of other lengths, no examples, and chances outside [0, 1].

    Source: Guo et al., 2017, On calibration of modern neural networks, equation 3.

    >>> round(calibration_error([0.9, 0.9, 0.6, 0.6], [1, 1, 1, 0]), 6)
    10.0
    """
    chances, hits = np.asarray(confidences, dtype=float), np.asarray(right, dtype=float)
    if chances.shape != hits.shape or chances.ndim != 1 or not len(chances) or bins < 1:
        raise ActlasError(f"give as many answers as confidences, at least one, and at least one "
                          f"bin; got {hits.shape}, {chances.shape} and {bins}")  # fmt: skip
    if not bool(((chances >= 0) & (chances <= 1)).all()):
        raise ActlasError("a confidence is a number from 0 to 1")
    places = np.clip(np.ceil(chances * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(places, hits - chances, minlength=bins)
    return float(100.0 * np.abs(gaps).sum() / len(chances))
