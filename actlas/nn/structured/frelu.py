"""Funnel ReLU: the maximum of a pixel and a learned condition on its neighbourhood."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.types import Device

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.nn.structured._common import (
    empty_layer,
    need_channels,
    need_float,
    need_positive,
    refuse_inplace,
)  # fmt: skip
from actlas.nn.structured._registry import unit

_PAPER = Paper(
    author="Ma et al.", year=2020, arxiv="2007.11824",
    title="Funnel Activation for Visual Recognition",
)  # fmt: skip
_COLLISION = "FReLU is also the name of flexible ReLU, relu(x) + b (Qiu 2018), another function."
_SAVED = "the funnel condition needs its input after the output is written"
# The authors initialise the depthwise kernel with a Gaussian of this standard deviation
# (megvii-model/FunnelAct, issues 4 and 10).
_STANDARD_DEVIATION = 0.01


def _depthwise(
    channels: int, kernel: tuple[int, int], bias: bool, device: Device, dtype: torch.dtype | None
) -> nn.Module:
    padding = (kernel[0] // 2, kernel[1] // 2)
    return empty_layer(
        nn.Conv2d, channels, channels, kernel_size=kernel, padding=padding, groups=channels,
        bias=bias, device=device, dtype=dtype,
    )  # fmt: skip


def _reset(module: nn.Module, generator: torch.Generator | None) -> None:
    for child in module.children():
        if isinstance(child, nn.Conv2d):
            nn.init.normal_(child.weight, std=_STANDARD_DEVIATION, generator=generator)
            if child.bias is not None:
                nn.init.zeros_(child.bias)
        elif isinstance(child, nn.BatchNorm2d):
            child.reset_parameters()


def _check(x: Tensor, channels: int, name: str) -> None:
    need_float(x, name)
    if x.ndim != 4:
        raise ActlasError(f"{name}: the input must have shape (N, C, H, W), got {tuple(x.shape)}")
    need_channels(x, channels, 1, name)


@unit(id="frelu", aliases=("funnel_relu", "funnel"), paper=_PAPER, collisions=(_COLLISION,),
      errata=("The released convolution has a bias, which the batch norm after it cancels; "
              "the default here is bias=False.",))  # fmt: skip
class FReLU(nn.Module):
    r"""Maximum of each pixel and a batch-normalised depthwise convolution around it.

    .. math:: y = \max(x, \mathrm{BN}(\mathrm{DWConv}_{k \times k}(x)))

    Args:
        channels: number of channels C.
        kernel_size: side k of the window, odd.
        bias: whether the depthwise convolution has a bias.
        inplace: refused, because the convolution needs its input for the gradient.
        generator: random state of the initial kernel; None takes PyTorch's.

    Shape: (N, C, H, W) -> (N, C, H, W).

    Raises ActlasError for an even kernel size, another rank or another number of channels.
    The kernel starts as a Gaussian of standard deviation 0.01.
    Source: Ma, Zhang and Sun 2020.

    >>> FReLU(3)(torch.zeros(2, 3, 5, 5)).shape
    torch.Size([2, 3, 5, 5])
    """

    __constants__: ClassVar[list[str]] = ["channels", "kernel_size"]

    def __init__(
        self,
        channels: int,
        kernel_size: int = 3,
        bias: bool = False,
        inplace: bool = False,
        generator: torch.Generator | None = None,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        refuse_inplace(inplace, "FReLU", _SAVED)
        self.channels = need_positive(channels, "channels", "FReLU")
        self.kernel_size = need_positive(kernel_size, "kernel_size", "FReLU")
        if kernel_size % 2 == 0:
            raise ActlasError(f"FReLU: kernel_size must be odd, got {kernel_size}; "
                              f"try {kernel_size + 1}")  # fmt: skip
        self.conv = _depthwise(channels, (kernel_size, kernel_size), bias, device, dtype)
        self.bn = nn.BatchNorm2d(channels, device=device, dtype=dtype)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw the kernel anew and put the batch norm back to its start."""
        _reset(self, generator)

    def forward(self, input: Tensor) -> Tensor:
        _check(input, self.channels, "FReLU")
        return torch.maximum(input, self.bn(self.conv(input)))

    def extra_repr(self) -> str:
        return f"channels={self.channels}, kernel_size={self.kernel_size}"


@unit(id="frelu_light", aliases=("funnel_relu_light",), paper=_PAPER)
class FReLULight(nn.Module):
    r"""Funnel ReLU with a 1x3 and a 3x1 window instead of a square one.

    .. math:: y = \max(x, \mathrm{BN}(\mathrm{DWConv}_{1 \times 3}(x))
                          + \mathrm{BN}(\mathrm{DWConv}_{3 \times 1}(x)))

    Args:
        channels: number of channels C.
        inplace: refused, because the convolutions need their input for the gradient.
        generator: random state of the initial kernels; None takes PyTorch's.

    Shape: (N, C, H, W) -> (N, C, H, W).

    Raises ActlasError for another rank or another number of channels.
    Source: Ma, Zhang and Sun 2020, the variant with two one-dimensional windows.

    >>> FReLULight(3)(torch.zeros(2, 3, 5, 5)).shape
    torch.Size([2, 3, 5, 5])
    """

    __constants__: ClassVar[list[str]] = ["channels"]

    def __init__(
        self,
        channels: int,
        inplace: bool = False,
        generator: torch.Generator | None = None,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        refuse_inplace(inplace, "FReLULight", _SAVED)
        self.channels = need_positive(channels, "channels", "FReLULight")
        self.conv_row = _depthwise(channels, (1, 3), False, device, dtype)
        self.bn_row = nn.BatchNorm2d(channels, device=device, dtype=dtype)
        self.conv_column = _depthwise(channels, (3, 1), False, device, dtype)
        self.bn_column = nn.BatchNorm2d(channels, device=device, dtype=dtype)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw both kernels anew and put the batch norms back to their start."""
        _reset(self, generator)

    def forward(self, input: Tensor) -> Tensor:
        _check(input, self.channels, "FReLULight")
        row, column = self.bn_row(self.conv_row(input)), self.bn_column(self.conv_column(input))
        return torch.maximum(input, row + column)

    def extra_repr(self) -> str:
        return f"channels={self.channels}"
