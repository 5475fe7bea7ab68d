"""Residual networks with the activation behind the sum: CIFAR's 20 ... 1202, 18 and 34, and 9."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from actlas.catalogue import Paper
from actlas.errors import ActlasError, nearest
from actlas.models._parts import Images, checked_size, conv, pooled_classes, staged
from actlas.models._registry import (
    ActivationFactory,
    activation_factory,
    checked_depth,
    network,
)  # fmt: skip
from actlas.models._residual import PaddedShortcut, Residual
from actlas.models._start import start_

_PAPER = Paper("He et al.", 2015, arxiv="1512.03385")
_SHORTCUTS = ("pad", "average", "project")
_IMAGENET = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}


@network(
    id="resnet",
    title="ResNet (CIFAR)",
    paper=_PAPER,
    takes="images",
    input=(3, 32, 32),
    parameters={
        "": 269_722, "depth=32": 464_154, "depth=44": 658_586, "depth=56": 853_018,
        "depth=110": 1_727_962, "depth=152": 2_408_474, "depth=1202": 19_421_274,
    },
    aliases=("resnet_cifar",),
)  # fmt: skip
def resnet(
    depth: int = 20, shortcut: str = "pad", channels: int = 3, classes: int = 10, *,
    activation: str | type[nn.Module] | ActivationFactory = "relu",
    generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """Three stages of blocks of two 3 x 3 convolutions, 16, 32 and 64 channels wide.

    Args:
        depth: 6n+2: 20, 32, 44, 56, 110, 152, 1202.
        shortcut: where the shape changes, "pad" (option A: every second pixel, and zeros for new
            channels), "average" (the same after average pooling, as Huang et al. 2016) or
            "project" (option B: a 1 x 1 convolution and normalisation).
        channels: of the images, whose sides are multiples of 4.
        classes: outputs.
        activation: a name, a class or a factory.
        generator: random state of the start weights; None takes PyTorch's.

    Raises:
        ActlasError: for a depth that is not 6n+2, or an unknown shortcut.

    Source: He et al. 2015, section 4.2.

    >>> resnet(20, activation="swish")(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    counts = [checked_depth(depth, 6, 2, "resnet")] * 3
    widths = (16, 32, 64)
    make = activation_factory(activation)
    stem = nn.Sequential(conv(checked_size(channels, "channels"), 16), nn.BatchNorm2d(16), make())
    return start_(
        staged(images=Images(channels, 4, "resnet"), stem=stem,
               blocks=_stages(widths, counts, shortcut, make),
               head=pooled_classes(64, checked_size(classes, "classes"))),
        make(), generator,
    )  # fmt: skip


@network(
    id="resnet18",
    title="ResNet-18/34",
    paper=_PAPER,
    takes="images",
    input=(3, 32, 32),
    parameters={
        "": 11_173_962, "depth=34": 21_282_122,
        "depth=18, large=True, classes=1000": 11_689_512,
        "depth=34, large=True, classes=1000": 21_797_672,
    },
    deviations=(
        "Small images get a 3 x 3 convolution without pooling in front; `large=True` is the form "
        "of the paper.",
    ),
)  # fmt: skip
def resnet18(
    depth: int = 18, large: bool = False, channels: int = 3, classes: int = 10, *,
    activation: str | type[nn.Module] | ActivationFactory = "relu",
    generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """Four stages of blocks of two 3 x 3 convolutions, 64, 128, 256 and 512 channels wide.

    Args:
        depth: 18 or 34.
        large: images of some 224 pixels: a 7 x 7 convolution of stride 2 and pooling in front.
        channels: of the images, whose sides are multiples of 4 (32 with `large`).
        classes: outputs.
        activation: a name, a class or a factory.
        generator: random state of the start weights; None takes PyTorch's.

    Raises:
        ActlasError: for another depth.

    Source: He et al. 2015, Table 1, with projections (option B).

    >>> resnet18(activation="gelu")(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    if depth not in _IMAGENET:
        raise ActlasError(f"resnet18: depth must be 18 or 34, got {depth!r}; 6n+2 is `resnet`")
    make = activation_factory(activation)
    first = conv(checked_size(channels, "channels"), 64, *((7, 2) if large else ()))
    pool = [nn.MaxPool2d(3, 2, padding=1)] if large else []
    return start_(
        staged(images=Images(channels, 32 if large else 4, "resnet18"),
               stem=nn.Sequential(first, nn.BatchNorm2d(64), make(), *pool),
               blocks=_stages((64, 128, 256, 512), _IMAGENET[depth], "project", make),
               head=pooled_classes(512, checked_size(classes, "classes"))),
        make(), generator,
    )  # fmt: skip


@network(
    id="resnet9",
    title="ResNet-9",
    paper=Paper("Page", 2018, title="How to train your ResNet",
                url="https://myrtle.ai/learn/how-to-train-your-resnet/"),
    takes="images",
    input=(3, 32, 32),
    parameters={"": 6_573_130},
    deviations=(
        "The original scales its outputs by 1/8 in place of a bias of the last layer.",
    ),
)  # fmt: skip
def resnet9(
    channels: int = 3, classes: int = 10, *,
    activation: str | type[nn.Module] | ActivationFactory = "relu",
    generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """Eight convolutions, two pairs of them with a shortcut, and one linear layer: quick to train.

    Args:
        channels: of the images, whose sides are multiples of 4, 8 at the least.
        classes: outputs.
        activation: a name, a class or a factory.
        generator: random state of the start weights; None takes PyTorch's.

    Source: Page 2018, part 4, the network of the second half.

    >>> resnet9(activation="celu")(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    make = activation_factory(activation)
    features = nn.Sequential(
        *_active(checked_size(channels, "channels"), 64, make),
        *_active(64, 128, make), nn.MaxPool2d(2), Residual(_pair(128, make)),
        *_active(128, 256, make), nn.MaxPool2d(2),
        *_active(256, 512, make), nn.MaxPool2d(2), Residual(_pair(512, make)),
    )  # fmt: skip
    head = nn.Sequential(
        nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(512, checked_size(classes, "classes"))
    )
    net = staged(images=Images(channels, 4, "resnet9", least=8), features=features, head=head)
    return start_(net, make(), generator)


def _active(
    fan_in: int, fan_out: int, make: ActivationFactory, stride: int = 1
) -> list[nn.Module]:  # fmt: skip
    return [conv(fan_in, fan_out, stride=stride), nn.BatchNorm2d(fan_out), make()]


def _pair(width: int, make: ActivationFactory) -> nn.Sequential:
    return nn.Sequential(*_active(width, width, make), *_active(width, width, make))


def _stages(
    widths: Sequence[int], counts: Sequence[int], shortcut: str, make: ActivationFactory
) -> nn.Sequential:
    """Return the blocks of all stages; every stage but the first begins by halving the image."""
    if shortcut not in _SHORTCUTS:
        raise ActlasError(f"resnet: shortcut is one of {', '.join(_SHORTCUTS)}, got {shortcut!r}."
                          f"{nearest(str(shortcut), _SHORTCUTS)}")  # fmt: skip
    blocks, fan_in = [], widths[0]
    for width, count in zip(widths, counts, strict=True):
        for _ in range(count):
            blocks.append(_block(fan_in, width, shortcut, make))
            fan_in = width
    return nn.Sequential(*blocks)


def _block(fan_in: int, width: int, shortcut: str, make: ActivationFactory) -> Residual:
    stride = 1 if fan_in == width else 2
    second = (conv(width, width), nn.BatchNorm2d(width))
    branch = nn.Sequential(*_active(fan_in, width, make, stride), *second)
    return Residual(branch, _shortcut(fan_in, width, stride, shortcut), after=make())


def _shortcut(fan_in: int, width: int, stride: int, kind: str) -> nn.Module:
    if stride == 1:
        return nn.Identity()
    if kind == "pad":
        return PaddedShortcut(fan_in, width, stride)
    if kind == "average":
        return nn.Sequential(nn.AvgPool2d(stride), PaddedShortcut(fan_in, width, 1))
    return nn.Sequential(conv(fan_in, width, 1, stride), nn.BatchNorm2d(width))
