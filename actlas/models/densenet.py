"""DenseNet-BC: every layer sees the outputs of all layers before it in its block."""

from __future__ import annotations

import torch
from torch import nn

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.models._parts import (
    Images,
    checked_probability,
    checked_size,
    conv,
    dropping,
    pooled_classes,
    staged,
)  # fmt: skip
from actlas.models._registry import (
    ActivationFactory,
    activation_factory,
    checked_depth,
    network,
)  # fmt: skip
from actlas.models._start import start_


class DenseLayer(nn.Module):
    """A bottleneck layer whose output is put behind its input: (N, C, H, W) to (N, C + growth, ...).

    Source: Huang et al. 2017, Eq. 2 and section 3 (BN-activation-conv 1 x 1, then 3 x 3).

    >>> DenseLayer(24, 12, 0.0, nn.ReLU)(torch.zeros(1, 24, 8, 8)).shape
    torch.Size([1, 36, 8, 8])
    """  # noqa: E501

    def __init__(self, fan_in: int, growth: int, drop: float, make: ActivationFactory) -> None:
        super().__init__()
        self.new = nn.Sequential(
            nn.BatchNorm2d(fan_in), make(), conv(fan_in, 4 * growth, 1), *dropping(drop),
            nn.BatchNorm2d(4 * growth), make(), conv(4 * growth, growth), *dropping(drop),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the input and behind it `growth` new channels."""
        return torch.cat((x, self.new(x)), dim=1)


def dense_blocks(
    width: int, growth: int, count: int, make: ActivationFactory, compression: float = 0.5,
    drop: float = 0.0,
) -> tuple[list[nn.Module], int]:  # fmt: skip
    """Return three blocks of `count` layers with transitions between them, and their channels.

    >>> dense_blocks(16, 8, 3, nn.ReLU)[1]
    46
    """
    layers: list[nn.Module] = []
    for block in range(3):
        layers += [DenseLayer(width + i * growth, growth, drop, make) for i in range(count)]
        width += count * growth
        if block < 2:
            kept = int(compression * width)
            layers += [nn.BatchNorm2d(width), make(), conv(width, kept, 1), *dropping(drop),
                       nn.AvgPool2d(2)]  # fmt: skip
            width = kept
    return layers, width


@network(
    id="densenet",
    title="DenseNet-BC",
    paper=Paper("Huang et al.", 2017, arxiv="1608.06993"),
    takes="images",
    input=(3, 32, 32),
    parameters={
        "": 176_122, "depth=100": 769_162, "depth=250, growth=24": 15_324_406,
        "depth=190, growth=40": 25_624_430,
    },
    aliases=("densenet_bc",),
)  # fmt: skip
def densenet(
    depth: int = 40, growth: int = 12, compression: float = 0.5, dropout: float = 0.0,
    channels: int = 3, classes: int = 10, *,
    activation: str | type[nn.Module] | ActivationFactory = "relu",
    generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """Three dense blocks of bottleneck layers, with compressing transitions between them.

    Args:
        depth: 6n+4: 40, 100, 190, 250.
        growth: channels that each layer adds.
        compression: part of the channels that a transition keeps, in (0, 1].
        dropout: probability of dropping behind each convolution of the blocks, in [0, 1).
        channels: of the images, whose sides are multiples of 4.
        classes: outputs.
        activation: a name, a class or a factory.
        generator: random state of the start weights; None takes PyTorch's.

    Raises:
        ActlasError: for a depth that is not 6n+4, a compression outside (0, 1], and as usual.

    Source: Huang et al. 2017, section 3, "DenseNet-BC", and section 4.2.

    >>> densenet(22, activation="telu")(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    count = checked_depth(depth, 6, 4, "densenet")
    make, drop = activation_factory(activation), checked_probability(dropout, "dropout")
    if isinstance(compression, bool) or not 0 < compression <= 1:
        raise ActlasError(f"densenet: compression lies in (0, 1], got {compression!r}")
    width = 2 * checked_size(growth, "growth")
    stem = conv(checked_size(channels, "channels"), width)
    layers, width = dense_blocks(width, growth, count, make, compression, drop)
    head = pooled_classes(width, checked_size(classes, "classes"), nn.BatchNorm2d(width), make())
    images, features = Images(channels, 4, "densenet"), nn.Sequential(*layers)
    return start_(staged(images=images, stem=stem, features=features, head=head), make(), generator)
