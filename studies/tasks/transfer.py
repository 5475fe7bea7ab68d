"""A network that has learned five classes of CIFAR-10 goes on with the other five.

It was trained with ReLU; it goes on as it is, or with PVLU in the place of every ReLU.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache, partial

from torch import nn

from actlas import replace
from actlas.study import Data, Split
from studies.tasks.contest import TUNING_SEED, Contest, Recipe, adam, epochs, part_of
from studies.tasks.units import cnn

_WIDTH, _FIRST, _FINE_TUNED = 16, 5, 1_500  # channels, classes to begin with, images to go on with
_BEGIN = Recipe(epochs=8, rates=(0.003,), make=adam)


def _classes(data: Data, lower: int, upper: int, most: int) -> Data:
    """Return the images of classes from `lower` to below `upper`; the first `most` to train on."""

    def part(split: Split, count: int | None = None) -> Split:
        wanted = (split.targets >= lower) & (split.targets < upper)
        return Split(split.inputs[wanted][:count], split.targets[wanted][:count])

    return Data(part(data.train, most), part(data.validation), part(data.test))


@cache
def _images(lower: int, upper: int, most: int) -> Data:
    return _classes(part_of("cifar-10-cnn", 11_000, 2_000, 8_000), lower, upper, most)


@cache
def _body() -> nn.Module:
    """Return the network that has learned the first classes, the same for all seeds."""
    first = _images(0, _FIRST, 5_000).train
    build, rate = partial(cnn, width=_WIDTH), _BEGIN.rates[0]
    *_, network = epochs(build, _BEGIN.make, first, _BEGIN, rate, TUNING_SEED)
    return network


def _ready(function: str) -> nn.Module:
    """Return a copy that has `function` in the place of every ReLU, and a head drawn anew."""
    network = copy.deepcopy(_body())
    network[-1].reset_parameters()  # type: ignore[index, operator]
    if function != "relu":
        replace(network, {"relu": function})
    return network


_CONTEST = Contest(
    {function: partial(_ready, function) for function in ("pvlu", "relu")},
    partial(_images, _FIRST, 10, _FINE_TUNED),
    Recipe(epochs=8, rates=(0.0003, 0.001, 0.003), make=adam, clip=1.0),
)


def fine_tuned(seed: int) -> Iterator[tuple[str, float]]:
    """Give the error after fine-tuning, each at its own rate, in percent of that with ReLU."""
    errors = {label: 100 - score for label, score in _CONTEST.scores(seed)}
    for label, error in errors.items():
        yield label, 100 * error / errors["relu"]
