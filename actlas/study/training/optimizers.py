"""The optimisers of a study, and the one schedule that all of them follow."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from actlas.study.training.initialisation import Model

WARM_UP = 0.05  # part of all steps; the same for every function, since it decides usable rates


@dataclass(frozen=True)
class Optimizer:
    """How to make an optimiser, and the weight decay it is commonly used with."""

    make: Callable[..., torch.optim.Optimizer]
    weight_decay: float


def _sgd(groups: list[dict[str, Any]], lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups, lr=lr, momentum=0.9, fused=True)


def _adam(groups: list[dict[str, Any]], lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(groups, lr=lr, fused=True)


def _adamw(groups: list[dict[str, Any]], lr: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=lr, fused=True)


OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": Optimizer(_sgd, weight_decay=5e-4),
    "adam": Optimizer(_adam, weight_decay=0.0),
    "adamw": Optimizer(_adamw, weight_decay=1e-2),
}


def make_optimizer(
    name: str, model: Model, learning_rate: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Return the optimiser; the functions' own parameters form a group without weight decay."""
    groups: list[dict[str, Any]] = [{"params": model.weights(), "weight_decay": weight_decay}]
    if shape := list(model.shape_parameters().values()):
        groups.append({"params": shape, "weight_decay": 0.0})
    return OPTIMIZERS[name].make(groups, lr=learning_rate)


def schedule(progress: float) -> float:
    """Return the factor on the learning rate: linear warm-up, then half a cosine down to 0.

    Args:
        progress: the part of all steps that is done, from 0 to 1.

    >>> [round(schedule(p), 3) for p in (0.0, 0.025, 0.05, 0.525, 1.0)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    if progress < WARM_UP:
        return progress / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))
