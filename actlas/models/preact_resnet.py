"""Residual networks with normalisation and activation in front of each convolution."""

from __future__ import annotations

import torch
from torch import nn

from actlas.catalogue import Paper
from actlas.models._parts import Images, checked_size, conv, pooled_classes, staged
from actlas.models._registry import (
    ActivationFactory,
    activation_factory,
    checked_depth,
    network,
)  # fmt: skip
from actlas.models._residual import Residual, pre_activation
from actlas.models._start import start_


@network(
    id="preact_resnet",
    title="Pre-activation ResNet",
    paper=Paper("He et al.", 2016, arxiv="1603.05027"),
    takes="images",
    input=(3, 32, 32),
    parameters={
        "": 272_282, "depth=110": 1_730_522, "depth=164, bottleneck=True": 1_703_258,
        "depth=1001, bottleneck=True": 10_327_706,
    },
    aliases=("pre_resnet",),
    deviations=(
        "Of a bottleneck's convolutions the 3 x 3 one has the stride; where it stood in the "
        "paper's runs could not be read.",
    ),
)  # fmt: skip
def preact_resnet(
    depth: int = 20, bottleneck: bool = False, channels: int = 3, classes: int = 10, *,
    activation: str | type[nn.Module] | ActivationFactory = "relu",
    generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """Three stages of pre-activation blocks, 16, 32 and 64 channels wide (times 4 for bottlenecks).

    Args:
        depth: 6n+2 (20, 56, 110), with bottlenecks 9n+2 (164, 1001).
        bottleneck: blocks of a 1 x 1, a 3 x 3 and a 1 x 1 convolution, the last with four times
            the channels; else blocks of two 3 x 3 convolutions.
        channels: of the images, whose sides are multiples of 4.
        classes: outputs.
        activation: a name, a class or a factory.
        generator: random state of the start weights; None takes PyTorch's.

    Raises:
        ActlasError: for a depth that does not fit.

    Source: He et al. 2016, identity mappings, Fig. 1b and section 4.

    >>> preact_resnet(20, activation="elu")(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    count = checked_depth(depth, 9 if bottleneck else 6, 2, "preact_resnet")
    make, block = activation_factory(activation), _bottleneck if bottleneck else _basic
    blocks: list[Residual] = []
    fan_in = 16
    for width in (16, 32, 64):
        fan_out = 4 * width if bottleneck else width
        for index in range(count):
            stride = 2 if index == 0 and width > 16 else 1
            blocks.append(block(fan_in, width, stride, make))
            fan_in = fan_out
    end = pooled_classes(
        fan_in, checked_size(classes, "classes"), nn.BatchNorm2d(fan_in), make()
    )  # fmt: skip
    return start_(
        staged(images=Images(channels, 4, "preact_resnet"),
               stem=conv(checked_size(channels, "channels"), 16),
               blocks=nn.Sequential(*blocks), head=end),
        make(), generator,
    )  # fmt: skip


def _basic(fan_in: int, width: int, stride: int, make: ActivationFactory) -> Residual:
    rest = (conv(fan_in, width, 3, stride), nn.BatchNorm2d(width), make(), conv(width, width))
    return pre_activation(fan_in, width, stride, rest, make)


def _bottleneck(fan_in: int, width: int, stride: int, make: ActivationFactory) -> Residual:
    rest = (
        conv(fan_in, width, 1), nn.BatchNorm2d(width), make(),
        conv(width, width, 3, stride), nn.BatchNorm2d(width), make(),
        conv(width, 4 * width, 1),
    )  # fmt: skip
    return pre_activation(fan_in, 4 * width, stride, rest, make)
