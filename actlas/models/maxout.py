"""The maxout networks for MNIST and CIFAR: every hidden unit is the largest of k linear pieces.

Source: Goodfellow, Warde-Farley, Mirza, Courville and Bengio 2013, Maxout Networks, sections 5.1
and 5.2; sizes as in the authors' pylearn2 scripts (mnist_pi.yaml, cifar10.yaml).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.models._parts import Vectors, checked_probability, checked_size, scores
from actlas.models._registry import ActivationFactory, activation_factory, network
from actlas.models._sizes import OneSize, draw_
from actlas.models._start import start_
from actlas.models._tokens import need_sizes
from actlas.nn.structured.maxout import Maxout, MaxoutLinear

PAPER = Paper(
    author="Goodfellow et al.", year=2013, arxiv="1302.4389", title="Maxout Networks"
)  # fmt: skip
Activation = str | type[nn.Module] | ActivationFactory
_DEVIATIONS = (
    "The paper bounds the norm of each unit's weights while it trains; that belongs to the "
    "optimiser's step and is not done here.",
    "An activation instead of maxout gives as many units with one piece each: fewer parameters.",
)


def _drawn(
    net: nn.Sequential, activation: Activation | None, generator: torch.Generator | None
) -> nn.Sequential:
    """Draw all weights: U(-0.005, 0.005) for maxout, as in the scripts; else He's rule."""
    if activation is not None:
        return start_(net, activation_factory(activation)(), generator)
    draw_(net, lambda weight: nn.init.uniform_(weight, -0.005, 0.005, generator=generator))
    return net


def _dense(fan_in: int, units: int, pieces: int, activation: Activation | None) -> list[nn.Module]:
    """Return a hidden layer of `units` units."""
    if activation is None:
        return [MaxoutLinear(fan_in, units, num_pieces=pieces)]
    return [nn.Linear(fan_in, units), activation_factory(activation)()]


def _maps(
    fan_in: int, maps: int, size: int, padding: int, pieces: int, activation: Activation | None
) -> list[nn.Module]:
    """Return a convolution with `maps` output maps."""
    if activation is None:
        return [nn.Conv2d(fan_in, pieces * maps, size, padding=padding), Maxout(pieces)]
    return [nn.Conv2d(fan_in, maps, size, padding=padding), activation_factory(activation)()]


@network(
    id="maxout_mlp", title="Maxout MLP", takes="features", input=(784,), paper=PAPER,
    parameters={"hidden=(240, 240)": 1_233_610}, deviations=_DEVIATIONS,
)  # fmt: skip
def maxout_mlp(
    *, inputs: int = 784, classes: int = 10, hidden: Sequence[int] = (24, 24), pieces: int = 5,
    input_dropout: float = 0.2, dropout: float = 0.5, activation: Activation | None = None,
    generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """Perceptron of maxout units with dropout, for permuted pixels.

    Args:
        inputs, classes: numbers per example, and outputs.
        hidden: maxout units of each hidden layer; (240, 240) in the paper.
        pieces: linear pieces of a unit; 5 in the paper.
        input_dropout, dropout: of the inputs and of hidden units.
        activation: None for maxout; else a function of one linear piece.
        generator: random state of the weights; None takes PyTorch's.

    >>> maxout_mlp()(torch.zeros(2, 784)).shape
    torch.Size([2, 10])
    """
    checked_probability(input_dropout, "input_dropout")
    checked_probability(dropout, "dropout")
    need_sizes("maxout_mlp", pieces=pieces)
    layers: list[nn.Module] = [Vectors(inputs, "maxout_mlp"), nn.Dropout(input_dropout)]
    before = inputs
    for units in hidden:
        layers += [*_dense(before, checked_size(units, "hidden"), pieces, activation),
                   nn.Dropout(dropout)]  # fmt: skip
        before = units
    net = nn.Sequential(*layers, scores(before, classes))
    return _drawn(net, activation, generator)


@network(
    id="maxout_cnn", title="Maxout CNN", takes="images", input=(3, 32, 32), paper=PAPER,
    parameters={"width=96, units=500": 16_247_830},
    deviations=(*_DEVIATIONS, "The paper whitens images and normalises their contrast; that is "
                "the caller's business."),
)  # fmt: skip
def maxout_cnn(
    *, channels: int = 3, image_size: int = 32, classes: int = 10, width: int = 4,
    units: int = 20, pieces: int = 2, input_dropout: float = 0.2, dropout: float = 0.5,
    activation: Activation | None = None, generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """Three convolutions and a dense layer of maxout units, with dropout.

    Args:
        channels, image_size, classes: of the images; the side is at least 10.
        width: maps of the first convolution, doubled for the others; 96 in the paper.
        units: of the dense layer, with 5 pieces each; 500 in the paper.
        pieces: of a unit of the convolutions; 2 in the paper.

    The other arguments are those of `maxout_mlp`.

    >>> maxout_cnn()(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    checked_probability(input_dropout, "input_dropout")
    checked_probability(dropout, "dropout")
    need_sizes("maxout_cnn", width=width, units=units, pieces=pieces)
    layers: list[nn.Module] = [OneSize(channels, image_size, "maxout_cnn")]
    layers.append(nn.Dropout(input_dropout))
    if image_size < 10:
        raise ActlasError(f"maxout_cnn: image_size must be at least 10, got {image_size}")
    before, side = channels, image_size
    for maps, size, padding, pool in (
        (width, 8, 4, 4), (2 * width, 8, 3, 4), (2 * width, 5, 3, 2)
    ):  # fmt: skip
        layers += [*_maps(before, maps, size, padding, pieces, activation),
                   nn.MaxPool2d(pool, 2, ceil_mode=True), nn.Dropout(dropout)]  # fmt: skip
        before, side = maps, -(-(side + 2 * padding - size + 1 - pool) // 2) + 1
    dense = _dense(before * side**2, units, 5, activation)
    net = nn.Sequential(*layers, nn.Flatten(), *dense, nn.Dropout(dropout), scores(units, classes))
    return _drawn(net, activation, generator)
