"""Networks for images of one size only, and start weights by a rule of the paper's own."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from actlas.errors import ActlasError
from actlas.models._parts import Images


class OneSize(Images):
    """Lets images of one size pass and refuses all others with a sentence."""

    def __init__(self, channels: int, side: int, name: str) -> None:
        super().__init__(channels, side, name)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return `x`, (N, channels, side, side)."""
        wanted = (self.channels, self.multiple, self.multiple)
        if isinstance(x, torch.Tensor) and tuple(x.shape[1:]) != wanted:
            shape = ", ".join(map(str, wanted))
            raise ActlasError(f"{self.name}: images must be (N, {shape}), got {tuple(x.shape)}")
        return x


def draw_(network: nn.Module, draw: Callable[[torch.Tensor], object]) -> None:
    """Draw the weights of linear and convolution layers in place; their biases become 0.

    Args:
        network: other parameters (normalisation, embeddings, vectors) stay as they are.
        draw: fills one weight in place, such as a function of torch.nn.init.
    """
    for module in network.modules():
        weight = getattr(module, "weight", None)
        if isinstance(module, nn.Embedding) or not isinstance(weight, torch.Tensor):
            continue
        if weight.ndim >= 2:
            draw(weight)
            if isinstance(module.bias, torch.Tensor):
                nn.init.zeros_(module.bias)
