"""The all-convolutional network: bases A, B and C, each with pooling, strides or convolutions."""

from __future__ import annotations

import torch
from torch import nn

from actlas.catalogue import Paper
from actlas.errors import ActlasError, nearest
from actlas.models._parts import (
    Images,
    checked_probability,
    checked_size,
    dropping,
    staged,
)  # fmt: skip
from actlas.models._recipe import Recipe
from actlas.models._registry import ActivationFactory, activation_factory, network
from actlas.models._start import start_

# Kernels of the convolutions in front of each pooling; the widths are 96 and 192.
_BASES: dict[str, tuple[int, ...]] = {"A": (5,), "B": (5, 1), "C": (3, 3)}
_WIDTHS = (96, 192)
_VARIANTS = ("all", "strided", "conv_pool", "pool")

# Rates of 0.25, 0.1, 0.05 and 0.01 were tried for each network; inputs were whitened.
CIFAR_RECIPE = Recipe(
    learning_rate=0.05, weight_decay=1e-3, epochs=350, drops=(200, 250, 300), factor=0.1,
    nesterov=False, dropout=0.5, input_dropout=0.2,
    augmentation="mirror half of the images and shift by up to 5 pixels, before whitening",
)  # fmt: skip


@network(
    id="all_cnn",
    title="All-CNN",
    paper=Paper("Springenberg et al.", 2014, arxiv="1412.6806"),
    takes="images",
    input=(3, 32, 32),
    parameters={
        "": 1_369_738, "classes=100": 1_387_108, "base='A'": 1_254_250, "base='B'": 1_300_618,
        "base='A', variant='pool'": 839_242, "base='B', variant='pool'": 885_610,
        "variant='pool'": 954_730, "variant='strided'": 954_730, "variant='conv_pool'": 1_369_738,
    },
    aliases=("allcnn", "all_cnn_c"),
    deviations=(
        "The 3 x 3 convolution of the end is unpadded for all bases, 8 x 8 to 6 x 6; for A and B "
        "the padding could not be read.",
        "Start weights follow He's rule with the gain of the activation.",
    ),
)  # fmt: skip
def all_cnn(
    base: str = "C", variant: str = "all", input_dropout: float = 0.0, dropout: float = 0.0,
    channels: int = 3, classes: int = 10, *,
    activation: str | type[nn.Module] | ActivationFactory = "relu",
    generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """Convolutions alone, each with an activation behind it, and the mean over the image.

    Args:
        base: in front of each pooling, "A": one 5 x 5 convolution, "B": a 5 x 5 and a 1 x 1,
            "C": two 3 x 3.
        variant: how the image is halved: "pool" (3 x 3 maximum), "strided" (stride 2 in the
            convolution before), "all" (a 3 x 3 convolution of stride 2 in its place) or
            "conv_pool" (a 3 x 3 convolution, then the maximum).
        input_dropout: probability of dropping inputs, in [0, 1); the paper has 0.2.
        dropout: probability of dropping behind each halving, in [0, 1); the paper has 0.5.
        channels: of the images, whose sides are multiples of 4, 12 at the least.
        classes: outputs.
        activation: a name, a class or a factory.
        generator: random state of the start weights; None takes PyTorch's.

    Raises:
        ActlasError: for unknown bases and variants, and probabilities outside [0, 1).

    Source: Springenberg et al. 2014, Tables 1 and 2.

    >>> all_cnn(activation="mish")(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    make = activation_factory(activation)
    for given, known, what in ((base, _BASES, "base"), (variant, _VARIANTS, "variant")):
        if given not in known:
            raise ActlasError(f"all_cnn: {what} is one of {', '.join(known)}, got {given!r}."
                              f"{nearest(str(given), known)}")  # fmt: skip
    drop = checked_probability(dropout, "dropout")
    layers = dropping(checked_probability(input_dropout, "input_dropout"))
    fan_in = checked_size(channels, "channels")
    for width in _WIDTHS:
        layers += [*_stage(fan_in, width, _BASES[base], variant, make), *dropping(drop)]
        fan_in = width
    layers += [*_conv(192, 192, 3, make, padding=0), *_conv(192, 192, 1, make),
               *_conv(192, checked_size(classes, "classes"), 1, make)]  # fmt: skip
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    images = Images(channels, 4, "all_cnn", least=12)
    return start_(
        staged(images=images, features=nn.Sequential(*layers), head=head), make(), generator
    )


def _stage(
    fan_in: int, width: int, kernels: tuple[int, ...], variant: str, make: ActivationFactory
) -> list[nn.Module]:
    """Return the convolutions of one stage and what halves the image behind them."""
    layers: list[nn.Module] = []
    for index, size in enumerate(kernels):
        last = index == len(kernels) - 1
        stride = 2 if variant == "strided" and last else 1
        layers += _conv(fan_in, width, size, make, stride)
        fan_in = width
    if variant == "all":
        return [*layers, *_conv(width, width, 3, make, stride=2)]
    if variant == "conv_pool":
        layers += _conv(width, width, 3, make)
    return layers if variant == "strided" else [*layers, nn.MaxPool2d(3, 2, padding=1)]


def _conv(
    fan_in: int, fan_out: int, size: int, make: ActivationFactory, stride: int = 1,
    padding: int | None = None,
) -> list[nn.Module]:  # fmt: skip
    around = size // 2 if padding is None else padding
    return [nn.Conv2d(fan_in, fan_out, size, stride, padding=around), make()]
