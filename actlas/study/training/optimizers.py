"""The optimisers of a study, and the one schedule that all of them follow."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from actlas.study.training.initialisation import Model
from actlas.study.training.specification import Recipe


@dataclass(frozen=True)
class Optimizer:
    """How to make an optimiser, and the weight decay it is commonly used with."""

    make: Callable[..., torch.optim.Optimizer]
    weight_decay: float


def _fused(groups: list[dict[str, Any]]) -> bool:
    """Say whether PyTorch has one kernel for the whole step on the device of the weights."""
    return all(p.device.type in ("cpu", "cuda") for group in groups for p in group["params"])


def _sgd(groups: list[dict[str, Any]], lr: float, momentum: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups, lr=lr, momentum=momentum, fused=_fused(groups))


def _adam(groups: list[dict[str, Any]], lr: float, momentum: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(groups, lr=lr, betas=(momentum, 0.999), fused=_fused(groups))


def _adamw(groups: list[dict[str, Any]], lr: float, momentum: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=lr, betas=(momentum, 0.999), fused=_fused(groups))


OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": Optimizer(_sgd, weight_decay=5e-4),
    "adam": Optimizer(_adam, weight_decay=0.0),
    "adamw": Optimizer(_adamw, weight_decay=1e-2),
}


def make_optimizer(
    name: str,
    model: Model,
    learning_rate: float,
    weight_decay: float,
    momentum: float = Recipe.momentum,
    shape_rate: float = Recipe.shape_rate,
) -> torch.optim.Optimizer:
    """Return the optimiser; the functions' own parameters form a group without weight decay.

    The "share" of a group is what its rate is in units of the run's; schedules multiply by it.

    Args:
        name: one of `OPTIMIZERS`.
        model: the network, and which of its parameters belong to functions.
        learning_rate: of the weights.
        weight_decay: of the weights.
        momentum: of "sgd"; the first beta of the others.
        shape_rate: the rate of the functions' own parameters in units of `learning_rate`.
    """
    weights = {"params": model.weights(), "weight_decay": weight_decay, "share": 1.0}
    shape = {"params": list(model.shape_parameters().values()), "weight_decay": 0.0,
             "share": shape_rate}  # fmt: skip
    groups = [group for group in (weights, shape) if group["params"]]
    return OPTIMIZERS[name].make(groups, lr=learning_rate, momentum=momentum)


def _cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))


def _constant(_: float) -> float:
    return 1.0


def _steps(progress: float) -> float:
    return float(0.2 ** sum(progress > place for place in (0.3, 0.6, 0.8)))


# The factor on the rate after the warm-up. "steps" is that of wide residual networks, x0.2 after
# 60, 120 and 160 of 200 epochs.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": _cosine,
    "constant": _constant,
    "steps": _steps,
}


def schedule(
    progress: float, shape: str = Recipe.schedule, warm_up: float = Recipe.warm_up
) -> float:
    """Return the factor on the learning rate: linear warm-up, then half a cosine down to 0.

    Args:
        progress: the part of all steps that is done, from 0 to 1.
        shape: another one of `SCHEDULES` after the warm-up.
        warm_up: the part of all steps in which the rate rises, from 0 to below 1.

    >>> [round(schedule(p), 3) for p in (0.0, 0.025, 0.05, 0.525, 1.0)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    >>> [round(schedule(p, "steps", warm_up=0.0), 3) for p in (0.0, 0.5, 0.7, 0.9)]
    [1.0, 0.2, 0.04, 0.008]
    """
    if progress < warm_up:
        return progress / warm_up
    return SCHEDULES[shape]((progress - warm_up) / (1 - warm_up))
