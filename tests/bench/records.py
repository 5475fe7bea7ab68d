"""Records made up for tests."""

from __future__ import annotations

from typing import Any

from actlas.bench.cells import Cell
from actlas.bench.peers import PEERS
from actlas.bench.record import Record, Row

ABOUT: dict[str, Any] = {
    "measured": "2026-01-01T00:00:00+00:00", "seconds": 60, "minutes_given": 1.0, "threads": 2,
    "machine": {"processor": "Test 9000", "cores": "2", "system": "Linux", "libc": "glibc",
                "huge_pages": "madvise"},
    "engine": {"isa": "generic", "threads_of": ""}, "versions": {"actlas": "0"},
    "load_average_before_and_after": [0.0, 0.1], "peers": dict.fromkeys(PEERS, ""),
    "absent": {}, "failed": [], "left_out": 0, "stopped": False, "functions": {},
}  # fmt: skip


def row(cell: Cell, **ratios: float) -> Row:
    """Return a row of actlas at 2 ns; "torch__silu" stands for the side "torch:silu"."""
    named = {name.replace("__", ":"): ratio for name, ratio in {"copy": 0.5, **ratios}.items()}
    spread = {name: (0.9 * ratio, ratio, 1.1 * ratio) for name, ratio in named.items()}
    ns = {"actlas": (1.9, 2.0, 2.1), **{name: (2 * q[0], 2 * q[1], 2 * q[2])
                                        for name, q in spread.items()}}  # fmt: skip
    return Row(cell, 5, ns, spread)


def record(*rows: Row, **about: Any) -> Record:
    """Return a record in which every function of the rows is a table, unless `about` says so."""
    functions = {one.cell.function: "table" for one in rows}
    return Record({**ABOUT, "functions": functions, **about}, rows)
