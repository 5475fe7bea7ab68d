"""A task of your own: your data, your network, and the question which function to use in it.

Run it from this folder:

    actlas compare --task own_task:waves --activations relu,tanh,silu,snake --seeds 5 --out out

The task is a plain value; everything it needs is a function. This one fits a wave with noise by
a small network, so its metric is an error, and lower is better.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from actlas.study import Data, Metric, Split, Task


def data(_: Path | None) -> Data:
    """Return 512, 256 and 1,024 points of a noisy wave; the same ones every time."""
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(1792, 1, generator=generator) * 6 - 3
    noise = 0.1 * torch.randn(1792, 1, generator=generator)
    y = torch.sin(3 * x) * torch.exp(-0.2 * x.square()) + noise
    return Data(*map(Split, x.split((512, 256, 1024)), y.split((512, 256, 1024))))


def network(activation: Callable[[], nn.Module]) -> nn.Module:
    """Return the network; `activation()` makes a fresh module of the function under study."""
    return nn.Sequential(
        nn.Linear(1, 64), activation(), nn.Linear(64, 64), activation(), nn.Linear(64, 1)
    )


def root_mean_square(outputs: Tensor, targets: Tensor) -> float:
    """Return the error in the unit of y; 0.1 is the noise."""
    return (outputs - targets).square().mean().sqrt().item()


waves = Task(
    name="waves",
    title="a noisy wave",
    data=data,
    network=network,
    epochs=60,
    batch_size=64,
    learning_rates={"sgd": 0.1, "adam": 0.01, "adamw": 0.01},
    metric=Metric("error", "units", root_mean_square, worst=10.0, higher_is_better=False),
    loss=nn.functional.mse_loss,
    practical_difference=0.005,
    limits=("One curve on one interval: nothing here speaks of images, text or deep networks.",),
)
