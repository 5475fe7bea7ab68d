"""A few rows of a tensor, all its channels in each, chosen without random numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from actlas.surgery.monitor.sites import Site

_LEAST_ROWS = 8
_GOLDEN = (math.sqrt(5) - 1) / 2
Index = tuple[npt.NDArray[np.int64], ...]


@dataclass(frozen=True)
class Picker:
    """Which rows are read: about `budget` elements, other ones at every `turn`.

    A row is what stands at one place of all dimensions but the channel's. The places follow a
    Weyl sequence, which goes on from turn to turn, so that every place is read before one is
    read again.

    >>> x = torch.arange(24.0).reshape(2, 3, 4)
    >>> Picker(channel_dim=1, budget=6, turn=0).rows(x).shape
    torch.Size([8, 3])
    """

    channel_dim: int
    budget: int
    turn: int

    def rows(self, tensor: Tensor) -> Tensor:
        """Return a copy of shape (rows, channels), in at least single precision."""
        plain = tensor.detach()
        plain = plain.reshape(1, -1) if plain.ndim < 2 else plain
        moved = plain.movedim(self._place(plain.ndim), -1)
        picked = moved[_places(tuple(moved.shape), self.budget, self.turn)]
        return picked.float() if picked.dtype in (torch.float16, torch.bfloat16) else picked

    def _place(self, ndim: int) -> int:
        return self.channel_dim if -ndim <= self.channel_dim < ndim else -1


@lru_cache(maxsize=64)
def _places(shape: tuple[int, ...], budget: int, turn: int) -> Index:
    """Return the places to read of a tensor with its channels last, one array a dimension."""
    places = math.prod(shape[:-1])
    rows = min(places, max(_LEAST_ROWS, budget // shape[-1]))
    steps = (turn * rows) % places + np.arange(rows)
    return np.unravel_index(steps * _step(places) % places, shape[:-1])


@lru_cache(maxsize=256)
def _step(places: int) -> int:
    """Return the step nearest to the golden section that visits all places."""
    step = max(1, round(places * _GOLDEN))
    while math.gcd(step, places) > 1:
        step += 1
    return step


@dataclass
class Seen:
    """What one call of a site has shown: rows of its input, its output and the gradient."""

    name: str
    site: Site
    shape: dict[str, Tensor]
    picker: Picker
    x: Tensor | None = None
    y: Tensor | None = None
    gradient: Tensor | None = None
    note: str = ""
    handles: list[Any] = field(default_factory=list)

    def read_input(self, tensor: Tensor) -> None:
        """Keep rows of the input, before the function may overwrite it."""
        self.x = self.picker.rows(tensor)

    def read_output(self, tensor: Tensor) -> None:
        """Keep rows of the output, and of its gradient as soon as there is one."""
        self.y = self.picker.rows(tensor)
        if tensor.requires_grad:
            self.handles.append(tensor.register_hook(self._read_gradient))

    def _read_gradient(self, gradient: Tensor) -> None:
        if readable(gradient):
            self.gradient = self.picker.rows(gradient)

    def close(self) -> None:
        """Let go of the graph."""
        while self.handles:
            self.handles.pop().remove()


def readable(value: object) -> bool:
    """Say whether rows can be read: a plain tensor of real floats with something in it."""
    return (
        type(value) in (Tensor, torch.nn.Parameter)
        and value.is_floating_point()  # type: ignore[attr-defined]
        and value.layout is torch.strided  # type: ignore[attr-defined]
        and value.numel() > 0  # type: ignore[attr-defined]
        and not value.is_meta  # type: ignore[attr-defined]
    )
