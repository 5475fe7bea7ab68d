"""Two tasks that are trained in a blink, for tests of studies with several: one each way."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import Tensor

from actlas.study import Data, Metric, Split, Task
from actlas.study.tasks._networks import mlp

_SIZES = (60, 30, 30)


def _points(seed: int) -> Tensor:
    return torch.randn(sum(_SIZES), 2, generator=torch.Generator().manual_seed(seed))


def _parts(inputs: Tensor, targets: Tensor) -> Data:
    return Data(*map(Split, inputs.split(_SIZES), targets.split(_SIZES)))


def _signs(_: Path | None = None) -> Data:
    points = _points(0)
    return _parts(points, (points.prod(dim=1) > 0).long())


def _bumps(_: Path | None = None) -> Data:
    points = _points(1)
    return _parts(points, torch.exp(-points.square().sum(dim=1, keepdim=True)))


def _error(outputs: Tensor, targets: Tensor) -> float:
    return (outputs - targets).square().mean().sqrt().item()


signs = Task(
    name="signs",
    title="sign of a product",
    data=_signs,
    network=mlp(2, 8, 2),
    epochs=2,
    batch_size=20,
    practical_difference=1.0,
    limits=("Points that were drawn.",),
)
bumps = dataclasses.replace(
    signs,
    name="bumps",
    title="a bump",
    data=_bumps,
    network=mlp(2, 8, 1),
    practical_difference=0.02,
    metric=Metric("error", "units", _error, worst=10.0, higher_is_better=False),
    loss=torch.nn.functional.mse_loss,
    limits=("A curve that was made up.",),
)
