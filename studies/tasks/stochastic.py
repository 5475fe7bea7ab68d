"""Stochastic depth beside constant depth: a residual network of 32 layers on 1,000 images."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from torch import nn
from torch.optim import SGD, Optimizer

from actlas.models.resnet import resnet
from actlas.training import stochastic_depth_
from studies.tasks.contest import Contest, Recipe, part_of


def _constant() -> nn.Module:
    return resnet(32, shortcut="average", channels=1)


def _stochastic() -> nn.Module:
    net = _constant()
    stochastic_depth_(net, survival=0.5, schedule="linear")
    return net


def _nesterov(network: nn.Module, rate: float) -> Optimizer:
    return SGD(network.parameters(), rate, momentum=0.9, nesterov=True, weight_decay=1e-4)


def _tenths(done: float) -> float:
    """Return the authors' factor: a tenth from half of the training on, again from 3/4 on."""
    return 1.0 if done < 0.5 else 0.1 if done < 0.75 else 0.01


_ARMS = {"stochastic": _stochastic, "constant": _constant}
_images = partial(part_of, "fashion-mnist", 1_000, 500, 2_000, side=8)
_AS_PUBLISHED = Contest(
    _ARMS, _images, Recipe(epochs=8, rates=(0.1,), make=_nesterov, factor=_tenths)
)
_FAIR = Contest(_ARMS, _images, Recipe(epochs=8, rates=(0.03, 0.1), clip=1.0))


def as_published(seed: int) -> Iterator[tuple[str, float]]:
    """Give the accuracy with blocks left out at random and with all blocks, by one recipe."""
    return _AS_PUBLISHED.scores(seed)


def fair(seed: int) -> Iterator[tuple[str, float]]:
    """Give both, each at its own learning rate."""
    return _FAIR.scores(seed)
