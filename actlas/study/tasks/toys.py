"""Points in the plane and corners of a cube, drawn from a fixed generator: moons, spirals, parity.

The best possible accuracy is known where noise blurs the classes: 98.8 % for XOR (noise 0.4),
99.8 % for the parity of five bits (0.3), 97.2 % for the two moons (0.2).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from actlas.study.tasks._networks import mlp
from actlas.study.tasks._protocol import Data, Split, Task
from actlas.study.tasks._registry import register

Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]

_SIZES = (1000, 1000, 4000)  # training, validation, test: 1 point is 0.025 of the test's points


def moons(draws: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points on two half circles that reach into each other, with noise of 0.2."""
    labels, angle = draws.integers(0, 2, count), np.pi * draws.random(count)
    upper = np.stack([np.cos(angle), np.sin(angle)], 1)
    points = np.where(labels[:, None] == 0, upper, np.array([1.0, 0.5]) - upper)
    return points + 0.2 * draws.standard_normal(points.shape), labels


def spirals(draws: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points on two arms of a spiral of 1.75 turns and radius 1, with noise of 0.02.

    Source: the problem of Lang and Witbrock 1988, with other turns, and noise.
    """
    labels, radius = draws.integers(0, 2, count), np.sqrt(draws.random(count))
    angle = 2 * np.pi * (1.75 * radius + labels / 2)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return points + 0.02 * draws.standard_normal(points.shape), labels


def parity(
    bits: int, noise: float, draws: np.random.Generator, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return corners of {-1, 1}^bits with noise; the label says if the number of ones is odd."""
    ones = draws.integers(0, 2, (count, bits))
    return 2 * ones - 1 + noise * draws.standard_normal(ones.shape), ones.sum(1) % 2


def load(draw: Draw, _: Path | None = None) -> Data:
    """Return 1,000, 1,000 and 4,000 points of a problem.

    >>> load(moons).test.inputs.shape
    torch.Size([4000, 2])
    """
    draws = np.random.default_rng(0)
    parts = [draw(draws, size) for size in _SIZES]
    return Data(*(Split(torch.tensor(x, dtype=torch.float32), torch.tensor(y)) for x, y in parts))


def _register(name: str, title: str, draw: Draw, inputs: int, hidden: int, epochs: int) -> None:
    register(
        Task(
            name=name,
            title=title,
            source="drawn from a fixed generator",
            data=partial(load, draw),
            network=mlp(inputs, hidden, hidden, 2),
            architecture=f"MLP {inputs}-{hidden}-{hidden}-2",
            epochs=epochs,
            batch_size=50,
            learning_rates={"sgd": 0.1, "adam": 0.005, "adamw": 0.005},
            practical_difference=0.5,
            exchangeable=True,
            limits=("A toy: nothing here speaks of real data.",),
            network_limits=(f"Two hidden layers of {hidden} units.",),
        )
    )


_register("two-moons", "two moons", moons, inputs=2, hidden=16, epochs=30)
_register("spirals", "two spirals", spirals, inputs=2, hidden=32, epochs=60)
_register("xor", "XOR with noise", partial(parity, 2, 0.4), inputs=2, hidden=8, epochs=30)
_register("parity-5", "parity of five bits", partial(parity, 5, 0.3), 5, hidden=32, epochs=60)
