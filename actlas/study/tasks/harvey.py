"""Hurricane Harvey: is the building in a satellite image damaged by the flood?"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from actlas.study.tasks._files import DataFile, data_folder
from actlas.study.tasks._networks import cnn
from actlas.study.tasks._protocol import Data, Metric, Split, Task
from actlas.study.tasks._registry import register
from actlas.training.damage_data import harvey
from actlas.training.imbalance import metrics

FILE = DataFile(
    "harvey_sample.zip", "655071d1a72bf8cb9282f570368cc85123ae8e68ac7b454bdbdffc594f7ae771"
)
FOLDER, SIZE = "harvey-damage", 64


def load(data_root: Path | None) -> Data:
    """Return 1,280, 320 and 600 images, (n, 3, SIZE, SIZE), standardised by the training part."""
    folder = data_folder(data_root, FOLDER, "Harvey damage")
    FILE.read(folder)  # only for its checksum
    draws = torch.Generator().manual_seed(0)  # of the split, which is the same for every run
    parts = harvey(folder.parent, SIZE, generator=draws)
    images = parts.train[0]
    mean, deviation = (f(images, (0, 2, 3), keepdim=True) for f in (torch.mean, torch.std))
    return Data(*(Split((x - mean) / deviation, y)
                  for x, y in (parts.train, parts.validation, parts.test)))  # fmt: skip


def balanced_accuracy(outputs: Tensor, targets: Tensor) -> float:
    """Return the mean of the shares of damaged and of whole buildings that are told, in points.

    >>> balanced_accuracy(torch.eye(2), torch.tensor([0, 1]))
    100.0
    """
    return 100 * metrics(targets, outputs.argmax(1)).balanced_accuracy


register(
    Task(
        name="harvey-damage",
        aliases=("harvey",),
        title="Harvey building damage (CNN)",
        subject="Harvey building damage",
        source="Cao and Choe 2018 (arXiv:1807.01688), a sample of 2,200 images",
        folder=FOLDER,
        architecture="4 convolutions of stride 2, 16 to 64 channels",
        data=load,
        network=cnn((3, SIZE, SIZE), 16, 32, 64, 64, classes=2),
        metric=Metric("balanced accuracy", "points", balanced_accuracy, worst=0.0),
        epochs=10,
        batch_size=32,
        optimizer="adamw",
        learning_rates={"sgd": 0.02, "adam": 0.001, "adamw": 0.001},
        practical_difference=1.0,
        exchangeable=True,
        limits=(
            "A sample of a course's copy of the set: neighbouring buildings can lie in the "
            "training and in the test part, so that scores flatter.",
            "600 test images: one is 0.17 points.",
        ),
        network_limits=(
            "A small network on images of half the size: ReLU reaches 87 % here, the paper's "
            "network 97 % on all images.",
        ),
    )
)
