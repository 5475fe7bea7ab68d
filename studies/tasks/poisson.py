"""Poisson's equation u'' = g on [0, 1] by a physics-informed network, u(0) = u(1) = 0.

While it trains, the network gives u'' at points inside and 10 u at the two ends; else it gives u.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from actlas.models.pinn import partials
from actlas.study import Data, Metric, Split, Task

_INSIDE, _ENDS, _REPEATS = 60, 10, 20  # an epoch is 20 steps of 80 points
_WORST = 1000.0


def _solution(x: Tensor) -> Tensor:
    return torch.sin(2 * math.pi * x)


def _data(_: Path | None) -> Data:
    inside = (torch.arange(_INSIDE, dtype=torch.float32) + 0.5) / _INSIDE
    ends = torch.tensor([0.0, 1.0]).repeat(_ENDS)
    points = torch.cat([inside, ends])
    at_end = torch.cat([torch.zeros(_INSIDE), torch.ones(2 * _ENDS)])
    wanted = torch.where(at_end > 0, 0.0, -((2 * math.pi) ** 2) * _solution(points))
    inputs = torch.stack([points, at_end], dim=1)
    train = Split(inputs.repeat(_REPEATS, 1), wanted[:, None].repeat(_REPEATS, 1))
    return Data(train, _grid(97), _grid(201))


def _grid(count: int) -> Split:
    x = torch.linspace(0, 1, count)[:, None]
    return Split(torch.cat([x, torch.zeros_like(x)], dim=1), _solution(x))


def _relative_error(outputs: Tensor, targets: Tensor) -> float:
    return min(_WORST, 100.0 * float((outputs - targets).norm() / targets.norm()))


class PoissonNetwork(nn.Module):
    """Gives u while it is scored, and what the equation asks for while it trains."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, inputs: Tensor) -> Tensor:
        x, at_end = inputs[:, :1], inputs[:, 1:]
        if not self.training:
            u: Tensor = self.body(x)
            return u
        u, curvature = partials(self.body, x, (), (0, 0))
        return torch.where(at_end > 0, 10 * u, curvature)


def _network(activation: Callable[[], nn.Module]) -> nn.Module:
    width, layers = 20, 2
    body: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise([1, *[width] * layers]):
        body += [nn.Linear(fan_in, fan_out), activation()]
    return PoissonNetwork(nn.Sequential(*body, nn.Linear(width, 1)))


POISSON = Task(
    name="studies.tasks.poisson:POISSON",
    title="Poisson's equation in one dimension (PINN of 2 layers of 20)",
    data=_data,
    network=_network,
    epochs=10,
    batch_size=80,
    practical_difference=1.0,
    metric=Metric("relative error", "%", _relative_error, _WORST, higher_is_better=False),
    loss=nn.functional.mse_loss,
    learning_rates={"sgd": 1e-4, "adam": 0.01, "adamw": 0.01},
    limits=("One smooth solution in one dimension.",),
)
