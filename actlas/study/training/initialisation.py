"""Start weights: one set of standard-normal numbers per seed, scaled by each function's gain."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import nn

from actlas.errors import ActlasError, nearest
from actlas.nn._module import ElementwiseModule
from actlas.study.training.seeding import generator
from actlas.study.training.specification import Recipe

_WEIGHT_LAYERS = (nn.Linear, nn.modules.conv._ConvNd)
_RELU_GAIN = math.sqrt(2.0)


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

    def learned(self) -> dict[str, torch.Tensor]:
        """Return the same by their values as they act: a stored one may lie outside its domain."""
        acting = {
            f"{index}.{name}": value
            for index, module in enumerate(self.activations)
            if isinstance(module, ElementwiseModule)
            for name, value in module.learned_values().items()
        }
        return {**self.shape_parameters(), **acting}

    def weights(self) -> list[nn.Parameter]:
        """Return every other parameter."""
        own = {id(parameter) for parameter in self.shape_parameters().values()}
        return [p for p in self.network.parameters() if id(p) not in own]


@final
class Standardised(nn.Module):
    """A function of mean 0 and variance 1 for standard normal inputs: (f(x) - mean) * scale."""

    def __init__(self, function: nn.Module, mean: float, scale: float) -> None:
        """Put a function between a shift and a factor, both fixed."""
        super().__init__()
        self.function, self.mean, self.scale = function, mean, scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (f(x) - mean) * scale."""
        y: torch.Tensor = self.function(x).sub(self.mean).mul(self.scale)
        return y


def build(
    network: Callable[[Callable[[], nn.Module]], nn.Module],
    activation: str,
    parameters: Mapping[str, Any],
    scheme: str = Recipe.initialisation,
) -> Model:
    """Build a network, noting which of its modules are the activation under study.

    Without one, the network is built with functions of its own, and all of these are.

    Args:
        network: called with a factory of activation modules.
        activation: the function's name; empty for none.
        parameters: its parameters.
        scheme: of the start; "standardised" shifts and scales the function, for good.
    """
    from actlas.init import gain
    from actlas.init.profile import profile_of
    from actlas.nn import create

    made: list[nn.Module] = []

    def factory() -> nn.Module:
        made.append(create(activation, **parameters))
        if scheme != STANDARDISED:
            return made[-1]
        mean = profile_of(activation, parameters).mean
        return Standardised(made[-1], mean, gain(activation, centred=True, **parameters))

    built = network(factory)
    if not activation:
        made = [module for module in built.modules() if isinstance(module, ElementwiseModule)]
    there = set(map(id, built.modules()))  # a builder may make one more, to see what it is
    return Model(built, tuple(module for module in made if id(module) in there))


def _normal(weight: torch.Tensor, draws: torch.Generator, gain: float) -> torch.Tensor:
    fan_in = weight[0].numel()
    return torch.randn(weight.shape, generator=draws).mul_(gain / fan_in**0.5)


def _xavier(weight: torch.Tensor, draws: torch.Generator, _: float) -> torch.Tensor:
    """Return uniform draws with the bounds of Glorot and Bengio, 2010, times ReLU's gain."""
    fan_in, fan_out = weight[0].numel(), weight[:, 0].numel()
    bound = _RELU_GAIN * math.sqrt(6.0 / (fan_in + fan_out))
    uniform = torch.rand(weight.shape, generator=draws)
    return uniform.mul_(2 * bound).sub_(bound)


def _as_made(weight: torch.Tensor, _: torch.Generator, __: float) -> torch.Tensor:
    return weight


STANDARDISED = "standardised"

# How start weights are drawn, and the gain of all functions; None for each one's own.
START_WEIGHTS: dict[
    str, tuple[Callable[[torch.Tensor, torch.Generator, float], torch.Tensor], float | None]
] = {
    "own gain": (_normal, None),
    "relu gain": (_normal, _RELU_GAIN),
    "xavier": (_xavier, _RELU_GAIN),
    "framework": (_as_made, 1.0),
    STANDARDISED: (_normal, 1.0),  # the functions have a second moment of 1 themselves
}


def initialise_(
    model: Model,
    inputs: torch.Tensor,
    gain: float,
    stream: str,
    scheme: str = Recipe.initialisation,
    bias: float = Recipe.start_bias,
) -> None:
    """Draw the weights of `model` in place: N(0, 1) scaled by (gain or 1) / sqrt(fan_in), bias 0.

    The numbers depend on `stream` alone, so for one seed every function starts from the same
    ones. The gain 1/sqrt(E f(z)^2) undoes the scaling by f: it belongs to the layers that a
    function feeds. Layers ahead of the first function see standardised data and keep gain 1.

    Args:
        model: the network, changed in place; activation modules are left as they are.
        inputs: a small batch, to see in which order the layers run.
        gain: the function's gain, positive and finite.
        stream: the name of the run's random numbers.
        scheme: as published studies do it: "relu gain" takes ReLU's gain for every function,
            "xavier" Xavier's uniform weights times ReLU's gain in all layers, and "framework"
            leaves weights and biases as PyTorch has made them; "standardised" functions need no
            gain.
        bias: where biases start.
    """
    if scheme not in START_WEIGHTS:
        known = ", ".join(START_WEIGHTS)
        raise ActlasError(
            f"start weights are drawn by {known}, got {scheme!r}.{nearest(scheme, START_WEIGHTS)}"
        )
    if not 0 < gain < float("inf"):
        raise ActlasError(f"gain {gain!r} cannot scale start weights; E f(z)^2 must be finite")
    draws = generator(stream, "weights")
    draw, shared = START_WEIGHTS[scheme]
    fed = gain if shared is None else shared
    with torch.no_grad():
        for layer, is_fed in _layers_in_order(model, inputs):
            layer.weight.copy_(draw(layer.weight, draws, fed if is_fed else 1.0))
            if layer.bias is not None and (bias or scheme != "framework"):
                layer.bias.fill_(bias)


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
