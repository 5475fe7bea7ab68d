"""Layer-wise re-initialisation on 500 images: what was measured, and each arm at its own rate."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import torch
from torch import nn
from torch.optim import SGD

from actlas.study import Split
from actlas.training import LayerwiseNetwork, layerwise_reinitialisation
from benchmarks.reinitialisation import RESULT, ROUNDS, blocks, trainer
from studies.tasks.contest import TUNING_SEED, accuracy, part_of

_EPOCHS, _IMAGES, _WIDTH = 6, 500, 8
_RATES = (0.02, 0.05, 0.1)
_ARMS = ("rounds", "straight")


def measured(seed: int) -> Iterator[tuple[str, float]]:
    """Give the accuracies that the benchmark kept: one rate for both, 50 epochs in all."""
    run = json.loads(Path(RESULT).read_text(encoding="utf-8"))["runs"][seed]
    for label in _ARMS:
        yield label, run[label]["accuracy"]


def fair(seed: int) -> Iterator[tuple[str, float]]:
    """Give the accuracy of rounds and of training in one go, each at its own rate."""
    for label in _ARMS:
        yield label, _run(label, _rate(label), seed)[1]


@cache
def _rate(label: str) -> float:
    """Return the rate that is best on the validation images, in runs of their own."""
    return max(_RATES, key=lambda rate: _run(label, rate, TUNING_SEED)[0])


def _run(label: str, rate: float, seed: int) -> tuple[float, float]:
    """Train one arm on images of its seed; return validation and test accuracy in points."""
    data = part_of("fashion-mnist", 20_000, 1_000, 4_000, side=16)
    draws = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(data.train), generator=draws)[:_IMAGES]
    few = Split(data.train.inputs[chosen], data.train.targets[chosen])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _trained(label, few, rate, seed).eval()
    return accuracy(network, data.validation), accuracy(network, data.test)


def _trained(label: str, few: Split, rate: float, seed: int) -> nn.Module:
    make = partial(SGD, lr=rate, momentum=0.9, weight_decay=1e-4)
    if label == "straight":
        network = LayerwiseNetwork(blocks(_WIDTH))
        optimizer = make(network.parameters())
        trainer(few.inputs, few.targets, ROUNDS * _EPOCHS, seed)(network, optimizer)
        return network
    run = trainer(few.inputs, few.targets, _EPOCHS, seed)
    network, _ = layerwise_reinitialisation(
        blocks(_WIDTH), lambda net, optimizer, _: run(net, optimizer), make
    )
    return network
