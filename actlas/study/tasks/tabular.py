"""Small tables that come with scikit-learn: wine, breast cancer, iris, diabetes.

Ten folds: seed k tests on fold k modulo 10, validates on the next one and trains on the other
eight, so that ten seeds test every row once. A fold has 15 to 57 rows, too few to tell epochs
apart: the last epoch is tested. Its rate, their number and the weight decay were found for ReLU.
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

_FOLDS = 10


def load(name: str, _: Path | None = None) -> Data:
    """Return a table of scikit-learn in ten splits, one for each fold.

    Args:
        name: the NAME of `sklearn.datasets.load_NAME`.

    >>> load("iris").test.inputs.shape
    torch.Size([15, 4])
    """
    datasets = need_extra("sklearn.datasets", "study")
    inputs, targets = getattr(datasets, f"load_{name}")(return_X_y=True)
    return together([three_parts(inputs, targets, rows(targets, k)) for k in range(_FOLDS)])


def rows(targets: np.ndarray, split: int) -> list[np.ndarray]:
    """Return the numbers of the rows of the three parts: eight folds, the next one, and `split`.

    Rows are shuffled and dealt out class by class, so that every fold has its share of each.
    """
    order = np.random.default_rng(0).permutation(len(targets))
    if targets.dtype.kind != "f":
        order = order[np.argsort(targets[order], kind="stable")]
    folds = [order[k::_FOLDS] for k in range(_FOLDS)]
    held = split, (split + 1) % _FOLDS
    known = [fold for k, fold in enumerate(folds) if k not in held]
    return [np.concatenate(known), folds[held[1]], folds[split]]


_PUBLISHED = {
    "wine": Published(98.9, "linear discriminants, leaving one out",
                      "Aeberhard et al. 1992, in wine.names of the UCI repository"),
    "breast_cancer": Published(97.5, "one plane, ten folds",
                               "Wolberg et al. 1995, in wdbc.names of the UCI repository"),
    "iris": Published(97.3, "quadratic discriminants, leaving one out",
                      "SAS/STAT User's Guide, the DISCRIM procedure, example 3"),
}  # fmt: skip


def _register(name: str, sizes: tuple[int, int], count: int, source: str) -> None:
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
            epochs=100,
            batch_size=16,
            learning_rates={"sgd": 0.1, "adam": 0.003, "adamw": 0.003},
            weight_decay={"sgd": 0.02},
            selection="last epoch",
            metric=RMSE if regression else ACCURACY,
            loss=nn.functional.mse_loss if regression else nn.functional.cross_entropy,
            practical_difference=1.0,
            limits=(
                f"A table of {count} rows, a tenth of them for the test of a seed: nothing here "
                "speaks of large data.",
                "The training rows of ten splits overlap: intervals are narrower than those over "
                "fresh data.",
            ),
            network_limits=("One hidden layer of 32 units.",),
            published=_PUBLISHED.get(name),
        )
    )


_register("wine", (13, 3), 178, "Forina et al. 1991")
_register("breast_cancer", (30, 2), 569, "Wolberg, Street and Mangasarian 1995")
_register("iris", (4, 3), 150, "Fisher 1936")
_register("diabetes", (10, 1), 442, "Efron et al. 2004")
