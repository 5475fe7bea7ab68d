"""Networks of logical units: layers whose outputs are AND, OR and XNOR of pairs of logits.

A layer computes pre-activations, `width` of them, and combines neighbouring pairs. "partition"
shares the pairs out among the operators, and width / 2 outputs remain; "duplicate" gives every
operator all pairs, and 3 width / 2 outputs come out of three operators.

Source: Lowe, Earle, d'Eon, Trappenberg and Oore 2022, Logical Activation Functions: Logit-space
equivalents of Probabilistic Boolean Operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from actlas.errors import ActlasError
from actlas.models._parts import Images, Vectors, checked_size, pooled_classes, scores
from actlas.models._registry import ActivationFactory, activation_factory, network
from actlas.models._sizes import draw_
from actlas.models._start import start_
from actlas.nn.structured._logic import PAPER
from actlas.nn.structured.logic_mix import LogicMix

Activation = str | type[nn.Module] | ActivationFactory
OPERATORS = ("or_ail", "and_ail", "xnor_ail")
_DEVIATIONS = (
    "The widths of the paper's networks were searched for and are not printed in a source that "
    "could be read; the layers are its, the default widths are ours.",
    "The released partition drops the last pairs without a word when their number is no multiple "
    "of the number of operators; here every pair is used.",
)


def _combining(
    width: int, activation: Activation | None, operators: Sequence[str], mode: str,
    normalized: bool,
) -> tuple[nn.Module, int]:  # fmt: skip
    """Return what stands behind `width` pre-activations, and how many outputs it has."""
    checked_size(width, "width")
    if activation is not None:
        return activation_factory(activation)(), width
    mix = LogicMix(operators, mode, normalized=normalized)
    if width % 2 or width < 2 * len(operators):
        raise ActlasError(f"a layer of {len(operators)} logical operators needs an even width of "
                          f"at least {2 * len(operators)}, got {width}")  # fmt: skip
    return mix, width // 2 * (len(operators) if mode == "duplicate" else 1)


def _drawn(
    net: nn.Sequential, activation: Activation | None, generator: torch.Generator | None
) -> nn.Sequential:
    """Draw the weights by He's rule; for logical units with gain 1, as their spread asks."""
    if activation is not None:
        return start_(net, activation_factory(activation)(), generator)
    draw_(net, partial(nn.init.kaiming_normal_, nonlinearity="linear", generator=generator))
    return net


@network(
    id="logic_mlp", title="Logical MLP", takes="features", input=(784,), paper=PAPER,
    aliases=("ail_mlp",),
    parameters={"": 58_546, "mode='duplicate'": 62_482}, deviations=_DEVIATIONS,
)  # fmt: skip
def logic_mlp(
    *, inputs: int = 784, classes: int = 10, hidden: Sequence[int] = (72, 48),
    operators: Sequence[str] = OPERATORS, mode: str = "partition", normalized: bool = False,
    activation: Activation | None = None, generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """Perceptron with two hidden layers of logical units.

    Args:
        inputs, classes: numbers per example, and outputs.
        hidden: pre-activations of each hidden layer, even numbers.
        operators: ids of logical units.
        mode: "partition" or "duplicate".
        normalized: give the outputs mean 0 and variance 1 for independent N(0, 1) inputs.
        activation: None for the logical units; else a function of single pre-activations.
        generator: random state of the weights; None takes PyTorch's.

    Raises:
        ActlasError: for a width that is odd or too small for the operators.

    >>> logic_mlp(mode="duplicate")(torch.zeros(2, 784)).shape
    torch.Size([2, 10])
    """
    layers: list[nn.Module] = [Vectors(inputs, "logic_mlp")]
    before = inputs
    for width in hidden:
        combine, after = _combining(width, activation, operators, mode, normalized)
        layers += [nn.Linear(before, width), combine]
        before = after
    return _drawn(nn.Sequential(*layers, scores(before, classes)), activation, generator)


@network(
    id="logic_cnn", title="Logical CNN", takes="images", input=(1, 28, 28), paper=PAPER,
    aliases=("ail_cnn",),
    parameters={"": 20_782, "mode='duplicate'": 61_438}, deviations=_DEVIATIONS,
)  # fmt: skip
def logic_cnn(
    *, channels: int = 1, classes: int = 10, width: int = 12,
    operators: Sequence[str] = OPERATORS, mode: str = "partition", normalized: bool = False,
    activation: Activation | None = None, generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """Six 3x3 convolutions with logical units between their channels, and a linear layer.

    Args:
        channels, classes: of the images, whose sides are multiples of 4.
        width: maps before combining in the first pair of convolutions, an even number; doubled
            behind each pair, where the image is halved (twice in all).

    The other arguments are those of `logic_mlp`.

    >>> logic_cnn()(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    layers: list[nn.Module] = [Images(channels, 4, "logic_cnn")]
    before = channels
    for stage in range(3):
        layers += [nn.MaxPool2d(2)] if stage else []
        for _ in range(2):
            maps = width * 2**stage
            combine, after = _combining(maps, activation, operators, mode, normalized)
            layers += [nn.Conv2d(before, maps, 3, padding=1, bias=False), nn.BatchNorm2d(maps),
                       combine]  # fmt: skip
            before = after
    return _drawn(nn.Sequential(*layers, *pooled_classes(before, classes)), activation, generator)
