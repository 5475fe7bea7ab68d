"""Wide residual networks WRN-d-k, and the recipes they were trained with."""

from __future__ import annotations

import torch
from torch import nn

from actlas.catalogue import Paper
from actlas.models._parts import (
    Images,
    checked_probability,
    checked_size,
    conv,
    dropping,
    pooled_classes,
    staged,
)  # fmt: skip
from actlas.models._recipe import Recipe
from actlas.models._registry import (
    ActivationFactory,
    activation_factory,
    checked_depth,
    network,
)  # fmt: skip
from actlas.models._residual import Residual, pre_activation
from actlas.models._start import start_

# From the scripts of the authors' Lua code, which the paper's figures come from. Their PyTorch
# script differs: no Nesterov, momentum forgotten at each drop, no dropout.
CIFAR_RECIPE = Recipe(
    learning_rate=0.1, weight_decay=5e-4, epochs=200, drops=(60, 120, 160), factor=0.2,
    dropout=0.3,
    mean=(125.3 / 255, 123.0 / 255, 113.9 / 255), deviation=(63.0 / 255, 62.1 / 255, 66.7 / 255),
    augmentation="reflect by 4 pixels and crop 32 x 32 at random; mirror half of the images",
)  # fmt: skip
SVHN_RECIPE = Recipe(
    learning_rate=0.01, weight_decay=5e-4, epochs=160, drops=(80, 120), factor=0.1, dropout=0.4,
)  # fmt: skip


@network(
    id="wide_resnet",
    title="Wide ResNet",
    paper=Paper("Zagoruyko and Komodakis", 2016, arxiv="1605.07146"),
    takes="images",
    input=(3, 32, 32),
    parameters={
        "": 2_748_890, "depth=16, width=1": 175_066, "depth=40, width=1": 563_930,
        "depth=40, width=2": 2_243_546, "depth=28, width=2": 1_467_610,
        "depth=40, width=4": 8_949_210, "depth=16, width=8": 10_961_370,
        "depth=16, width=8, classes=100": 11_007_540, "depth=22, width=8": 17_158_106,
        "depth=16, width=10": 17_116_634, "depth=28, width=10": 36_479_194,
        "depth=28, width=10, classes=100": 36_536_884, "depth=40, width=8": 35_748_314,
        "depth=28, width=12": 52_517_850, "depth=40, width=10": 55_841_754,
    },
    aliases=("wrn",),
    deviations=(
        "The last layer starts with variance 1/fan-in; the authors' framework gave it a third of "
        "that.",
    ),
)  # fmt: skip
def wide_resnet(
    depth: int = 16, width: int = 4, dropout: float = 0.0, channels: int = 3, classes: int = 10, *,
    activation: str | type[nn.Module] | ActivationFactory = "relu",
    generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """Three stages of pre-activation blocks, 16k, 32k and 64k channels wide: WRN-d-k.

    Args:
        depth: d = 6n+4: 10, 16, 22, 28, 40.
        width: k, how many times wider than the thin network.
        dropout: probability of dropping between the convolutions of a block, in [0, 1); the paper
            has 0.3 for CIFAR and 0.4 for SVHN.
        channels: of the images, whose sides are multiples of 4.
        classes: outputs.
        activation: a name, a class or a factory.
        generator: random state of the start weights; None takes PyTorch's.

    Raises:
        ActlasError: for a depth that is not 6n+4, a width below 1, a dropout outside [0, 1).

    Source: Zagoruyko and Komodakis 2016, Table 1 and section 2.4; shortcuts as in their code.

    >>> wide_resnet(10, 1, activation="silu")(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    count = checked_depth(depth, 6, 4, "wide_resnet")
    make, drop = activation_factory(activation), checked_probability(dropout, "dropout")
    blocks: list[Residual] = []
    fan_in = 16
    for stage in range(3):
        fan_out = 16 * 2**stage * checked_size(width, "width")
        for index in range(count):
            stride = 2 if stage and index == 0 else 1
            blocks.append(_block(fan_in, fan_out, stride, drop, make))
            fan_in = fan_out
    end = pooled_classes(fan_in, checked_size(classes, "classes"), nn.BatchNorm2d(fan_in), make())
    return start_(
        staged(images=Images(channels, 4, "wide_resnet"),
               stem=conv(checked_size(channels, "channels"), 16),
               blocks=nn.Sequential(*blocks), head=end),
        make(), generator,
    )  # fmt: skip


def _block(
    fan_in: int, fan_out: int, stride: int, drop: float, make: ActivationFactory
) -> Residual:  # fmt: skip
    rest = (
        conv(fan_in, fan_out, 3, stride), nn.BatchNorm2d(fan_out), make(), *dropping(drop),
        conv(fan_out, fan_out),
    )  # fmt: skip
    return pre_activation(fan_in, fan_out, stride, rest, make)
