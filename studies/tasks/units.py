"""Units with weights of their own in the place of ReLU: FReLU and Meta-ACON in a small CNN."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from torch import nn

from actlas.nn.structured import FReLU, MetaACON
from actlas.study import Data
from studies.tasks.contest import Contest, Recipe, part_of

Unit = Callable[[int], nn.Module]  # from a number of channels


def _relu(_: int) -> nn.Module:
    return nn.ReLU()


def cnn(units: tuple[Unit, Unit, Unit] = (_relu, _relu, _relu), width: int = 8) -> nn.Module:
    """Return three normalised 3 x 3 convolutions of stride 2, a unit behind each, and scores."""
    widths, layers = (3, width, 2 * width, 4 * width), []
    for fan_in, fan_out, unit in zip(widths, widths[1:], units, strict=False):
        convolution = nn.Conv2d(fan_in, fan_out, 3, stride=2, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(fan_out), unit(fan_out)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * width * 16, 10))


def _funnels() -> nn.Module:
    """Return the network with FReLU in all stages but the last, as published."""
    return cnn((FReLU, FReLU, _relu))


def _meta(init: str) -> nn.Module:
    unit: Unit = partial(MetaACON, init=init)
    return cnn((unit, unit, unit))


def _images() -> Data:
    return part_of("cifar-10-cnn", 3_000, 1_000, 4_000)


_AS_PUBLISHED = Recipe(epochs=5, rates=(0.1,), factor=lambda done: 1 - done, selection="last")
_FAIR = Recipe(epochs=5, rates=(0.015, 0.05, 0.15), clip=1.0)
_FUNNEL = {"frelu": _funnels, "relu": cnn}
_CONTESTS = {
    "frelu": Contest(_FUNNEL, _images, _AS_PUBLISHED),
    "frelu, fair": Contest(_FUNNEL, _images, _FAIR),
    "meta": Contest({"meta_acon": partial(_meta, "official"), "relu": cnn}, _images, _AS_PUBLISHED),
    "meta, fair": Contest(
        {"meta_acon": partial(_meta, "swish"), "relu": partial(cnn, width=9)}, _images, _FAIR
    ),
}


def funnel(seed: int) -> Iterator[tuple[str, float]]:
    """Give the accuracy with FReLU and with ReLU, at one rate for both."""
    return _CONTESTS["frelu"].scores(seed)


def funnel_fair(seed: int) -> Iterator[tuple[str, float]]:
    """Give the accuracy with FReLU and with ReLU, each at its own rate."""
    return _CONTESTS["frelu, fair"].scores(seed)


def meta_acon(seed: int) -> Iterator[tuple[str, float]]:
    """Give the accuracy with Meta-ACON and with ReLU, at one rate for both."""
    return _CONTESTS["meta"].scores(seed)


def meta_acon_fair(seed: int) -> Iterator[tuple[str, float]]:
    """Give the accuracy with Meta-ACON and with as many weights around ReLU, each at its rate."""
    return _CONTESTS["meta, fair"].scores(seed)
