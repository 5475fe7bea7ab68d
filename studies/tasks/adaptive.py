"""Adaptive functions for regression and differential equations: learned slopes, learned waves.

JUMP is a function with a jump and two frequencies; its formula is ours, after the first example of
Jagtap et al. 2020. A network with slopes adds the term of slope recovery to the loss: while it
trains it gives the term beside its output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from actlas.models.pinn import PINN, pinn
from actlas.study import Data, Split, Task
from studies.tasks.poisson import POISSON, PoissonNetwork

Activation = Callable[[], nn.Module]

_POINTS, _REPEATS = 300, 20  # an epoch is 60 steps of 100 points


def jump(x: Tensor) -> Tensor:
    """Return 0.2 sin 6x to the left of 0, 1 + 0.1 x cos 14x to the right of it."""
    return torch.where(x <= 0, 0.2 * torch.sin(6 * x), 1 + 0.1 * x * torch.cos(14 * x))


def _data(_: Path | None) -> Data:
    parts = [_grid(count) for count in (_POINTS, 211, 997)]
    train = parts[0]
    repeated = Split(train.inputs.repeat(_REPEATS, 1), train.targets.repeat(_REPEATS, 1))
    return Data(repeated, *parts[1:])


def _grid(count: int) -> Split:
    x = torch.linspace(-3, 3, count)[:, None]
    return Split(x, jump(x))


def _loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the squared error, and what stands in further columns besides."""
    return nn.functional.mse_loss(outputs[:, :1], targets) + outputs[:, 1:].sum() / len(outputs)


class _Recovering(nn.Module):
    """Gives the term of slope recovery in a second column while it trains."""

    def __init__(self, net: PINN) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        u: Tensor = self.net(x)
        if not self.training:
            return u
        return torch.cat([u, self.net.slope_recovery().expand(len(u), 1)], dim=1)


def _fixed(activation: Activation) -> nn.Module:
    return pinn(activation, inputs=1, width=30, layers=3, order=0)


def _sloped(activation: Activation) -> nn.Module:
    return _Recovering(pinn(activation, inputs=1, width=30, layers=3, order=0, adaptive="neuron"))


JUMP = Task(
    name="studies.tasks.adaptive:JUMP",
    title="a function with a jump (perceptron of 3 layers of 30)",
    data=_data,
    network=_fixed,
    epochs=15,
    batch_size=100,
    practical_difference=1.0,
    metric=POISSON.metric,
    loss=_loss,
    optimizer="adam",
    learning_rates={"sgd": 0.01, "adam": 0.003, "adamw": 0.003},
    limits=("One function of one number, without noise.",),
)
JUMP_SLOPES = replace(
    JUMP, name="studies.tasks.adaptive:JUMP_SLOPES", network=_sloped,
    title="a function with a jump (a learned slope for every neuron)",
)  # fmt: skip


def _smooth(activation: Activation) -> nn.Module:
    return PoissonNetwork(pinn(activation, inputs=1, width=20, layers=2))


def _rowdy(activation: Activation) -> nn.Module:
    body = pinn(activation, inputs=1, width=20, layers=2, adaptive="layer", rowdy=3)
    return PoissonNetwork(body)


POISSON_FIXED = replace(POISSON, name="studies.tasks.adaptive:POISSON_FIXED", network=_smooth)
POISSON_ROWDY = replace(
    POISSON, name="studies.tasks.adaptive:POISSON_ROWDY", network=_rowdy,
    title="Poisson's equation in one dimension (PINN with three Rowdy waves)",
)  # fmt: skip
