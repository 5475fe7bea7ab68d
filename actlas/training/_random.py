"""Random numbers for tensors on any device, from a generator on any other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def empty_for(
    like: Tensor, generator: torch.Generator | None, shape: Sequence[int] | None = None
) -> Tensor:
    """Return an empty tensor of the dtype of `like` where the generator can fill it."""
    device = generator.device if generator else like.device
    return torch.empty(like.shape if shape is None else shape, dtype=like.dtype, device=device)


def seed_from(generator: torch.Generator | None) -> int:
    """Return a seed drawn from a generator, on whatever device it is."""
    device = generator.device if generator else None
    return int(torch.randint(2**62, (), generator=generator, device=device))


def normal_like(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Return standard normal numbers of the shape, dtype and device of `like`."""
    return empty_for(like, generator).normal_(generator=generator).to(like.device)
