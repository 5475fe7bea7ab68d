"""The optimisers on a matrix that holds one run in every row, each with its own learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from actlas.errors import ActlasError

_TINY = 1e-6  # what torch.nn.utils.clip_grad_norm_ adds to a norm


@dataclass
class RowOptimizer:
    """PyTorch's optimiser of the same settings, for all rows of a matrix at once.

    Args:
        like: made for one of the runs; its settings are taken over.
        weight_decay: of the columns that decay; of shape (runs, 1) where the runs differ in it.
        decaying: how many columns decay: the first ones. The others are shape parameters.
    """

    like: torch.optim.Optimizer
    weight_decay: float | Tensor
    decaying: int
    _moments: list[Tensor] = field(default_factory=list)
    _steps: int = 0

    def step(self, weights: Tensor, gradient: Tensor, rates: Tensor) -> None:
        """Change `weights` in place; `gradient` (runs, weights) is used up.

        Args:
            weights: one run per row.
            gradient: of the same shape.
            rates: the learning rate of every row, of shape (runs, 1), or of every number.
        """
        settings, rule = self.like.defaults, _rule(self.like)
        if isinstance(self.weight_decay, Tensor) or self.weight_decay:
            own = weights[:, : self.decaying]
            if settings.get("decoupled_weight_decay"):
                own.mul_(1 - rates[:, : self.decaying] * self.weight_decay)
            elif isinstance(self.weight_decay, Tensor):
                gradient[:, : self.decaying].addcmul_(own, self.weight_decay)
            else:
                gradient[:, : self.decaying].add_(own, alpha=self.weight_decay)
        if not self._moments:
            self._moments = [torch.zeros_like(weights) for _ in range(rule.moments)]
        self._steps += 1
        rule.apply(weights, gradient, rates, self._moments, settings, self._steps)

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the rows alone."""
        self._moments = [moment[rows] for moment in self._moments]
        if isinstance(self.weight_decay, Tensor):
            self.weight_decay = self.weight_decay[rows]

    def forget(self) -> None:
        """Begin anew."""
        self._moments, self._steps = [], 0


def clip_rows_(gradient: Tensor, limit: float) -> None:
    """Scale every row down to the norm `limit`, as torch.nn.utils.clip_grad_norm_ does for one."""
    norms = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
    gradient.mul_((limit / (norms + _TINY)).clamp_(max=1.0))


def _sgd(
    weights: Tensor, gradient: Tensor, rates: Tensor, moments: list[Tensor],
    settings: Mapping[str, Any], _: int,
) -> None:  # fmt: skip
    velocity = moments[0].mul_(settings["momentum"]).add_(gradient)
    weights.addcmul_(velocity, rates, value=-1)


def _adam(
    weights: Tensor, gradient: Tensor, rates: Tensor, moments: list[Tensor],
    settings: Mapping[str, Any], step: int,
) -> None:  # fmt: skip
    """Kingma and Ba, 2015, algorithm 1."""
    first, second = settings["betas"]
    mean = moments[0].lerp_(gradient, 1 - first)
    square = moments[1].mul_(second).addcmul_(gradient, gradient, value=1 - second)
    scale = square.sqrt().div_(math.sqrt(1 - second**step)).add_(settings["eps"])
    weights.addcmul_(torch.div(mean, scale, out=scale), rates, value=-1 / (1 - first**step))


@dataclass(frozen=True)
class _Rule:
    moments: int
    apply: Callable[[Tensor, Tensor, Tensor, list[Tensor], Mapping[str, Any], int], None]


_RULES: dict[type[torch.optim.Optimizer], _Rule] = {
    torch.optim.SGD: _Rule(1, _sgd),
    torch.optim.Adam: _Rule(2, _adam),  # AdamW is a kind of Adam, and says so in its settings
}


def _rule(like: torch.optim.Optimizer) -> _Rule:
    for kind, rule in _RULES.items():
        if isinstance(like, kind):
            return rule
    raise ActlasError(f"{type(like).__name__} trains one model at a time")
