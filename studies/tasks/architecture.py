"""Networks of two forms beside each other on small images of CIFAR-10, all with ReLU.

Convolutions of stride 2 beside maximum pooling: base C of Springenberg et al. at an eighth of its
width. Wide beside thin: residual networks of about as many weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from torch import nn
from torch.optim import Optimizer

from actlas.models.wide_resnet import wide_resnet
from studies.tasks.contest import Contest, Recipe, part_of, sgd

_WIDTH = 12


def _convolution(fan_in: int, fan_out: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(fan_in, fan_out, size, stride, padding=size // 2)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return nn.Sequential(convolution, nn.ReLU())


def _halved(width: int, way: str) -> list[nn.Module]:
    """Return what halves the images: "all", "pool" or "conv_pool" as in Springenberg's table 2."""
    pool = nn.MaxPool2d(3, 2, padding=1)
    if way == "all":
        return [_convolution(width, width, stride=2)]
    return [pool] if way == "pool" else [_convolution(width, width), pool]


def _base(way: str, dropout: float) -> nn.Module:
    narrow, wide = _WIDTH, 2 * _WIDTH
    return nn.Sequential(
        nn.Dropout(0.4 * dropout), _convolution(3, narrow), _convolution(narrow, narrow),
        *_halved(narrow, way), nn.Dropout(dropout), _convolution(narrow, wide),
        _convolution(wide, wide), *_halved(wide, way), nn.Dropout(dropout),
        _convolution(wide, wide), _convolution(wide, wide, size=1), _convolution(wide, 10, size=1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip


def _thousandth(network: nn.Module, rate: float) -> Optimizer:
    return sgd(network, rate, weight_decay=1e-3)


def _wide_decay(network: nn.Module, rate: float) -> Optimizer:
    return sgd(network, rate, weight_decay=5e-4)


def _tenths(done: float) -> float:
    """Return the factor of a tenth from epoch 200, 250 and 300 of 350 on."""
    return 0.1 ** sum(done >= epoch / 350 for epoch in (200, 250, 300))


def _fifths(done: float) -> float:
    """Return the factor of a fifth from 30, 60 and 80 % of the training on."""
    return 0.2 ** sum(done >= part for part in (0.3, 0.6, 0.8))


_images = partial(part_of, "cifar-10-cnn", 3_000, 1_000, 4_000, side=16)
_few = partial(part_of, "cifar-10-cnn", 1_000, 500, 4_000, side=16)
_STRIDED = Contest(
    {"convolutions": partial(_base, "all", 0.5), "pooling": partial(_base, "pool", 0.5)}, _images,
    Recipe(epochs=12, rates=(0.05,), make=_thousandth, factor=_tenths, selection="last"),
)  # fmt: skip
_STRIDED_FAIR = Contest(
    {"convolutions": partial(_base, "all", 0.0), "pooling": partial(_base, "conv_pool", 0.0)},
    _images, Recipe(epochs=12, rates=(0.015, 0.05), clip=1.0),
)  # fmt: skip
_FORMS = {
    "wide": partial(wide_resnet, depth=10, width=2),
    "thin": partial(wide_resnet, depth=22, width=1),
}
_WIDE = Contest(
    _FORMS, _few,
    Recipe(epochs=8, rates=(0.1,), make=_wide_decay, factor=_fifths, selection="last"),
)  # fmt: skip
_WIDE_FAIR = Contest(_FORMS, _few, Recipe(epochs=8, rates=(0.03, 0.1), clip=1.0))


def strided(seed: int) -> Iterator[tuple[str, float]]:
    """Give the accuracy of convolutions alone and of pooling, by one recipe with dropout."""
    return _STRIDED.scores(seed)


def strided_fair(seed: int) -> Iterator[tuple[str, float]]:
    """Give the same where pooling has the further convolution too, each at its own rate."""
    return _STRIDED_FAIR.scores(seed)


def wide(seed: int) -> Iterator[tuple[str, float]]:
    """Give the accuracy of the wide and of the thin network, by one recipe."""
    return _WIDE.scores(seed)


def wide_fair(seed: int) -> Iterator[tuple[str, float]]:
    """Give both, each at its own rate."""
    return _WIDE_FAIR.scores(seed)
