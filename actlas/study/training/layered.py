"""Perceptrons of many runs, layer by layer: a product of matrices for all of them at once.

`torch.func.vmap` spends on a small perceptron as much time as the perceptron itself needs. A chain
of linear layers and elementwise functions can do without it. Features lie ahead of the examples, so
that the gradient of a weight comes out in the weight's own order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from actlas.nn._module import ElementwiseModule

Weights = Mapping[str, Tensor]
Layer = Callable[[Weights, Tensor], Tensor]


def layers_of(network: nn.Module, inputs: Tensor) -> list[Layer] | None:
    """Return the layers of a perceptron; None for any other network.

    Args:
        network: a perceptron is an `nn.Sequential`, nested or not, of `Flatten`, `Linear` and
            functions without learned parameters, and no hook is on any of them.
        inputs: some examples; unless they are vectors, the first module must be `Flatten`.
    """
    layers = [_layer(name, module) for name, module in _in_turn(network, "")]
    if inputs.ndim != 2 and layers[:1] != [_flatten]:
        return None
    known = [layer for layer in layers if layer is not None]
    return known if len(known) == len(layers) else None


def outputs_of(layers: list[Layer], weights: Weights, inputs: Tensor) -> Tensor:
    """Return the outputs of all runs, of shape (runs, examples, outputs).

    Args:
        layers: of the perceptron.
        weights: by name, of shape (runs, ...).
        inputs: of shape (runs, examples, ...).
    """
    x = inputs.movedim(1, -1)
    for layer in layers:
        x = layer(weights, x)
    return x.mT


def _in_turn(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules that a chain consists of; one that is no chain yields itself."""
    if type(module) is nn.Sequential and not _hooked(module):
        for own, child in module.named_children():
            yield from _in_turn(child, f"{name}.{own}" if name else own)
    else:
        yield name, module


def _layer(name: str, module: nn.Module) -> Layer | None:
    if _hooked(module):
        return None
    if type(module) is nn.Linear:
        return partial(_linear, f"{name}.", module.bias is not None)
    if isinstance(module, nn.Flatten) and (module.start_dim, module.end_dim) == (1, -1):
        return _flatten
    if isinstance(module, ElementwiseModule) and _is_plain(module):
        return partial(_elementwise, module)
    return None


def _hooked(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)


def _is_plain(module: ElementwiseModule) -> bool:
    return len(module.entry.inputs) == 1 and not module.inplace and not list(module.parameters())


def _linear(prefix: str, biased: bool, weights: Weights, x: Tensor) -> Tensor:
    weight = weights[f"{prefix}weight"]
    if not biased:
        return torch.bmm(weight, x)
    return torch.baddbmm(weights[f"{prefix}bias"].unsqueeze(2), weight, x)


def _flatten(weights: Weights, x: Tensor) -> Tensor:
    return x.flatten(1, -2)


def _elementwise(module: ElementwiseModule, weights: Weights, x: Tensor) -> Tensor:
    y: Tensor = module(x)
    return y
