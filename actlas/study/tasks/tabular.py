"""Small tables that come with scikit-learn: wine, breast cancer, iris, diabetes.

Ten fixed splits by half, a fifth and three tenths; seed k trains on split k modulo 10.

What others reach, they reach with more than half of the rows to train on. On the same splits linear
discriminants reach 97.8 % for iris and 97.2 % for wine, least squares 73.8 % of a deviation for
diabetes: on so few rows a network is not the best there is.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from torch import nn

from actlas.errors import need_extra
from actlas.study.tasks._metrics import RMSE
from actlas.study.tasks._networks import mlp
from actlas.study.tasks._protocol import ACCURACY, Data, Published, Task
from actlas.study.tasks._registry import register
from actlas.study.tasks._rows import three_parts, together

_SPLITS, _TRAIN, _KNOWN = 10, 0.5, 0.7  # _KNOWN: training and validation


def load(name: str, _: Path | None = None) -> Data:
    """Return a table of scikit-learn in ten splits.

    Args:
        name: the NAME of `sklearn.datasets.load_NAME`.

    >>> load("iris").test.inputs.shape
    torch.Size([45, 4])
    """
    datasets = need_extra("sklearn.datasets", "study")
    inputs, targets = getattr(datasets, f"load_{name}")(return_X_y=True)
    return together([three_parts(inputs, targets, rows(len(inputs), k)) for k in range(_SPLITS)])


def rows(count: int, split: int) -> list[np.ndarray]:
    """Return the numbers of the rows of the three parts, shuffled by the split's own generator."""
    order = np.random.default_rng(split).permutation(count)
    return np.split(order, [round(_TRAIN * count), round(_KNOWN * count)])


_PUBLISHED = {
    "wine": Published(98.9, "linear discriminants, leaving one out",
                      "Aeberhard et al. 1992, in wine.names of the UCI repository"),
    "breast_cancer": Published(97.5, "one plane, ten folds",
                               "Wolberg et al. 1995, in wdbc.names of the UCI repository"),
    "iris": Published(97.3, "quadratic discriminants, leaving one out",
                      "SAS/STAT User's Guide, the DISCRIM procedure, example 3"),
}  # fmt: skip


def _register(name: str, sizes: tuple[int, int], test: str, source: str) -> None:
    features, outputs = sizes
    regression = outputs == 1
    title = name.replace("_", " ")
    register(
        Task(
            name=f"tabular-{name.replace('_', '-')}",
            title=f"{title} (table)",
            subject=title,
            source=f"scikit-learn: {source}",
            data=partial(load, name),
            network=mlp(features, 32, outputs),
            architecture=f"MLP {features}-32-{outputs}",
            epochs=60,
            batch_size=16,
            learning_rates={"sgd": 0.03, "adam": 0.003, "adamw": 0.003},
            metric=RMSE if regression else ACCURACY,
            loss=nn.functional.mse_loss if regression else nn.functional.cross_entropy,
            practical_difference=1.0,
            limits=(
                f"A table of few rows, {test} of them for the test: nothing here speaks of large "
                f"data.",
                "Ten splits of the same rows overlap: the intervals are narrower than those over "
                "fresh data.",
            ),
            network_limits=("One hidden layer of 32 units.",),
            published=_PUBLISHED.get(name),
        )
    )


_register("wine", (13, 3), "53", "Forina et al. 1991")
_register("breast_cancer", (30, 2), "171", "Wolberg, Street and Mangasarian 1995")
_register("iris", (4, 3), "45", "Fisher 1936")
_register("diabetes", (10, 1), "133", "Efron et al. 2004")
