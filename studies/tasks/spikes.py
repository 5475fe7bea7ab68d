"""A spiking residual network beside the same one without its shortcuts, on digits of 8 x 8."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from actlas.models.spiking_resnet import SpikingBlock, spiking_resnet
from actlas.study import Data, Split
from studies.tasks.contest import Contest, Recipe, part_of


class _PlainBlock(nn.Module):
    """Two layers of a block whose spikes go on alone."""

    def __init__(self, block: SpikingBlock) -> None:
        super().__init__()
        self.first, self.second = block.first, block.second

    def forward(self, x: Tensor, step: int, state: tuple[Any, Any]) -> tuple[Tensor, Any]:
        hidden, one = self.first(x, step, state[0])
        spikes, two = self.second(hidden, step, state[1])
        return spikes, (one, two)


def _residual() -> nn.Module:
    return spiking_resnet(channels=1, depth=14, width=8, steps=4)


def _plain() -> nn.Module:
    net = _residual()
    for place, block in enumerate(net.blocks):
        net.blocks[place] = _PlainBlock(block)
    return net


def _images() -> Data:
    data = part_of("digits", 897, 300, 600)
    return Data(*(_square(split) for split in (data.train, data.validation, data.test)))


def _square(split: Split) -> Split:
    return Split(split.inputs.reshape(-1, 1, 8, 8), split.targets)


def _late_tenths(done: float) -> float:
    """Return the authors' factor: a tenth from 70, 80 and 90 % of the training on."""
    return 0.1 ** sum(done >= part for part in (0.7, 0.8, 0.9))


_ARMS = {"residual": _residual, "plain": _plain}
_AS_PUBLISHED = Contest(
    _ARMS, _images,
    Recipe(epochs=5, rates=(0.026844,), batch=32, factor=_late_tenths, selection="test"),
)  # fmt: skip
_FAIR = Contest(_ARMS, _images, Recipe(epochs=5, rates=(0.03, 0.1), batch=32, clip=1.0))


def as_published(seed: int) -> Iterator[tuple[str, float]]:
    """Give the accuracy with and without shortcuts, of the best epoch on the test set."""
    return _AS_PUBLISHED.scores(seed)


def fair(seed: int) -> Iterator[tuple[str, float]]:
    """Give both, each at its own rate and at the best epoch on a validation set."""
    return _FAIR.scores(seed)
