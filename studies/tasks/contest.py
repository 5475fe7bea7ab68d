"""Networks or optimisers side by side, where no plan of a study can describe the difference.

Every arm trains on the same images in the same order from a start of the same seed. Where a recipe
has several learning rates, each arm takes the one that is best on the validation set in a run of
its own, with a seed that is used for nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from actlas.study import Data, Split
from actlas.study.tasks import find_task, load_data

TUNING_SEED = 1_000
Build = Callable[[], nn.Module]
Make = Callable[[nn.Module, float], Optimizer]
Factor = Callable[[float], float]


def sgd(network: nn.Module, rate: float, weight_decay: float = 1e-4) -> Optimizer:
    """Return SGD with a momentum of 0.9."""
    return SGD(network.parameters(), rate, momentum=0.9, weight_decay=weight_decay)


def adam(network: nn.Module, rate: float) -> Optimizer:
    """Return Adam as PyTorch has it."""
    return Adam(network.parameters(), rate)


def warm_cosine(done: float) -> float:
    """Return the factor on the rate where this part of all steps is done: 5 % warm-up, cosine.

    >>> warm_cosine(0.0), warm_cosine(0.05), round(warm_cosine(1.0), 9)
    (0.0, 1.0, 0.0)
    """
    if done < 0.05:
        return done / 0.05
    return (1 + math.cos(math.pi * (done - 0.05) / 0.95)) / 2


@dataclass(frozen=True)
class Recipe:
    """How every arm is trained; `selection` says which epoch is tested."""

    epochs: int
    rates: tuple[float, ...]
    batch: int = 64
    make: Make = sgd
    factor: Factor = warm_cosine
    clip: float = 0.0
    selection: Literal["last", "validation", "test"] = "validation"


@dataclass
class Contest:
    """Arms by label, each a network and, where it has one of its own, an optimiser."""

    arms: Mapping[str, Build]
    data: Callable[[], Data]
    recipe: Recipe
    makes: Mapping[str, Make] = field(default_factory=dict)
    chosen: dict[str, float] = field(default_factory=dict)

    def scores(self, seed: int) -> Iterator[tuple[str, float]]:
        """Give the test accuracy of every arm, in points."""
        for label in self.arms:
            yield label, self._run(label, self._rate(label), seed)[1]

    def _rate(self, label: str) -> float:
        rates = self.recipe.rates
        if label not in self.chosen:
            tried = {rate: self._run(label, rate, TUNING_SEED)[0] for rate in rates[1:] and rates}
            self.chosen[label] = max(tried, key=tried.__getitem__, default=rates[0])
        return self.chosen[label]

    def _run(self, label: str, rate: float, seed: int) -> tuple[float, float]:
        make = self.makes.get(label, self.recipe.make)
        return trained(self.arms[label], make, self.data(), self.recipe, rate, seed)


def trained(
    build: Build, make: Make, data: Data, recipe: Recipe, rate: float, seed: int
) -> tuple[float, float]:
    """Train a network and return its validation and test accuracy, in points."""
    best, scores = -1.0, (0.0, 0.0)
    for epoch, network in enumerate(epochs(build, make, data.train, recipe, rate, seed)):
        judged = _judged(network.eval(), data, recipe, epoch)
        if judged > best:
            best = judged
            scores = accuracy(network, data.validation), accuracy(network, data.test)
    return scores


def epochs(
    build: Build, make: Make, split: Split, recipe: Recipe, rate: float, seed: int
) -> Iterator[nn.Module]:
    """Train a network and give it after every epoch; start, order and draws are the seed's."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build()
        optimizer = make(network, rate)
        order = torch.Generator().manual_seed(seed)
        for epoch in range(recipe.epochs):
            _epoch(network.train(), optimizer, split, recipe, rate, epoch, order)
            yield network


def _judged(network: nn.Module, data: Data, recipe: Recipe, epoch: int) -> float:
    """Return what an epoch is chosen by; the first of the best ones is tested."""
    if recipe.selection == "last":
        return 0.0 if epoch == recipe.epochs - 1 else -1.0
    return accuracy(network, data.validation if recipe.selection == "validation" else data.test)


def _epoch(
    network: nn.Module, optimizer: Optimizer, split: Split, recipe: Recipe, rate: float,
    epoch: int, order: torch.Generator,
) -> None:  # fmt: skip
    batches = torch.randperm(len(split), generator=order).split(recipe.batch)
    for step, batch in enumerate(batches):
        done = (epoch + step / len(batches)) / recipe.epochs
        for group in optimizer.param_groups:
            group["lr"] = rate * recipe.factor(done)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(split.inputs[batch]), split.targets[batch])
        loss.backward()
        if recipe.clip:
            nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
        optimizer.step()


@torch.no_grad()
def accuracy(network: nn.Module, split: Split) -> float:
    """Return the accuracy in points."""
    parts = [network(part) for part in split.inputs.split(1000)]
    right = torch.cat(parts).argmax(dim=1) == split.targets
    return 100 * right.double().mean().item()


@cache
def part_of(name: str, train: int, validation: int, test: int, side: int = 0) -> Data:
    """Return the first examples of a task's three parts, as its network sees them.

    Args:
        name: of the task.
        train, validation, test: how many examples of each part, if there are so many.
        side: to which images are shrunk by averages, with zeros around them to 32 pixels; 0
            leaves them as they are.
    """
    task, data = find_task(name), load_data(name, None)

    def ready(split: Split, count: int) -> Split:
        inputs = task.transform(split.inputs[:count])
        return Split(_shrunk(inputs, side) if side else inputs, split.targets[:count])

    return Data(
        ready(data.train, train), ready(data.validation, validation), ready(data.test, test)
    )


def _shrunk(images: Tensor, side: int) -> Tensor:
    edge = (32 - images.shape[-1]) // 2
    padded = nn.functional.pad(images, (edge, edge, edge, edge))
    return nn.functional.avg_pool2d(padded, 32 // side)
