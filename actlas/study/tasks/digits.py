"""Handwritten digits that travel with the package: a study that needs nothing else."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from actlas.study.tasks._networks import mlp
from actlas.study.tasks._protocol import Data, Published, Split, Task
from actlas.study.tasks._registry import register

_TRAIN, _VALIDATION = 897, 300  # the other 600 are the test set: 1 image is 0.17 points


def load(_: Path | None = None) -> Data:
    """Return the 1,797 digits, shuffled once and cut in 897, 300 and 600.

    >>> load().test.inputs.shape
    torch.Size([600, 64])
    """
    with (files("actlas.data") / "digits.npz").open("rb") as stored:
        arrays = np.load(stored)
        images, labels = arrays["images"], arrays["labels"]
    order = np.random.default_rng(0).permutation(len(labels))
    inputs = torch.tensor(images[order].reshape(-1, 64), dtype=torch.float32)
    targets = torch.tensor(labels[order], dtype=torch.int64)
    known = inputs[:_TRAIN]
    inputs = (inputs - known.mean()) / known.std()
    sizes = (_TRAIN, _VALIDATION, len(targets) - _TRAIN - _VALIDATION)
    return Data(*map(Split, inputs.split(sizes), targets.split(sizes)))


register(
    Task(
        name="digits",
        title="handwritten digits",
        source="embedded: Alpaydin and Kaynak 1998, optical recognition of digits",
        data=load,
        network=mlp(64, 64, 10),
        architecture="MLP 64-64-10",
        epochs=20,
        batch_size=64,
        learning_rates={"sgd": 0.16, "adam": 0.01, "adamw": 0.01},
        practical_difference=0.5,
        exchangeable=True,
        limits=(
            "897 training images: nothing here speaks of large data.",
            "The test set is fixed, and the same writers may appear in all three parts.",
        ),
        network_limits=(
            "One hidden layer of 64 units: nothing here speaks of deep or large networks.",
        ),
        published=Published(
            97.0,
            "support vector machine, trained on the first half",
            "scikit-learn's example plot_digits_classification",
        ),
    )
)
