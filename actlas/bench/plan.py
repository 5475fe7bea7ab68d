"""In which order things are timed: what the goals ask for first, then outwards from the centre."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from actlas.bench.cells import CENTRE, DTYPES, KINDS, MODES, SIZES, Cell
from actlas.bench.goals import ANY, Goal, choose, goals
from actlas.bench.peers import PEERS
from actlas.catalogue import find
from actlas.errors import ActlasError, nearest
from actlas.machine import usable_cores

SLOW_TO_PREPARE = "compile"  # timed where a goal or the user names it


@dataclass(frozen=True)
class Request:
    """What is to be timed; empty tuples stand for everything.

    Args:
        functions: ids, aliases or titles.
        peers: names of `PEERS`; "compile", which takes seconds to prepare, only if named here or
            by a goal.
        sizes: elements, from 1 to 2**31.
        dtypes: "fp32", "bf16".
        threads: of every runtime; 0 stands for one per core.
        minutes: after which no further cell is begun.
        quick: only the goals that name functions, up to 1M elements, with few rounds.
    """

    functions: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    sizes: tuple[int, ...] = SIZES
    dtypes: tuple[str, ...] = tuple(DTYPES)
    threads: int = 0
    minutes: float = 10.0
    quick: bool = False

    @property
    def share(self) -> float:
        """Seconds for one side of one cell."""
        return 0.02 if self.quick else 0.04


def checked(request: Request) -> Request:
    """Return the request with ids for names; ActlasError with what is allowed for bad input."""
    for peer in request.peers:
        _known(peer, PEERS, "a peer")
    for dtype in request.dtypes:
        _known(dtype, DTYPES, "a dtype")
    for size in request.sizes:
        if not 1 <= size <= 2**31:
            raise ActlasError(f"a size is a number of elements from 1 to 2**31, got {size}")
    cores = len(usable_cores())
    if not 0 <= request.threads <= cores:
        raise ActlasError(f"this machine has {cores} cores; threads go from 1 to {cores}, got "
                          f"{request.threads}")  # fmt: skip
    if not request.minutes > 0:
        raise ActlasError(f"the minutes must be more than 0, got {request.minutes}")
    names = tuple(dict.fromkeys(find(name).name for name in request.functions))
    return Request(**{**vars(request), "functions": names, "threads": request.threads or cores})


def _known(name: str, valid: Iterable[str], what: str) -> None:
    if name not in valid:
        raise ActlasError(f"{name!r} is not {what}; the choices are {', '.join(valid)}."
                          f"{nearest(name, valid)}")  # fmt: skip


@dataclass(frozen=True)
class Planned:
    """A cell with the peers beside which actlas is timed there."""

    cell: Cell
    peers: tuple[str, ...]


def plan(request: Request, paths: dict[str, str]) -> list[Planned]:
    """Return what is to be timed, the most wanted first.

    Args:
        request: after `checked`.
        paths: all functions that may be timed, each with its path through the engine.
    """
    stages = [_named(request, paths)]
    if not request.quick:
        stages += [_of_every(request, paths), _of_any(request, paths), _sweep(request, paths)]
    found: dict[Cell, dict[str, None]] = {}
    planned: list[Planned] = []
    for stage in stages:
        for cell, peers in _merged(stage).items():
            known = found.setdefault(cell, {})
            if _asked_for(cell, request) and peers.keys() - known.keys():
                known.update(peers)
                planned.append(Planned(cell, tuple(peers)))
    return planned


Wish = tuple[Cell, tuple[str, ...]]


def _merged(wishes: Iterable[Wish]) -> dict[Cell, dict[str, None]]:
    found: dict[Cell, dict[str, None]] = {}
    for cell, peers in wishes:
        found.setdefault(cell, {}).update(dict.fromkeys(peers))
    return found


def _asked_for(cell: Cell, request: Request) -> bool:
    return (
        cell.size in request.sizes
        and cell.dtype in request.dtypes
        and (not request.functions or cell.function in request.functions)
        and (cell.size <= CENTRE or not request.quick)
    )


def _usual(request: Request) -> tuple[str, ...]:
    return request.peers or tuple(name for name in PEERS if name != SLOW_TO_PREPARE)


def _peers(goal: Goal, request: Request) -> tuple[str, ...]:
    """Return the peer of a goal, unless it is one that the user has not chosen."""
    peer = goal.peer.partition(":")[0]
    return (goal.peer,) if peer not in PEERS or peer in (request.peers or PEERS) else ()


def _named(request: Request, paths: dict[str, str]) -> Iterator[Wish]:
    for goal in goals():
        if goal.named:
            for name in choose(goal.functions, paths):
                yield goal.cell(name), (*_usual(request), *_peers(goal, request))


def _of_every(request: Request, paths: dict[str, str]) -> Iterator[Wish]:
    """Yield the cells of goals about all functions; against a yardstick beside nothing else."""
    for goal in goals():
        if not goal.named and goal.peer != ANY:
            beside = _usual(request) if goal.peer in PEERS else ()
            for name in choose(goal.functions, paths):
                yield goal.cell(name), (*beside, *_peers(goal, request))


def _of_any(request: Request, paths: dict[str, str]) -> Iterator[Wish]:
    """Yield the dear cells beside all peers, for the functions that some goal names."""
    known = {name for goal in goals() if goal.named for name in choose(goal.functions, paths)}
    for goal in goals():
        if goal.peer == ANY:
            yield from ((goal.cell(name), _usual(request)) for name in paths if name in known)


def _sweep(request: Request, paths: dict[str, str]) -> Iterator[Wish]:
    """Yield every cell, those nearest to the centre first."""
    grid = product(MODES, request.sizes, request.dtypes, KINDS)
    cells = sorted((Cell("", *point) for point in grid), key=Cell.distance)
    for like in cells:
        for name in paths:
            yield Cell(**{**vars(like), "function": name}), _usual(request)
