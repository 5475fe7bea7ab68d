"""The ResNet of Meta-ACON: the unit stands behind the 3x3 convolution of every block.

Source: Ma, Zhang, Liu and Sun 2021, Activate or Not: Learning Customized Activation; the structure
is that of the released network.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from actlas.models._bottleneck import Unit, bottleneck_resnet
from actlas.models._registry import ActivationFactory, activation_factory, network
from actlas.nn.structured.acon import ACONC, PAPER
from actlas.nn.structured.meta_acon import MetaACON


@network(
    id="meta_acon_resnet", title="Meta-ACON ResNet", takes="images", input=(3, 32, 32),
    paper=PAPER, aliases=("resnet_meta_acon",),
    parameters={
        "depth=50, width=64, classes=1000, batch_norm=True": 25_773_368,
        "depth=50, width=64, classes=1000, meta=False": 25_594_920,
    },
    deviations=(
        "The unit's own batch norms are left out unless batch_norm=True: they are unstable for "
        "small batches.",
        "p1 and p2 start as Swish, 1 and 0; the released code draws them from N(0, 1) "
        "(init='official').",
    ),
)  # fmt: skip
def meta_acon_resnet(
    *, channels: int = 3, classes: int = 10, depth: int = 14, width: int = 8, meta: bool = True,
    batch_norm: bool = False, init: str = "swish",
    activation: str | type[nn.Module] | ActivationFactory = "relu",
    generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """ResNet of bottleneck blocks with one Meta-ACON unit in each.

    Args:
        channels, classes: of the images, whose sides are multiples of 32.
        depth: 14, 26, 50, 101 or 152.
        width: channels of the stem; 64 in the paper.
        meta: False puts plain ACON-C in the place of Meta-ACON.
        batch_norm, init: of the units, see `actlas.nn.structured.MetaACON`.
        activation: of all other places.
        generator: random state of the weights; None takes PyTorch's.

    >>> meta_acon_resnet()(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    make = activation_factory(activation)
    unit: Unit = (
        partial(MetaACON, batch_norm=batch_norm, init=init, generator=generator) if meta
        else partial(ACONC, init=init, generator=generator)
    )  # fmt: skip

    def units(_: int) -> tuple[Unit, Unit, Unit]:
        return (lambda _: make()), unit, (lambda _: make())

    return bottleneck_resnet(depth, width, channels, classes, units, make, generator,
                             "meta_acon_resnet")  # fmt: skip
