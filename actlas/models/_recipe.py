"""How a paper trained its network: numbers, and the optimiser that they describe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Recipe:
    """Stochastic gradient descent with momentum, and a rate that falls in steps.

    `drops` are the epochs at which the rate is multiplied by `factor`; `mean` and `deviation` are
    those of the channels, of pixels in [0, 1]; `augmentation` is a sentence.

    >>> recipe = Recipe(0.1, 5e-4, 200, (60, 120), 0.2)
    >>> [round(recipe.rate(epoch), 4) for epoch in (0, 59, 60, 120)]
    [0.1, 0.1, 0.02, 0.004]
    """

    learning_rate: float
    weight_decay: float
    epochs: int
    drops: tuple[int, ...]
    factor: float
    batch_size: int = 128
    momentum: float = 0.9
    nesterov: bool = True
    dropout: float = 0.0
    input_dropout: float = 0.0
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    augmentation: str = "none"

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        return float(self.learning_rate * self.factor ** sum(epoch >= drop for drop in self.drops))

    def optimizer(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.SGD:
        """Return the optimiser at the first epoch's rate."""
        return torch.optim.SGD(
            parameters, lr=self.learning_rate, momentum=self.momentum,
            weight_decay=self.weight_decay, nesterov=self.nesterov,
        )  # fmt: skip

    def scheduler(self, optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.MultiStepLR:
        """Return what lowers the rate, to be stepped once per epoch."""
        return torch.optim.lr_scheduler.MultiStepLR(optimizer, list(self.drops), self.factor)
