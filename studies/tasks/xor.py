"""Exclusive or by a single neuron: how often does training find it?

The neuron is f(w . x + b). Its class is the sign of f, as in the papers on oscillating functions;
or the sign of a f + c with two more learned numbers, which is the threshold that any classifier
has.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from actlas.study import Data, Metric, Split, Task

_REPEATS = 32  # an epoch is 8 steps of 16 examples


def _data(_: Path | None) -> Data:
    corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    classes = torch.tensor([0.0, 1.0, 1.0, 0.0])
    once = Split(corners, classes)
    return Data(Split(corners.repeat(_REPEATS, 1), classes.repeat(_REPEATS)), once, once)


def _solved(outputs: Tensor, targets: Tensor) -> float:
    """Return 100 where all four corners are on the right side, else 0."""
    return 100.0 * bool(((outputs > 0) == (targets > 0.5)).all())


class _Neuron(nn.Module):
    def __init__(self, activation: nn.Module, threshold: bool) -> None:
        super().__init__()
        self.linear, self.activation = nn.Linear(2, 1), activation
        self.output = nn.Linear(1, 1) if threshold else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.output(self.activation(self.linear(x)))
        return y.squeeze(1)


def _task(name: str, threshold: bool) -> Task:
    def network(activation: Callable[[], nn.Module]) -> nn.Module:
        return _Neuron(activation(), threshold)

    decision = "a threshold on f" if threshold else "the sign of f"
    return Task(
        name=f"studies.tasks.xor:{name}",
        title=f"exclusive or by one neuron, decided by {decision}",
        data=_data,
        network=network,
        epochs=25,
        batch_size=16,
        practical_difference=10.0,
        metric=Metric("solved", "% of starts", _solved, worst=0.0),
        loss=nn.functional.binary_cross_entropy_with_logits,
        learning_rates={"sgd": 0.3, "adam": 0.05, "adamw": 0.05},
        limits=("Four points: it says what a neuron can represent and find, nothing more.",),
    )


SIGN = _task("SIGN", threshold=False)
THRESHOLD = _task("THRESHOLD", threshold=True)
