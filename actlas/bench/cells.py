"""What is timed: one function in one kind of call on one tensor, and the numbers it is fed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch

from actlas.api import Activation

FORWARD, BOTH, INTO = MODES = ("forward", "forward+backward", "into")
NORMAL, WIDE = KINDS = ("normal", "wide")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
CENTRE = 1_000_000
SIZES = (1_000, 10_000, 100_000, CENTRE, 16_000_000, 64_000_000)
# Tensors that must be read or written at the least: x, y; then x, the gradient of y, that of x.
TRAFFIC = {FORWARD: 2, BOTH: 5, INTO: 2}
_LAST_DECADES = -3.0, 2.0  # of the sizes of wide numbers


@dataclass(frozen=True)
class Cell:
    """One function, one mode, one size (elements), one dtype, one kind of input."""

    function: str
    mode: str = FORWARD
    size: int = CENTRE
    dtype: str = "fp32"
    inputs: str = NORMAL

    @property
    def bytes(self) -> int:
        """What a call must move through memory at the least."""
        return TRAFFIC[self.mode] * self.size * DTYPES[self.dtype].itemsize

    def distance(self) -> float:
        """Return how far the cell is from 1M normal fp32 numbers forward: what to time first."""
        mode = {FORWARD: 0.0, BOTH: 0.5, INTO: 0.9}[self.mode]
        other = 0.8 * (self.dtype != "fp32") + 1.0 * (self.inputs != NORMAL)
        return abs(math.log10(self.size / CENTRE)) + mode + other


@dataclass(frozen=True)
class Work:
    """A cell with its function and the tensors of one call."""

    activation: Activation
    cell: Cell

    @cached_property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        """The inputs: x, or x and y."""
        cell, count = self.cell, len(self.activation.definition.inputs)
        return tuple(numbers(cell.inputs, cell.size, cell.dtype, k) for k in range(count))

    @cached_property
    def grad(self) -> torch.Tensor:
        """The gradient that arrives from behind."""
        return numbers(NORMAL, self.cell.size, self.cell.dtype, stream=2)


@lru_cache(maxsize=4)
def numbers(kind: str, size: int, dtype: str, stream: int) -> torch.Tensor:
    """Return the same numbers for everybody: N(0, 1), or wide, of sizes 0.001 to 100 and any sign.

    >>> numbers("wide", 1000, "fp32", 0).abs().max() <= 100
    tensor(True)
    """
    generator = torch.Generator().manual_seed(stream)
    x = torch.randn(size, generator=generator)
    if kind == WIDE:
        low, high = _LAST_DECADES
        x = torch.sign(x) * 10 ** (low + (high - low) * torch.rand(size, generator=generator))
    return x.to(DTYPES[dtype])
