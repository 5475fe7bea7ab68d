"""Eight regression tables of the UCI repository with the fixed splits of the literature.

Splits of Hernandez-Lobato and Adams 2015 (arXiv:1502.05336) as packed by Gal and Ghahramani 2016
(arXiv:1506.02142): 20 per table, 5 for protein, a tenth of the rows for the test. Seed k trains on
split k modulo their number; a tenth of the other rows, drawn once per split, validates. One archive
has `data.txt`, `index_features.txt`, `index_target.txt`, `n_splits.txt` and `index_test_K.txt` of
every table.

The network of all of them, one hidden layer of 50 ReLUs (100 for protein), is the task's. What the
first reach by probabilistic backpropagation stands as published, in percent of the deviation of the
whole table. The others' dropout, averaged over many draws, comes further in three: concrete 31.3,
protein 71.3, wine 76.8 %.
"""

from __future__ import annotations

import io
import lzma
import tarfile
from functools import partial
from pathlib import Path

import numpy as np
from torch import nn

from actlas.errors import ActlasError
from actlas.study.tasks._files import DataFile, data_folder
from actlas.study.tasks._metrics import RMSE
from actlas.study.tasks._networks import mlp
from actlas.study.tasks._protocol import Data, Published, Task
from actlas.study.tasks._registry import register
from actlas.study.tasks._rows import three_parts, together

_FOLDER = "uci-regression"
_ARCHIVE = DataFile(
    "uci_regression.tar.xz", "5d087fa417510b7ff639c2041cfd514801cff186518bfd9ade2e688f3e604cfb"
)
_VALIDATION = 0.1  # of the rows that a split does not test


def load(table: str, data_root: Path | None) -> Data:
    """Read one table of the archive in all its splits, each in units of its training rows."""
    folder = data_folder(data_root, _FOLDER, f"UCI {table}")
    content = _ARCHIVE.read(folder)
    try:
        with tarfile.open(fileobj=io.BytesIO(lzma.decompress(content))) as archive:
            return _splits(archive, table)
    except (tarfile.TarError, lzma.LZMAError, OSError, EOFError, KeyError, ValueError) as error:
        raise ActlasError(f"{folder / _ARCHIVE.name} cannot be unpacked: {error}") from error


def _splits(archive: tarfile.TarFile, table: str) -> Data:
    """Return every split of the table in an open archive."""

    def numbers(name: str) -> np.ndarray:
        member = archive.extractfile(f"{table}/{name}.txt")
        return np.loadtxt(member, ndmin=1) if member else np.empty(0)

    values = numbers("data")
    inputs = values[:, numbers("index_features").astype(int)]
    targets = values[:, int(numbers("index_target")[0])]
    tests = [numbers(f"index_test_{k}") for k in range(int(numbers("n_splits")[0]))]
    return together(
        [three_parts(inputs, targets, parts(len(values), test, k)) for k, test in enumerate(tests)]
    )


def parts(count: int, test: np.ndarray, split: int) -> list[np.ndarray]:
    """Return the rows for training, validation and test: the first two share what is left.

    >>> [len(rows) for rows in parts(20, np.array([3.0, 5.0]), split=0)]
    [16, 2, 2]
    """
    test = test.astype(int)
    rest = np.random.default_rng(split).permutation(np.setdiff1d(np.arange(count), test))
    validation = round(_VALIDATION * len(rest))
    return [rest[validation:], rest[:validation], test]


PRINTED = {  # RMSE in Hernandez-Lobato and Adams 2015, table 1; deviation of the whole table
    "concrete": (5.667, 16.70),
    "energy": (1.804, 10.08),
    "kin8nm": (0.098, 0.2636),
    "naval-propulsion-plant": (0.006, 0.01472),
    "power-plant": (4.124, 17.07),
    "protein-tertiary-structure": (4.732, 6.118),
    "wine-quality-red": (0.635, 0.8073),
    "yacht": (1.015, 15.14),
}


def _published(table: str) -> Published:
    """Return the printed RMSE in the task's metric."""
    rmse, deviation = PRINTED[table]
    return Published(
        round(100 * rmse / deviation, 1), "the same layer by probabilistic backpropagation",
        f"RMSE {rmse:.3f} in Hernandez-Lobato and Adams 2015, arXiv:1502.05336, table 1",
    )  # fmt: skip


def _register(
    table: str, features: int, epochs: int, batch_size: int, hidden: int = 50,
    adam: float = 0.02, short: str = "",
) -> None:  # fmt: skip
    register(
        Task(
            name=f"uci-{short or table}",
            title=f"UCI {table.replace('-', ' ')}",
            source="UCI repository, splits of arXiv:1502.05336",
            folder=_FOLDER,
            data=partial(load, table),
            network=mlp(features, hidden, 1),
            architecture=f"MLP {features}-{hidden}-1",
            epochs=epochs,
            batch_size=batch_size,
            optimizer="adam",
            learning_rates={"sgd": 0.03, "adam": adam, "adamw": adam},
            metric=RMSE,
            loss=nn.functional.mse_loss,
            practical_difference=1.0,
            limits=(
                "The splits overlap: the intervals are narrower than those over fresh data.",
                "The learning rate is chosen on the splits of the tuning seeds, for all splits.",
            ),
            network_limits=(f"One hidden layer of {hidden} units.",),
            published=_published(table),
        )
    )


_register("concrete", 8, epochs=100, batch_size=32)
_register("energy", 8, epochs=150, batch_size=32)
_register("kin8nm", 8, epochs=40, batch_size=64)
_register("naval-propulsion-plant", 16, epochs=40, batch_size=64, short="naval")
_register("power-plant", 4, epochs=40, batch_size=64)
_register("protein-tertiary-structure", 9, epochs=20, batch_size=128, hidden=100, short="protein")
_register("wine-quality-red", 11, epochs=40, batch_size=32, adam=0.005, short="wine-quality")
_register("yacht", 6, epochs=200, batch_size=16)
