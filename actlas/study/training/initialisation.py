"""Start weights: one set of standard-normal numbers per seed, scaled by each function's gain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from actlas.errors import ActlasError
from actlas.study.training.seeding import generator

_WEIGHT_LAYERS = (nn.Linear, nn.modules.conv._ConvNd)


@dataclass(frozen=True)
class Model:
    """A network and the activation modules inside it, in order of creation."""

    network: nn.Module
    activations: tuple[nn.Module, ...]

    def shape_parameters(self) -> dict[str, nn.Parameter]:
        """Return the learnable parameters that belong to the functions, by name."""
        return {
            f"{index}.{name}": parameter
            for index, module in enumerate(self.activations)
            for name, parameter in module.named_parameters()
        }

    def weights(self) -> list[nn.Parameter]:
        """Return every other parameter."""
        own = {id(parameter) for parameter in self.shape_parameters().values()}
        return [p for p in self.network.parameters() if id(p) not in own]


def build(
    network: Callable[[Callable[[], nn.Module]], nn.Module],
    activation: str,
    parameters: Mapping[str, Any],
) -> Model:
    """Build a network, noting which of its modules are the activation under study."""
    from actlas.nn import create

    made: list[nn.Module] = []

    def factory() -> nn.Module:
        made.append(create(activation, **parameters))
        return made[-1]

    built = network(factory)
    there = set(map(id, built.modules()))  # a builder may make one more, to see what it is
    return Model(built, tuple(module for module in made if id(module) in there))


def initialise_(model: Model, inputs: torch.Tensor, gain: float, stream: str) -> None:
    """Draw the weights of `model` in place: N(0, 1) scaled by (gain or 1) / sqrt(fan_in), bias 0.

    The numbers depend on `stream` alone, so for one seed every function starts from the same
    ones. The gain 1/sqrt(E f(z)^2) undoes the scaling by f: it belongs to the layers that a
    function feeds. Layers ahead of the first function see standardised data and keep gain 1.

    Args:
        model: the network, changed in place; activation modules are left as they are.
        inputs: a small batch, to see in which order the layers run.
        gain: the function's gain, positive and finite.
        stream: the name of the run's random numbers.
    """
    if not 0 < gain < float("inf"):
        raise ActlasError(f"gain {gain!r} cannot scale start weights; E f(z)^2 must be finite")
    draws = generator(stream, "weights")
    with torch.no_grad():
        for layer, is_fed in _layers_in_order(model, inputs):
            noise = torch.randn(layer.weight.shape, generator=draws)
            fan_in = layer.weight[0].numel()
            layer.weight.copy_(noise * ((gain if is_fed else 1.0) / fan_in**0.5))
            if layer.bias is not None:
                layer.bias.zero_()


def _layers_in_order(model: Model, inputs: torch.Tensor) -> list[tuple[Any, bool]]:
    """Return the weight layers as they run, each with whether a function ran before it."""
    inside = {id(child) for module in model.activations for child in module.modules()}
    order: dict[int, tuple[Any, bool]] = {}
    functions_seen = 0

    def note(module: nn.Module, _: Any) -> None:
        nonlocal functions_seen
        if id(module) in inside:
            functions_seen += 1
        elif isinstance(module, _WEIGHT_LAYERS):
            order.setdefault(id(module), (module, functions_seen > 0))

    handles = [module.register_forward_pre_hook(note) for module in model.network.modules()]
    was_training = model.network.training
    try:
        model.network.eval()(inputs)
    finally:
        model.network.train(was_training)
        for handle in handles:
            handle.remove()
    return list(order.values())
