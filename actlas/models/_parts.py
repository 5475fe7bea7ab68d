"""What several networks are made of, and the checks of their options."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from actlas.errors import ActlasError
from actlas.models._registry import need_images


class Images(nn.Module):
    """Lets images pass and refuses everything else with a sentence; the front of a network.

    Args:
        channels: of the images.
        multiple: what both sides are multiples of.
        name: of the network, for the sentence.
        exact: whether the sides are `multiple` itself.
        least: the smallest side.
    """

    def __init__(
        self, channels: int, multiple: int, name: str, *, exact: bool = False, least: int = 1
    ) -> None:
        super().__init__()
        self.channels = checked_size(channels, "channels")
        self.multiple = checked_size(multiple, "image_size")
        self.name, self.exact, self.least = name, exact, least

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return `x`, (N, channels, H, W); a tracer's stand-in is not asked for its shape."""
        if not isinstance(x, torch.Tensor):
            return x
        need_images(x, self.channels, self.multiple, self.name, self.least)
        if self.exact and tuple(x.shape[2:]) != (self.multiple, self.multiple):
            raise ActlasError(f"{self.name}: images must be {self.multiple} x {self.multiple} "
                              f"pixels, got {tuple(x.shape)}")  # fmt: skip
        return x

    def extra_repr(self) -> str:
        """Say what is let through."""
        return f"channels={self.channels}, multiple={self.multiple}"


class Vectors(nn.Module):
    """Flattens examples and refuses those of another length with a sentence."""

    def __init__(self, inputs: int, name: str) -> None:
        super().__init__()
        self.inputs, self.name = checked_size(inputs, "inputs"), name

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return `x` as (N, inputs)."""
        flat = x.flatten(1)
        if isinstance(x, torch.Tensor) and flat.shape[1] != self.inputs:
            raise ActlasError(f"{self.name}: examples must hold {self.inputs} numbers, got "
                              f"{tuple(x.shape)}")  # fmt: skip
        return flat

    def extra_repr(self) -> str:
        """Say how long an example is."""
        return f"inputs={self.inputs}"


def staged(**stages: nn.Module) -> nn.Sequential:
    """Return the stages one after the other, under their names."""
    return nn.Sequential(OrderedDict(stages))


def conv(fan_in: int, fan_out: int, size: int = 3, stride: int = 1) -> nn.Conv2d:
    """Return a convolution that keeps the image (up to its stride) and has no bias."""
    return nn.Conv2d(fan_in, fan_out, size, stride, padding=size // 2, bias=False)


def pooled_classes(channels: int, classes: int, *before: nn.Module) -> nn.Sequential:
    """Return the end of a network: `before`, the mean over the image, one linear layer."""
    return nn.Sequential(*before, nn.AdaptiveAvgPool2d(1), nn.Flatten(), scores(channels, classes))


def scores(fan_in: int, classes: int) -> nn.Linear:
    """Return the linear layer that gives each class its score."""
    return nn.Linear(fan_in, checked_size(classes, "classes"))


def checked_probability(value: float, what: str) -> float:
    """Return a probability of dropping; ActlasError unless it lies in [0, 1).

    >>> checked_probability(0.3, "dropout")
    0.3
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ActlasError(f"{what} must be a probability, at least 0 and below 1, got {value!r}")
    return float(value)


def checked_size(value: int, what: str) -> int:
    """Return a number of units, channels or classes; ActlasError unless it is at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ActlasError(f"{what} must be a whole number of at least 1, got {value!r}")
    return value


def dropping(probability: float) -> list[nn.Module]:
    """Return a dropout layer, or nothing where nothing is dropped."""
    return [nn.Dropout(probability)] if probability else []
