"""Logical units beside ReLU in perceptrons of equal size: digits, and the parity of five bits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from torch import nn

from actlas.models.logic import logic_mlp
from studies.tasks.contest import Contest, Recipe, adam, part_of

_RECIPE = Recipe(epochs=30, rates=(0.001, 0.003, 0.01), batch=50, make=adam, clip=1.0)


def _logical(inputs: int, classes: int, hidden: tuple[int, int]) -> nn.Module:
    return logic_mlp(inputs=inputs, classes=classes, hidden=hidden, normalized=True)


def _relu(inputs: int, classes: int, hidden: tuple[int, int]) -> nn.Module:
    return logic_mlp(inputs=inputs, classes=classes, hidden=hidden, activation="relu")


# Pairs share a pre-activation's output, so equal numbers of weights mean more pre-activations.
_DIGITS = Contest(
    {"logic": partial(_logical, 64, 10, (84, 72)), "relu": partial(_relu, 64, 10, (64, 64))},
    partial(part_of, "digits", 897, 300, 600), _RECIPE,
)  # fmt: skip
_PARITY = Contest(
    {"logic": partial(_logical, 5, 2, (36, 54)), "relu": partial(_relu, 5, 2, (32, 32))},
    partial(part_of, "parity-5", 1_000, 1_000, 4_000), _RECIPE,
)  # fmt: skip


def digits(seed: int) -> Iterator[tuple[str, float]]:
    """Give the accuracy on digits with logical units and with ReLU, each at its own rate."""
    return _DIGITS.scores(seed)


def parity(seed: int) -> Iterator[tuple[str, float]]:
    """Give the accuracy on the parity of five bits."""
    return _PARITY.scores(seed)
