"""The ResNet of the funnel activation: FReLU instead of ReLU in its first three stages.

Source: Ma, Zhang and Sun 2020, Funnel Activation for Visual Recognition; the structure is that of
the released network.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from actlas.catalogue import Paper
from actlas.models._bottleneck import Unit, bottleneck_resnet
from actlas.models._registry import ActivationFactory, activation_factory, network
from actlas.nn.structured.frelu import FReLU


@network(
    id="frelu_resnet", title="FReLU ResNet", takes="images", input=(3, 32, 32),
    paper=Paper(author="Ma et al.", year=2020, arxiv="2007.11824",
                title="Funnel Activation for Visual Recognition"),
    aliases=("resnet_frelu",),
    parameters={
        "depth=50, width=64, classes=1000": 25_731_432,
        "depth=50, width=64, classes=1000, funnel=False": 25_583_592,
    },
    deviations=(
        "The released initialisation draws the funnel's kernel like any convolution, which undoes "
        "the Gaussian of 0.01 that its authors recommend; here that Gaussian stays.",
        "The funnel has no bias, which its normalisation would cancel; the released one has.",
        "The released network drops 20 % of the features in front of the last layer; here "
        "nothing is dropped.",
    ),
)  # fmt: skip
def frelu_resnet(
    *, channels: int = 3, classes: int = 10, depth: int = 14, width: int = 8,
    funnel: bool = True, activation: str | type[nn.Module] | ActivationFactory = "relu",
    generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """ResNet of bottleneck blocks with funnel activations in all stages but the last.

    Args:
        channels, classes: of the images, whose sides are multiples of 32.
        depth: 14, 26, 50, 101 or 152.
        width: channels of the stem; 64 in the paper.
        funnel: False puts the activation in the place of every funnel: the paper's comparison.
        activation: of the stem and the last stage.
        generator: random state of the weights; None takes PyTorch's.

    >>> frelu_resnet()(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    make = activation_factory(activation)
    built: Unit = partial(FReLU, generator=generator)

    def units(stage: int) -> tuple[Unit, Unit, Unit]:
        unit: Unit = built if funnel and stage < 3 else lambda _: make()
        return unit, unit, unit

    return bottleneck_resnet(depth, width, channels, classes, units, make, generator,
                             "frelu_resnet")  # fmt: skip
