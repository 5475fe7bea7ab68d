"""VGG for small images: stages of 3 x 3 convolutions, each with pooling, and one linear layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.models._parts import (
    Images,
    checked_probability,
    checked_size,
    dropping,
    pooled_classes,
    staged,
)  # fmt: skip
from actlas.models._registry import ActivationFactory, activation_factory, network
from actlas.models._start import start_

_WIDTHS = (64, 128, 256, 512, 512)
# Per stage, by depth; the paper's three linear layers count in 13, 16 and 19, the one here in 9.
_CONVOLUTIONS = {
    9: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
PYNADA_DROPOUT = (0.1, 0.1, 0.2, 0.3, 0.3)  # behind the stages of the 9-layer form


@network(
    id="vgg",
    title="VGG",
    paper=Paper("Simonyan and Zisserman", 2014, arxiv="1409.1556"),
    takes="images",
    input=(3, 32, 32),
    parameters={
        "": 14_728_266, "depth=9": 9_231_114, "depth=13": 9_416_010, "depth=19": 20_040_522,
        "depth=16, batch_norm=False": 14_719_818,
    },
    deviations=(
        "The three linear layers of the ImageNet form are one, of 512 inputs, as is common for "
        "small images; so 9, 13, 16 and 19 name the published configurations, the first being "
        "A with one linear layer, used by Georgescu et al. 2020.",
        "Batch normalisation is on by default; the paper is older than it.",
    ),
)  # fmt: skip
def vgg(
    depth: int = 16, batch_norm: bool = True, dropout: float | Sequence[float] = 0.0,
    channels: int = 3, classes: int = 10, *,
    activation: str | type[nn.Module] | ActivationFactory = "relu",
    generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """Five stages of 3 x 3 convolutions with max pooling, and one linear layer.

    Args:
        depth: 9, 13, 16 or 19.
        batch_norm: normalise in front of each activation.
        dropout: probability of dropping behind each stage, one for all or five;
            `PYNADA_DROPOUT` is that of the 9-layer form.
        channels: of the images, whose sides are multiples of 32.
        classes: outputs.
        activation: a name, a class or a factory.
        generator: random state of the start weights; None takes PyTorch's.

    Raises:
        ActlasError: for another depth, and probabilities outside [0, 1).

    Source: Simonyan and Zisserman 2014, Table 1: A, B, D and E.

    >>> vgg(9, activation="mish")(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    make = activation_factory(activation)
    if depth not in _CONVOLUTIONS:
        raise ActlasError(f"vgg: depth must be one of {', '.join(map(str, _CONVOLUTIONS))}, "
                          f"got {depth!r}")  # fmt: skip
    layers: list[nn.Module] = []
    width = checked_size(channels, "channels")
    for out, count, drop in zip(_WIDTHS, _CONVOLUTIONS[depth], _rates(dropout), strict=True):
        for _ in range(count):
            normal = [nn.BatchNorm2d(out)] if batch_norm else []
            layers += [nn.Conv2d(width, out, 3, padding=1), *normal, make()]
            width = out
        layers += [nn.MaxPool2d(2), *dropping(drop)]
    head = pooled_classes(width, checked_size(classes, "classes"))
    features = nn.Sequential(*layers)
    net = staged(images=Images(channels, 32, "vgg"), features=features, head=head)
    return start_(net, make(), generator)


def _rates(given: float | Sequence[float]) -> list[float]:
    rates = list(given) if isinstance(given, Sequence) else [given] * len(_WIDTHS)
    if len(rates) != len(_WIDTHS):
        raise ActlasError(f"vgg: dropout is one probability or {len(_WIDTHS)}, got {given!r}")
    return [checked_probability(rate, "dropout") for rate in rates]
