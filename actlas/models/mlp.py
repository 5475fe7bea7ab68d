"""The multilayer perceptron: linear layers with an activation between them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn

from actlas.catalogue import Paper
from actlas.models._parts import Vectors, checked_probability, checked_size, dropping, staged
from actlas.models._registry import ActivationFactory, activation_factory, network
from actlas.models._start import start_


@network(
    id="mlp",
    title="MLP",
    paper=Paper("LeCun et al.", 1998, title="Gradient-based learning applied to document "
                "recognition", venue="Proceedings of the IEEE", doi="10.1109/5.726791"),
    takes="features",
    input=(784,),
    parameters={"": 266_610, "hidden=(100,)": 79_510, "hidden=(100, 10)": 79_620},
    aliases=("multilayer_perceptron", "lenet_300_100"),
    deviations=("Start weights follow He's rule with the gain of the activation.",),
)  # fmt: skip
def mlp(
    inputs: int = 784, hidden: Sequence[int] = (300, 100), classes: int = 10,
    dropout: float = 0.0, *, activation: str | type[nn.Module] | ActivationFactory = "relu",
    generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """Linear layers with an activation between them.

    Args:
        inputs: numbers in an example; images are flattened.
        hidden: units of each hidden layer, from the input on; at least one layer.
        classes: outputs.
        dropout: probability of dropping a unit behind each activation, in [0, 1).
        activation: a name, a class or a factory.
        generator: random state of the start weights; None takes PyTorch's.

    Raises:
        ActlasError: for sizes below 1 and probabilities outside [0, 1).

    Source: LeCun et al. 1998, section III.D.5, "28x28-300-100-10".

    >>> mlp(64, (32,), 10, activation="telu")(torch.zeros(5, 8, 8)).shape
    torch.Size([5, 10])
    """
    make = activation_factory(activation)
    sizes = [checked_size(size, "a layer's size") for size in (inputs, *hidden, classes)]
    drop = checked_probability(dropout, "dropout")
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(sizes[:-1]):
        layers += [nn.Linear(fan_in, fan_out), make(), *dropping(drop)]
    head = nn.Linear(sizes[-2], classes)
    net = staged(vectors=Vectors(inputs, "mlp"), hidden=nn.Sequential(*layers), head=head)
    return start_(net, make(), generator)
