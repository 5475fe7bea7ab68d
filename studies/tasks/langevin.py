"""Layer Langevin Adam beside Adam, in a deep and in a shallow perceptron: what the noise gains."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import nn
from torch.optim import Adam, Optimizer

from actlas.models.mlp import mlp
from actlas.training.langevin import LangevinAdam
from actlas.training.langevin_layers import deepest_layers, layer_groups
from studies.tasks.contest import Contest, Recipe, part_of

_LAYERS = {"20 layers": 20, "3 layers": 3}
_SHARE, _SIGMA = 0.3, 5e-3  # of the layers, from the input on; of the noise, as published


def _adam(network: nn.Module, rate: float) -> Optimizer:
    return Adam(network.parameters(), rate, eps=1e-6)  # the epsilon of the published code


def _layer_langevin(network: nn.Module, rate: float) -> Optimizer:
    noisy = deepest_layers(network, _SHARE)
    draws = torch.Generator().manual_seed(torch.initial_seed())
    groups = layer_groups(network, noisy)
    return LangevinAdam(groups, rate, _SIGMA, generator=draws)


def _falling(done: float) -> float:
    """Return the factor of the published schedule, 1/(1 + n/c), c half of the training."""
    return 1 / (1 + 2 * done)


def _build(layers: int) -> nn.Module:
    return mlp(784, (64,) * layers, 10)


def _contest(layers: int, recipe: Recipe) -> Contest:
    build = partial(_build, layers)
    return Contest(
        {"noise": build, "plain": build}, partial(part_of, "fashion-mnist", 3_000, 1_000, 5_000),
        recipe, makes={"noise": _layer_langevin, "plain": _adam},
    )  # fmt: skip


_AS_PUBLISHED = Recipe(
    epochs=8, rates=(5e-3,), batch=128, make=_adam, factor=_falling, selection="last"
)
_FAIR = Recipe(epochs=8, rates=(5e-4, 1.5e-3, 5e-3), batch=128, make=_adam, clip=1.0)


def _contests(recipe: Recipe) -> dict[str, Contest]:
    return {label: _contest(layers, recipe) for label, layers in _LAYERS.items()}


_PUBLISHED_CONTESTS, _FAIR_CONTESTS = _contests(_AS_PUBLISHED), _contests(_FAIR)


def as_published(seed: int) -> Iterator[tuple[str, float]]:
    """Give what the noise gains at both depths, in points, by the published recipe."""
    return _gains(_PUBLISHED_CONTESTS, seed)


def fair(seed: int) -> Iterator[tuple[str, float]]:
    """Give the same with a learning rate of its own for both optimisers and depths."""
    return _gains(_FAIR_CONTESTS, seed)


def _gains(contests: dict[str, Contest], seed: int) -> Iterator[tuple[str, float]]:
    for label, contest in contests.items():
        scores = dict(contest.scores(seed))
        yield f"gain with {label}", scores["noise"] - scores["plain"]
    yield "no gain", 0.0
