"""The published tables, read from `published/`."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

FOLDER = Path(__file__).parent / "published"


@dataclass(frozen=True)
class Table:
    """Tasks x functions, with the names of both."""

    functions: tuple[str, ...]
    tasks: tuple[str, ...]
    scores: npt.NDArray[np.float64]

    def gains(self, one: str, other: str) -> npt.NDArray[np.float64]:
        """Return by how much one function beats another on every task."""
        return (
            self.scores[:, self.functions.index(one)] - self.scores[:, self.functions.index(other)]
        )

    def pool(self, names: list[str]) -> npt.NDArray[np.float64]:
        """Return the columns of some functions."""
        return self.scores[:, [self.functions.index(name) for name in names]]


def tasks_table(name: str) -> Table:
    """Read a table whose first column names the task."""
    with (FOLDER / f"{name}.csv").open(encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    scores = np.array([[float(cell) for cell in row[1:]] for row in rows])
    return Table(tuple(head[1:]), tuple(row[0] for row in rows), scores)


def runs_table(name: str) -> dict[str, npt.NDArray[np.float64]]:
    """Read a table with a column of runs for every function."""
    with (FOLDER / f"{name}.csv").open(encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    scores = np.array([[float(cell) for cell in row] for row in rows])
    return dict(zip(head, scores.T, strict=True))


def summaries(name: str) -> list[dict[str, str]]:
    """Read a table of printed means and tests, one row for a function."""
    with (FOLDER / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))
