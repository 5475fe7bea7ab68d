"""Schedules of the Langevin optimisers: slowly falling step size and noise.

Paper: Bras, arXiv 2212.14718, in the published code: with n steps made and c = 20 epochs of
steps, lr_n = lr_0/(1 + n/c) and sigma_n = sigma_0/sqrt(log(n/c + e)), 40 epochs, batches of 512.

Deviations:
    None. `rate_factor` goes into torch.optim.lr_scheduler.LambdaLR, which knows no sigma.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from torch.optim import Optimizer

from actlas.errors import ActlasError
from actlas.training.langevin import Langevin


def rate_factor(step: int, scale: float) -> float:
    """Return the paper's factor on the learning rate, 1/(1 + step/scale).

    >>> rate_factor(20, 20)
    0.5
    """
    return 1 / (1 + step / scale)


def sigma_factor(step: int, scale: float) -> float:
    """Return the paper's factor on sigma, 1/sqrt(log(step/scale + e)).

    >>> round(sigma_factor(20, 20), 4)
    0.8726
    """
    return 1 / math.sqrt(math.log(step / scale + math.e))


class SigmaSchedule:
    """Sets the sigma of every group to its first value times factor(step).

    Args:
        optimizer: one of the Langevin optimisers.
        factor: a function of the number of steps made.

    >>> import torch
    >>> from actlas.training.langevin import LangevinSGD
    >>> weight = torch.nn.Parameter(torch.zeros(1))
    >>> optimizer = LangevinSGD([weight], sigma=1.0)
    >>> schedule = SigmaSchedule(optimizer, lambda step: sigma_factor(step, 20))
    >>> schedule.step()
    >>> round(optimizer.param_groups[0]["sigma"], 4)
    0.991
    """

    def __init__(self, optimizer: Optimizer, factor: Callable[[int], float]) -> None:
        if not isinstance(optimizer, Langevin):
            raise ActlasError(f"{type(optimizer).__name__} has no sigma; the optimisers with noise "
                              "are LangevinSGD, LangevinRMSprop, LangevinAdam and "
                              "LangevinAdadelta")  # fmt: skip
        self.optimizer, self.factor, self.steps = optimizer, factor, 0
        self._set()

    def step(self) -> None:
        """Go one step on."""
        self.steps += 1
        self._set()

    def _set(self) -> None:
        for group in self.optimizer.param_groups:
            first = group.setdefault("initial_sigma", group["sigma"])  # of a group added later too
            group["sigma"] = first * self.factor(self.steps)

    def state_dict(self) -> dict[str, int]:
        """Return the number of steps."""
        return {"steps": self.steps}

    def load_state_dict(self, state_dict: Mapping[str, int]) -> None:
        """Go on from a number of steps."""
        self.steps = state_dict["steps"]
        self._set()
