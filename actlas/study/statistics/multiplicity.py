"""Many tests at once: p-values that keep their meaning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actlas.errors import ActlasError


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's step-down adjusted p-values, in the order given.

    The k-th smallest of m becomes (m - k + 1) p, never less than the one before it, at most 1;
    the chance of one false claim among all is then at most the level. (Holm, 1979, A simple
    sequentially rejective multiple test procedure.)

    Args:
        p_values: of all comparisons of one family, each from 0 to 1.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    _checked(p_values)
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for the false discovery rate, in the order given.

    The k-th smallest of m becomes p m/k, never more than the one after it. For scans over many
    functions, to be confirmed on fresh seeds. (Benjamini and Hochberg, 1995, JRSS B 57.)

    Args:
        p_values: of all comparisons of the scan, each from 0 to 1.

    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.5])
    [0.04, 0.05333333333333334, 0.05333333333333334, 0.5]
    """
    _checked(p_values)
    adjusted = [0.0] * len(p_values)
    running, count = 1.0, len(p_values)
    for rank, index in reversed([*enumerate(np.argsort(p_values, kind="stable"), start=1)]):
        running = min(running, p_values[index] * count / rank)
        adjusted[index] = running
    return adjusted


def _checked(p_values: Sequence[float]) -> None:
    for p in p_values:
        if not 0.0 <= p <= 1.0:
            raise ActlasError(f"a p-value lies between 0 and 1, got {p}")
