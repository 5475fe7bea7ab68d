"""Small networks with residual blocks in the one form that the training methods rely on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """after(shortcut(x) + branch(x))."""

    def __init__(self, branch: nn.Module, after: nn.Module | None = None) -> None:
        super().__init__()
        self.branch, self.shortcut, self.after = branch, nn.Identity(), after or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.after(self.shortcut(x) + self.branch(x))
        return y


def chain(branch: Callable[[], nn.Module], blocks: int, after: bool = False) -> nn.Sequential:
    """Return residual blocks one after the other."""
    return nn.Sequential(*(Block(branch(), nn.ReLU() if after else None) for _ in range(blocks)))


def convolutional(blocks: int = 4, seed: int = 0) -> nn.Sequential:
    """Return blocks of convolution and batch norm on 4 channels."""

    def branch() -> nn.Module:
        return nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return chain(branch, blocks, after=True)


def seeded(seed: int = 0) -> torch.Generator:
    """Return a generator."""
    return torch.Generator().manual_seed(seed)
