"""What the engine is to reach, as data (goals.toml), and what a record says about it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Union

from actlas.bench.cells import CENTRE, Cell
from actlas.bench.race import Quartiles
from actlas.bench.record import Record, Row, inverse

EVERY, TABULATED, ANY = "every", "tabulated", "any"
Functions = Union[tuple[str, ...], str]


@dataclass(frozen=True)
class Goal:
    """A bound for one mode and size: on time of the peer / time of actlas, or its inverse."""

    against: str
    peer: str
    functions: Functions
    mode: str
    size: int
    factor: float
    at_most: bool
    note: str = ""

    @property
    def named(self) -> bool:
        """Whether it is about some functions, not about as many as there are."""
        return not isinstance(self.functions, str)

    @property
    def bound(self) -> str:
        """The bound as it is written."""
        return f"{'≤' if self.at_most else '≥'} {self.factor:g}"

    def cell(self, function: str) -> Cell:
        """Return the cell that decides it for a function."""
        return Cell(function, self.mode, self.size)

    def met_by(self, median: float) -> bool:
        """Say whether a median keeps the bound."""
        return median <= self.factor if self.at_most else median >= self.factor


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(resources.files("actlas.bench").joinpath("goals.toml").read_text("utf-8"))


def defined() -> tuple[str, str]:
    """Return name and formula of the function that is defined when the benchmark runs."""
    return _data()["defined"]["name"], _data()["defined"]["formula"]


@cache
def goals() -> tuple[Goal, ...]:
    """Return all goals, one for every mode and size.

    >>> goals()[0].against, goals()[0].mode, goals()[0].bound
    ('F.mish', 'forward', '≥ 8')
    """
    return tuple(goal for entry in _data()["goal"] for goal in _split(entry))


def _split(entry: dict[str, Any]) -> Iterator[Goal]:
    functions = entry["functions"]
    named = functions if isinstance(functions, str) else tuple(functions)
    for size in entry.get("sizes", [CENTRE]):
        for kind in ("at_least", "at_most"):
            for mode, factor in entry.get(kind, {}).items():
                yield Goal(entry["against"], entry["peer"], named, mode, size, factor,
                           kind == "at_most", entry.get("note", ""))  # fmt: skip


# ---------------------------------------------------------------- what a record says


@dataclass(frozen=True)
class Finding:
    """The ratio of one function in the direction of the goal, by quartiles."""

    function: str
    ratio: Quartiles
    peer: str


@dataclass(frozen=True)
class Verdict:
    """A goal with what was measured, the function that is farthest from it first."""

    goal: Goal
    findings: tuple[Finding, ...]

    @property
    def missed(self) -> tuple[Finding, ...]:
        """The functions that miss it."""
        return tuple(found for found in self.findings if not self.goal.met_by(found.ratio[1]))

    @property
    def word(self) -> str:
        """ "reached", "missed", or "not measured"."""
        if not self.findings:
            return "not measured"
        return "missed" if self.missed else "reached"


def evaluate(record: Record) -> list[Verdict]:
    """Return the verdict on every goal."""
    return [Verdict(goal, _findings(goal, record)) for goal in goals()]


def _findings(goal: Goal, record: Record) -> tuple[Finding, ...]:
    chosen = choose(goal.functions, record.paths())
    found = [_finding(goal, row) for row in record.group(goal.cell(""))
             if row.cell.function in chosen]  # fmt: skip
    known = {one.function: one for one in found if one is not None}
    return tuple(sorted(known.values(), key=lambda one: one.ratio[1], reverse=goal.at_most))


def choose(functions: Functions, paths: Any) -> list[str]:
    """Return the functions that are meant, of those whose path through the engine is known."""
    if functions == TABULATED:
        return [name for name, path in paths.items() if path == "table"]
    return [name for name in paths if functions == EVERY or name in functions]


def _finding(goal: Goal, row: Row) -> Finding | None:
    peers = [name for name in row.ratio if _counts(goal, name)]
    if not peers:
        return None
    peer = min(peers, key=lambda name: row.ratio[name][1])
    ratio = inverse(row.ratio[peer]) if goal.at_most else row.ratio[peer]
    return Finding(row.cell.function, ratio, peer)


def _counts(goal: Goal, side: str) -> bool:
    if goal.peer == ANY:
        return side != "copy" and ":" not in side
    return side == goal.peer
