"""From a request to a record: define, plan, prepare both sides of every cell, time them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch

from actlas.api import define, forget, get, names
from actlas.bench.cells import BOTH, Cell, Work
from actlas.bench.circumstances import circumstances
from actlas.bench.goals import defined
from actlas.bench.peers import ACTLAS, COPY, PEERS, Peer, path_of
from actlas.bench.plan import Planned, Request, checked, plan
from actlas.bench.race import Side, race
from actlas.bench.record import Record, Row, row_of
from actlas.errors import ActlasError
from actlas.expr import walk
from actlas.machine import available_memory, usable_cores

Progress = Callable[[int, int, Cell], None]
_LARGEST_ON_HEAP = 30 << 20  # bytes: glibc gives a larger block back to the system when it is freed


def measure(request: Request, progress: Progress = lambda done, of, cell: None) -> Record:
    """Time what is asked for and return the record; Ctrl-C ends it early and keeps what there is.

    Args:
        request: what, beside what, on how many threads, for how long.
        progress: called with the cells done, their number, and the cell that comes next.

    Raises:
        ActlasError: for an unknown function, peer or dtype, or numbers out of range.

    >>> record = measure(Request(("relu",), ("torch",), (1000,), ("fp32",), 1, minutes=1e-9))
    >>> record.rows, record.about["left_out"] > 0
    ((), True)
    """
    asked = checked(request)
    here = circumstances(asked.threads)
    with _one_more_function(asked), _limited(asked.threads):
        run = _Run(asked, np.random.default_rng(0))
        planned = plan(asked, run.paths)
        before, started = os.getloadavg()[0], time.monotonic()
        stopped = _time_all(run, planned, progress)
        about = _about(run, time.monotonic() - started, before)
    left = {"left_out": len(planned) - len(run.done), "stopped": stopped}
    return Record({**here, **about, **left}, tuple(run.rows))


@dataclass
class _Run:
    """What grows while a benchmark runs."""

    request: Request
    generator: np.random.Generator
    rows: list[Row] = field(default_factory=list)
    done: list[Planned] = field(default_factory=list)
    failed: dict[tuple[str, ...], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.absent = {name: peer.absent() for name, peer in PEERS.items() if peer.absent()}
        self.paths = {name: path_of(get(name)) for name in self.request.functions or names()}


def _time_all(run: _Run, planned: list[Planned], progress: Progress) -> bool:
    """Time the cells until the minutes are over; return whether somebody stopped it."""
    deadline = time.monotonic() + 60 * run.request.minutes
    _settle_the_heap()
    try:
        for number, one in enumerate(planned):
            if time.monotonic() > deadline:
                break
            progress(number, len(planned), one.cell)
            _time_one(run, one)
            run.done.append(one)
    except KeyboardInterrupt:
        return True
    return False


def _time_one(run: _Run, planned: Planned) -> None:
    with torch.set_grad_enabled(planned.cell.mode == BOTH):
        sides = list(_sides(run, planned))
        if len(sides) > 1 and sides[0].name == ACTLAS.name:
            with _noted(run, "all sides", planned.cell):
                times = race(sides, run.request.share, run.generator)
                run.rows.append(row_of(planned.cell, times))


# ---------------------------------------------------------------- the sides of a cell


def _sides(run: _Run, planned: Planned) -> Iterator[Side]:
    """Yield actlas, the copy, and the peers that have this function and this mode."""
    for name in dict.fromkeys((ACTLAS.name, COPY.name, *planned.peers)):
        here = _place(name, planned.cell)
        if name.partition(":")[0] in run.absent or {here, here[:2]} & run.failed.keys():
            continue
        side = None
        with _noted(run, name, planned.cell):
            side = _side(name, planned.cell)
        yield from [side] if side else []


def _place(name: str, cell: Cell) -> tuple[str, ...]:
    return name, cell.function, cell.mode, cell.dtype


@contextmanager
def _noted(run: _Run, name: str, cell: Cell) -> Iterator[None]:
    """Note what goes wrong, so that the rest is timed; an ActlasError holds for every mode."""
    try:
        yield
    except ActlasError as error:
        run.failed[_place(name, cell)[:2]] = str(error)
    except Exception as error:  # whatever foreign code raises
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        run.failed[_place(name, cell)] = said[:160]


def _side(name: str, cell: Cell) -> Side | None:
    """Return a side after a first call, or None where there is no such function or mode."""
    peer, function = _peer_and_function(name, cell.function)
    found = _found(peer, function)
    if found is None or not _fits(peer, function, cell):
        return None
    call = peer.call(found, Work(get(function), cell))
    if call is None:
        return None
    call()
    return Side(name, call, peer.runtime)


def _peer_and_function(side: str, function: str) -> tuple[Peer, str]:
    """Split "torch:silu"; a plain name is the peer on the cell's own function."""
    name, _, other = side.partition(":")
    return {**PEERS, ACTLAS.name: ACTLAS, COPY.name: COPY}[name], other or function


@cache
def _found(peer: Peer, function: str) -> Any:
    return peer.function(get(function))


def _fits(peer: Peer, function: str, cell: Cell) -> bool:
    """Say whether half of the free memory holds a call; steps in PyTorch keep their results."""
    steps = len(list(walk(get(function).expression()))) if peer.keeps_steps else 0
    tensors = 8 + steps * (2 if cell.mode == BOTH else 1) / 2
    free = available_memory()
    return free is None or 4 * cell.size * tensors < free / 2


# ---------------------------------------------------------------- the process


@contextmanager
def _one_more_function(request: Request) -> Iterator[None]:
    """Define the function of the goals for as long as everything is timed."""
    name, formula = defined()
    if request.functions:
        yield
        return
    define(name, formula)
    try:
        yield
    finally:
        forget(name)
        _found.cache_clear()


@contextmanager
def _limited(threads: int) -> Iterator[None]:
    """Let torch, and every runtime that starts its threads later, use so many cores."""
    before, cores = torch.get_num_threads(), usable_cores()
    torch.set_num_threads(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(cores)[:threads])
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, cores)


def _settle_the_heap() -> None:
    """Free one large block, after which glibc reuses smaller ones, as in any process that runs."""
    torch.empty(_LARGEST_ON_HEAP, dtype=torch.uint8).fill_(0)


def _about(run: _Run, seconds: float, load: float) -> dict[str, Any]:
    """Return what the rows do not say."""
    return {
        "what": "ns per element, and time of a peer / time of actlas within a round: [lower "
        "quartile, median, upper quartile] over rounds",
        "seconds": round(seconds),
        "minutes_given": run.request.minutes,
        "load_average_before_and_after": [load, os.getloadavg()[0]],
        "peers": {name: peer.about for name, peer in PEERS.items()},
        "absent": run.absent,
        "functions": run.paths,
        "failed": [[*key, why] for key, why in run.failed.items()],
    }
