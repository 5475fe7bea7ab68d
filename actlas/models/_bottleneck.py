"""The ResNet for large images whose blocks take any unit behind each of their convolutions."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from actlas.errors import ActlasError
from actlas.models._parts import Images, checked_size, pooled_classes, staged
from actlas.models._residual import Residual

Unit = Callable[[int], nn.Module]  # from a number of channels
BLOCKS = {14: (1, 1, 1, 1), 26: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3),
          152: (3, 8, 36, 3)}  # fmt: skip


def _normalised(fan_in: int, fan_out: int, size: int, stride: int = 1) -> list[nn.Module]:
    """Return a convolution, with the bias that the released networks have, and its norm."""
    convolution = nn.Conv2d(fan_in, fan_out, size, stride, padding=size // 2)
    return [convolution, nn.BatchNorm2d(fan_out)]


def _block(
    fan_in: int, width: int, stride: int, units: tuple[Unit, Unit, Unit]
) -> Residual:  # fmt: skip
    """Return 1x1 (with the stride), 3x3 and 1x1 convolutions and the shortcut past them."""
    fan_out, (first, second, after) = 4 * width, units
    branch = nn.Sequential(
        *_normalised(fan_in, width, 1, stride), first(width),
        *_normalised(width, width, 3), second(width), *_normalised(width, fan_out, 1),
    )  # fmt: skip
    same = fan_in == fan_out and stride == 1
    shortcut = None if same else nn.Sequential(*_normalised(fan_in, fan_out, 1, stride))
    return Residual(branch, shortcut, after=after(fan_out))


def bottleneck_resnet(
    depth: int, width: int, channels: int, classes: int,
    units: Callable[[int], tuple[Unit, Unit, Unit]], ordinary: Callable[[], nn.Module],
    generator: torch.Generator | None, name: str,
) -> nn.Sequential:  # fmt: skip
    """Return a ResNet of bottleneck blocks.

    Args:
        depth: one of 14, 26, 50, 101 and 152.
        width: channels of the stem; 64 in the paper.
        channels, classes: of the images, whose sides are multiples of 32.
        units: from the number of a stage, 0 to 3, what stands behind the three convolutions.
        ordinary: the activation of the stem.
        generator: random state of the weights, N(0, 2 / fan-out); None takes PyTorch's.
        name: for messages.

    Source: He et al. 2016, Deep Residual Learning, with the stride in the first convolution.
    """
    if depth not in BLOCKS:
        raise ActlasError(f"{name}: depth must be one of {', '.join(map(str, BLOCKS))}, got "
                          f"{depth!r}")  # fmt: skip
    fan_in = checked_size(width, "width")
    stem = nn.Sequential(
        Images(channels, 32, name), *_normalised(channels, fan_in, 7, 2), ordinary(),
        nn.MaxPool2d(3, 2, padding=1),
    )  # fmt: skip
    stages: dict[str, nn.Module] = {"stem": stem}
    for stage, count in enumerate(BLOCKS[depth]):
        inner, blocks = width * 2**stage, []
        for place in range(count):
            stride = 2 if stage and not place else 1
            blocks.append(_block(fan_in, inner, stride, units(stage)))
            fan_in = 4 * inner
        stages[f"stage{stage + 1}"] = nn.Sequential(*blocks)
    net = staged(**stages, head=pooled_classes(fan_in, classes))
    _start(net, generator)
    return net


def _start(net: nn.Module, generator: torch.Generator | None) -> None:
    """Draw the weights of convolutions and of the last layer; the units keep their own start."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:  # a funnel has no bias
            nn.init.kaiming_normal_(
                module.weight, mode="fan_out", nonlinearity="relu", generator=generator
            )
            nn.init.zeros_(module.bias)
    last = [module for module in net.modules() if isinstance(module, nn.Linear)][-1]
    nn.init.kaiming_uniform_(last.weight, a=math.sqrt(5), generator=generator)
    nn.init.zeros_(last.bias)
