"""What a run leaves behind: the machine, the peers, and one row of quartiles for every cell."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from actlas.bench.cells import DTYPES, Cell
from actlas.bench.race import Quartiles, Times, quartiles
from actlas.errors import ActlasError


@dataclass(frozen=True)
class Row:
    """A cell with the quartiles (lower, median, upper) of what was timed.

    `ns` is nanoseconds per element by side; `ratio` the time of a side over that of actlas, taken
    within a round, so that a machine that slows down slows both.
    """

    cell: Cell
    rounds: int
    ns: Mapping[str, Quartiles]
    ratio: Mapping[str, Quartiles]

    @property
    def bandwidth(self) -> float:
        """GB/s at the median, if actlas moves no more bytes than it must."""
        return self.cell.bytes / (self.ns["actlas"][1] * self.cell.size)

    @property
    def share_of_copy(self) -> float:
        """The bandwidth over that of the copy timed in the same rounds."""
        copied = 2 * DTYPES[self.cell.dtype].itemsize / self.ns["copy"][1]
        return self.bandwidth / copied


def row_of(cell: Cell, times: Mapping[str, Times]) -> Row:
    """Return the row of a cell; the first side is the one that all are compared with."""
    ours, per_element = next(iter(times.values())), 1e9 / cell.size
    ratios = {name: quartiles(theirs / ours) for name, theirs in list(times.items())[1:]}
    ns = {name: quartiles(values * per_element) for name, values in times.items()}
    return Row(cell, len(ours), ns, ratios)


@dataclass(frozen=True)
class Record:
    """A whole run. `about` is plain data: when, where, with what, and what is missing."""

    about: Mapping[str, Any]
    rows: tuple[Row, ...] = field(default=())

    def group(self, like: Cell) -> list[Row]:
        """Return the rows of one mode, size, dtype and kind of input, whatever the function."""
        wanted = asdict(like) | {"function": ""}
        return [row for row in self.rows if asdict(row.cell) | {"function": ""} == wanted]

    def paths(self) -> Mapping[str, str]:
        """Return how the engine computed each function."""
        return dict(self.about["functions"])


def write(record: Record, path: Path) -> None:
    """Write a record as JSON, one line for every row; ActlasError if that cannot be done."""
    head = json.dumps(record.about, indent=1)[:-2]
    lines = ",\n  ".join(json.dumps(_plain(row), separators=(",", ":")) for row in record.rows)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{head},\n "rows": [\n  {lines}\n ]\n}}\n', encoding="utf-8")
    except OSError as error:
        raise ActlasError(f"cannot write {path}: {error.strerror}") from None


def _plain(row: Row) -> dict[str, Any]:
    return {**asdict(row.cell), "rounds": row.rounds, "ns": row.ns, "ratio": row.ratio}


def read(path: Path) -> Record:
    """Return a record that was written.

    Raises:
        ActlasError: if the file cannot be read or is no record.
    """
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        return Record(about, tuple(map(_row, about.pop("rows"))))
    except OSError as error:
        raise ActlasError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ActlasError(f"{path} is not the result of a benchmark") from None


def _row(plain: dict[str, Any]) -> Row:
    cell = Cell(**{name.name: plain[name.name] for name in fields(Cell)})
    ns, ratio = ({side: _three(q) for side, q in plain[key].items()} for key in ("ns", "ratio"))
    return Row(cell, plain["rounds"], ns, ratio)


def _three(values: list[float]) -> Quartiles:
    low, middle, high = values
    return low, middle, high


def records(folder: Path) -> list[Path]:
    """Return engine-*.json, the one measured last first; ActlasError if there is none."""
    found = sorted(folder.glob("engine-*.json"), key=lambda path: read(path).about["measured"])
    if not found:
        raise ActlasError(f"there is no engine-*.json in {folder}; make one with: actlas bench")
    return found[::-1]


def file_name(kind: str, about: Mapping[str, Any]) -> str:
    """Return the name of a result without suffix: its kind, the processor, the instruction set.

    >>> file_name("engine", {"machine": {"processor": "AMD EPYC"}, "engine": {"isa": "avx2"}})
    'engine-amd-epyc-avx2'
    """
    words = f"{about['machine']['processor']} {about.get('engine', {}).get('isa', '')}".lower()
    return f"{kind}-{re.sub(r'[^a-z0-9]+', '-', words).strip('-') or 'unknown'}"


def keep(kind: str, about: Mapping[str, Any], folder: Path) -> Path:
    """Write a result of another kind of benchmark into a folder as JSON, and return its path."""
    path = folder / f"{file_name(kind, about)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return path


def inverse(ratio: Quartiles) -> Quartiles:
    """Return the quartiles of actlas over a peer from those of the peer over actlas.

    >>> inverse((0.5, 1.0, 2.0))
    (0.5, 1.0, 2.0)
    """
    low, middle, high = (float(f"{1 / q:.4g}") for q in np.array(ratio)[::-1])
    return low, middle, high
