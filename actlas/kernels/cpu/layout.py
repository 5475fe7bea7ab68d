"""How tensors lie in memory, as rows and columns that the engine can walk.

The first tensor decides. Others may have its shape, or hold one number, or lie along dimension 1
(a parameter for each channel).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

_SHORT = 64  # elements of a channel, below which a row runs over all channels


@dataclass(frozen=True)
class Placed:
    """A tensor whose element (r, c) lies at (r % period) * row + c * column."""

    tensor: torch.Tensor
    period: int
    row: int
    column: int

    def record(self, kind: int, values: int = 0) -> tuple[int, ...]:
        """Return the fields in the order in which the engine takes them."""
        return self.tensor.data_ptr(), values, self.period, self.row, self.column, kind


@dataclass(frozen=True)
class Grid:
    """Rows and columns over all elements of the first tensor, and where each tensor lies."""

    rows: int
    columns: int
    tensors: tuple[Placed, ...]
    inner: int  # of each channel, where parameters were spread over it

    @property
    def like(self) -> torch.Tensor:
        """The first tensor: results lie as it does if it is dense, else contiguously."""
        return self.tensors[0].tensor

    def place(self, tensor: torch.Tensor) -> Placed:
        """Return where a result of the first tensor's shape lies."""
        return Placed(tensor, self.rows, self.columns, 1)


def is_dense(x: torch.Tensor) -> bool:
    """Say whether the elements fill their memory without gaps or overlaps, in any order.

    >>> is_dense(torch.zeros(3, 4).t()), is_dense(torch.zeros(3, 4)[:, ::2])
    (True, False)
    """
    if x.is_contiguous():
        return True
    expected = 1
    for stride, size in sorted(zip(x.stride(), x.shape, strict=True)):
        if size != 1 and stride != expected:
            return False
        expected *= size
    return True


def grid_of(tensors: Sequence[torch.Tensor]) -> Grid | None:
    """Return the grid of tensors that belong together, or None for another broadcast."""
    x = tensors[0]
    kinds = [_kind(x, tensor) for tensor in tensors]
    if "other" in kinds:
        return None
    if "channel" in kinds:
        return _channels(x, tensors, kinds)
    if not is_dense(x):
        return _strided(x, tensors, kinds)
    pairs = zip(tensors, kinds, strict=True)
    placed = [_one(t) if k == "one" else Placed(_laid_out(t, x), 1, 0, 1) for t, k in pairs]
    return Grid(1, x.numel(), tuple(placed), 1)


def _kind(x: torch.Tensor, other: torch.Tensor) -> str:
    if other.shape == x.shape:
        return "same"
    if other.numel() == 1 and other.ndim <= x.ndim:
        return "one"
    along = x.ndim > 1 and other.shape == (1, x.shape[1], *[1] * (x.ndim - 2))
    return "channel" if along else "other"


def _one(tensor: torch.Tensor) -> Placed:
    return Placed(tensor, 1, 0, 0)


def _strided(x: torch.Tensor, tensors: Sequence[torch.Tensor], kinds: list[str]) -> Grid:
    """Rows of equal strides where the gaps allow it, else contiguous copies."""
    rows, columns, *strides = _collapsed(x) or (1, x.numel(), x.numel(), 1)
    placed = []
    for tensor, kind in zip(tensors, kinds, strict=True):
        if kind == "one":
            placed.append(_one(tensor))
        elif tensor.stride() == x.stride() and _collapsed(x):
            placed.append(Placed(tensor, rows, strides[0], strides[1]))
        else:
            placed.append(Placed(tensor.contiguous(), rows, columns, 1))
    return Grid(rows, columns, tuple(placed), 1)


def _collapsed(x: torch.Tensor) -> tuple[int, int, int, int] | None:
    """Return rows, columns and their strides if the dimensions merge into two, else None."""
    merged: list[tuple[int, int]] = []
    for size, stride in zip(x.shape, x.stride(), strict=True):
        if size == 1:
            continue
        if merged and merged[-1][1] == stride * size:
            merged[-1] = (merged[-1][0] * size, stride)
        else:
            merged.append((size, stride))
    if len(merged) > 2:
        return None
    merged = [(1, 0)] * (2 - len(merged)) + merged
    return merged[0][0], merged[1][0], merged[0][1], merged[1][1]


def _channels(x: torch.Tensor, tensors: Sequence[torch.Tensor], kinds: list[str]) -> Grid:
    """One row for each channel where channels are long, else rows over all channels."""
    channels, inner = x.shape[1], math.prod(x.shape[2:])
    last = x.ndim > 2 and x.movedim(1, -1).is_contiguous()
    dense = x if last or x.is_contiguous() else x.contiguous()
    by_row = not last and inner >= _SHORT
    rows, columns = (
        (x.shape[0] * channels, inner)
        if by_row
        else (x.shape[0] * inner, channels)
        if last
        else (x.shape[0], channels * inner)
    )
    spread = 1 if last or by_row else inner
    placed = []
    for tensor, kind in zip(tensors, kinds, strict=True):
        if kind == "one":
            placed.append(_one(tensor))
        elif kind == "same":
            alike = dense if tensor is x else _laid_out(tensor, dense)
            placed.append(Placed(alike, rows, columns, 1))
        else:
            flat = tensor.reshape(-1).repeat_interleave(spread) if spread > 1 else tensor
            row, column = (1, 0) if by_row else (0, 1)
            placed.append(Placed(flat.contiguous(), channels if by_row else 1, row, column))
    return Grid(rows, columns, tuple(placed), spread)


def _laid_out(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    if tensor.stride() == like.stride():
        return tensor
    return torch.empty_like(like, dtype=tensor.dtype).copy_(tensor)
