"""Weights before a function, multiplied by the ratio of the gains of the new and the old one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from actlas.errors import ActlasError
from actlas.init import gain
from actlas.surgery.replacement.probing import Point
from actlas.surgery.replacement.sites import Site

_NORMS = (
    nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm,
)  # fmt: skip


def ratio(new: Point, old: Point) -> float:
    """Return gain(new) / gain(old); ActlasError where one of them has no gain."""
    return _gain(new) / _gain(old)


def _gain(point: Point) -> float:
    return float(gain(point[0].name, **dict(point[1])))


def weight_before(site: Site, model: nn.Module) -> nn.Parameter:
    """Return the weight of the layer that feeds a site.

    Raises:
        ActlasError: with the reason, where no weight before the site may be rescaled.
    """
    layer = site.before
    if layer is None:
        raise ActlasError("the layer before it cannot be read from the code")
    if isinstance(layer, _NORMS):
        raise ActlasError("a normalisation stands before it and undoes every scale")
    weight = layer._parameters.get("weight")
    if weight is None or not weight.is_floating_point() or weight.is_meta:
        raise ActlasError(f"{type(layer).__name__} has no plain weight to rescale")
    if not weight.requires_grad:
        raise ActlasError(f"the weight of {type(layer).__name__} is frozen")
    if _holders(model)[id(weight)] > 1:
        raise ActlasError(f"the weight of {type(layer).__name__} is tied to another layer's")
    return weight


def _holders(model: nn.Module) -> Counter[int]:
    modules: Sequence[Any] = list(model.modules())
    return Counter(id(p) for module in modules for p in module._parameters.values())


def scaled(weight: nn.Parameter, factor: float) -> torch.Tensor:
    """Return the weight times `factor`, rounded once."""
    return weight.detach() * factor
