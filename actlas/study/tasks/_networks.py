"""The networks of the built-in tasks: plain ones, and those of `actlas models` by name."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from torch import nn

from actlas.models import find_network
from actlas.study.tasks._protocol import NetworkFactory


def mlp(*sizes: int) -> NetworkFactory:
    """Return a factory of multilayer perceptrons.

    Args:
        sizes: the number of units from the input to the output; the function under study stands
            after every layer but the last.
    """

    def network(activation: Callable[[], nn.Module]) -> nn.Module:
        layers: list[nn.Module] = [nn.Flatten(), nn.Linear(sizes[0], sizes[1])]
        for fan_in, fan_out in itertools.pairwise(sizes[1:]):
            layers += [activation(), nn.Linear(fan_in, fan_out)]
        return nn.Sequential(*layers)

    return network


def cnn(image: tuple[int, int, int], *channels: int, classes: int = 10) -> NetworkFactory:
    """Return a factory of small convolutional networks.

    Args:
        image: channels, height and width of the input.
        channels: the width of each 3 x 3 convolution; every one has stride 2 and is followed by
            the function under study.
        classes: the number of outputs of the linear layer at the end.
    """
    depth, height, width = image
    for _ in channels:
        height, width = (height + 1) // 2, (width + 1) // 2

    def network(activation: Callable[[], nn.Module]) -> nn.Module:
        layers: list[nn.Module] = []
        for fan_in, fan_out in itertools.pairwise((depth, *channels)):
            layers += [nn.Conv2d(fan_in, fan_out, 3, stride=2, padding=1), activation()]
        layers += [nn.Flatten(), nn.Linear(channels[-1] * height * width, classes)]
        return nn.Sequential(*layers)

    return network


def named(
    name: str, adapt: Callable[[nn.Module], nn.Module] | None = None, /, **options: Any
) -> NetworkFactory:
    """Return a factory of a network of `actlas models`.

    Args:
        name: the network's.
        adapt: what is put around it, as of `Task`.
        options: the network's own.
    """

    def network(activation: Callable[[], nn.Module]) -> nn.Module:
        built = find_network(name).build(activation=activation, **options)
        return adapt(built) if adapt else built

    return network
