"""Layer Langevin: which layers get noise, as parameter groups for the Langevin optimisers.

Paper: Bras, arXiv 2212.14718, section 3: noise on a part p of the layers, the "deepest". In the
published code these are the first int(p L) of the model's L layers, so those nearest the input.

Deviations:
    Layers without parameters, which the published code counts, are not counted here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from actlas.errors import ActlasError, nearest
from actlas.training._checks import probability

Group = dict[str, Any]


def deepest_layers(model: nn.Module, share: float, *inputs: Any) -> tuple[str, ...]:
    """Return the names of the layers nearest the input.

    Args:
        model: any module; its layers are the modules that hold parameters themselves.
        share: the part of the layers, from 0 to 1; their number is rounded down.
        inputs: an example for one forward pass, which finds the order of execution; without it,
            the order in which the model lists its modules.

    Raises:
        ActlasError: for a share outside [0, 1] or so small that no layer is left.

    Source: Bras 2022, section 3; there share is 0.1 to 0.9.

    >>> net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> deepest_layers(net, 0.4)
    ('0',)
    """
    layers = _executed(model, inputs) if inputs else list(_layers(model))
    count = int(probability(share, "share") * len(layers) + 1e-9)
    if not count:
        raise ActlasError(f"a share of {share!r} of {len(layers)} layers is none; the smallest "
                          f"share is {1 / max(1, len(layers)):.3g}")  # fmt: skip
    return tuple(layers[:count])


def _layers(model: nn.Module) -> dict[str, nn.Module]:
    return {name: module for name, module in model.named_modules()
            if any(True for _ in module.parameters(recurse=False))}  # fmt: skip


def _executed(model: nn.Module, inputs: tuple[Any, ...]) -> list[str]:
    order: dict[str, None] = {}
    handles = [module.register_forward_pre_hook(lambda *_, name=name: order.setdefault(name))
               for name, module in _layers(model).items()]  # fmt: skip
    training = {module: module.training for module in model.modules()}
    try:
        model.eval()
        with torch.no_grad():
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
        for module, was in training.items():
            module.training = was
    return list(order)


def layer_groups(model: nn.Module, layers: Iterable[str]) -> list[Group]:
    """Return two parameter groups: the named layers, and all others with sigma = 0.

    Args:
        model: any module.
        layers: names of modules that hold parameters, such as `deepest_layers` gives.

    Raises:
        ActlasError: for a name that is no such module, with the nearest one.

    >>> net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> from actlas.training.langevin import LangevinAdam
    >>> optimizer = LangevinAdam(layer_groups(net, deepest_layers(net, 0.5)), sigma=1e-3)
    >>> [group["sigma"] for group in optimizer.param_groups]
    [0.001, 0.0]
    """
    found, chosen = _layers(model), dict.fromkeys(layers)
    for name in chosen:
        if name not in found:
            raise ActlasError(f"{type(model).__name__} has no layer with parameters called "
                              f"{name!r}.{nearest(str(name), found)}")  # fmt: skip
    noisy = [p for name in chosen for p in found[name].parameters(recurse=False)]
    inside = {id(p) for p in noisy}
    others = [p for p in model.parameters() if id(p) not in inside]
    groups: list[Group] = [{"params": list(dict.fromkeys(noisy))}]
    return [*groups, {"params": others, "sigma": 0.0}] if others else groups
