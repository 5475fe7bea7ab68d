"""Start weights of a network: He's rule with the gain of the activation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import nn

from actlas.init import gain
from actlas.init.tensors import fans

_WEIGHTS = (nn.Linear, nn.modules.conv._ConvNd)
Net = TypeVar("Net", bound=nn.Module)


def start_(
    network: Net, activation: nn.Module, generator: torch.Generator | None = None,
    linear: Sequence[nn.Module] = (),
) -> Net:  # fmt: skip
    """Draw the weights of linear and convolution layers in place, and return the network.

    Args:
        network: its other layers (normalisation, activations) are left as they are.
        activation: a module of the activation, for its gain; 1/sqrt(E f(z)²), sqrt(2) for ReLU.
        generator: random state; None takes PyTorch's.
        linear: layers before the last whose outputs meet no activation either.

    Weights are N(0, gain²/fan_in), biases 0. The layer that comes last feeds no activation and
    has gain 1, as those of `linear` have. On the meta device, where only shapes count, nothing is
    drawn.

    Source: He et al. 2015, Eq. 10; the gain as in `actlas.init.gain`.

    >>> net = start_(nn.Sequential(nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 2)), nn.ReLU())
    >>> bool((net[0].weight.std() * 16 - 2**0.5).abs() < 0.1)
    True
    """
    layers = [module for module in network.modules() if isinstance(module, _WEIGHTS)]
    if any(layer.weight.is_meta for layer in layers):
        return network
    factor = gain(activation)
    with torch.no_grad():
        for layer in layers:
            scale = 1.0 if layer in (layers[-1], *linear) else factor
            layer.weight.normal_(0, scale / math.sqrt(fans(layer.weight)[0]), generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()
    return network
