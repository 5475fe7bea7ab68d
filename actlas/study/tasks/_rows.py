"""Tables of examples: rows dealt out to the three parts, and numbers on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from actlas.study.tasks._protocol import Data, Split


def three_parts(inputs: np.ndarray, targets: np.ndarray, rows: Sequence[np.ndarray]) -> Data:
    """Return a table in three parts, in standard deviations of its training rows.

    Args:
        inputs: (n, features).
        targets: (n,) of labels, which stay as they are, or of numbers, which become (n, 1).
        rows: the numbers of the rows for training, validation and test.

    >>> x, y = np.arange(12.0).reshape(6, 2), np.array([0.0, 2.0, 1.0, 1.0, 1.0, 5.0])
    >>> three_parts(x, y, np.split(np.arange(6), [2, 5])).test.targets
    tensor([[4.]])
    """
    known = rows[0]
    inputs = standardised(inputs, known)
    if targets.dtype.kind == "f":
        targets = standardised(targets[:, None], known)
    return Data(*(Split(_tensor(inputs[part]), _tensor(targets[part])) for part in rows))


def standardised(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return columns less the mean of the known rows, in units of those rows' deviation."""
    seen = values[known]
    varies = seen.max(0) > seen.min(0)
    return np.asarray((values - seen.mean(0)) / np.where(varies, seen.std(0), 1.0))


def _tensor(values: np.ndarray) -> Tensor:
    return torch.tensor(values, dtype=torch.float32 if values.dtype.kind == "f" else torch.int64)


def together(splits: Sequence[Data]) -> Data:
    """Return several splits of a table as one; seed k trains on split k modulo their number."""
    return replace(splits[0], further=tuple(splits[1:]))
