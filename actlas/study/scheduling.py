"""What is trained together: cells as one model where that is the faster way, else run by run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from itertools import count
from pathlib import Path
from typing import Any

from actlas.catalogue import find
from actlas.errors import ActlasError, nearest
from actlas.study.executor import workers_of
from actlas.study.training import RunSpec
from actlas.study.training.ways import Way, first_sentence
from actlas.study.units import Unit, cells, measure, pieces

BATCHED = ("measured", "always", "never")
_MOST = 32  # runs of one model: more need memory and gain little
_PER_WORKER = 4  # units for every worker, from which on it does not matter who gets one more

Kind = tuple[object, ...]


class Scheduler:
    """Cuts runs into units of work, and remembers for each kind of cell which way is faster.

    Args:
        batched: "measured", or one way for all: "always" as one model, "never".
        executor: where it is measured; None for this process.
        data_root: the folder with the data sets.
        tell: called with a sentence for each kind of cell.
    """

    def __init__(
        self, batched: str, executor: Executor | None, data_root: Path | None,
        tell: Callable[[str], None],
    ) -> None:  # fmt: skip
        if batched not in BATCHED:
            known = ", ".join(BATCHED)
            raise ActlasError(f"batched is one of {known}, got {batched!r}."
                              f"{nearest(batched, BATCHED)}")  # fmt: skip
        self._batched, self._executor, self._data_root = batched, executor, data_root
        self._tell = tell
        self._ways: dict[Kind, Way] = {}

    def units(self, specs: Sequence[RunSpec]) -> list[Unit]:
        """Return all runs in units: those of one model first, then single runs by seed.

        So a study that is stopped early has something of every function.
        """
        found = self._cut(cells(specs))
        self._measure(found)
        together = [Unit(piece, True) for piece in found if self._way(piece).together]
        rest = [spec for piece in found if not self._way(piece).together for spec in piece]
        rest.sort(key=lambda spec: spec.seed)
        return [*together, *(Unit((spec,)) for spec in rest)]

    def _cut(self, found: Sequence[tuple[RunSpec, ...]]) -> list[tuple[RunSpec, ...]]:
        """Cut all cells in as many pieces, the fewest that keep every worker busy to the end."""
        workers, longest = workers_of(self._executor), max(map(len, found), default=1)
        parts = next(
            parts for parts in count(-(-longest // _MOST))
            if parts * len(found) % workers == 0 or parts * len(found) >= _PER_WORKER * workers
        )  # fmt: skip
        return [piece for cell in found for piece in pieces(cell, parts)]

    def _way(self, piece: Sequence[RunSpec]) -> Way:
        if len(piece) == 1 or self._batched == "never":
            return Way(False, "")
        if self._batched == "always":
            return Way(True, "")
        return self._ways.get(_kind(piece), Way(False, ""))

    def _measure(self, found: Sequence[tuple[RunSpec, ...]]) -> None:
        """Measure one piece of every new kind, as far as it is worth the time."""
        if self._batched != "measured":
            return
        kinds: dict[Kind, list[tuple[RunSpec, ...]]] = {}
        for piece in found:
            if len(piece) > 1 and _kind(piece) not in self._ways:
                kinds.setdefault(_kind(piece), []).append(piece)
        jobs = [
            (alike[0], self._data_root, sum(len(piece) for piece in alike))
            for alike in kinds.values()
        ]
        for kind, (piece, *_), way in zip(kinds, jobs, self._run(jobs), strict=True):
            self._ways[kind] = way
            if way.reason:
                self._tell(f"{piece[0].subject}, {len(piece)} runs: {way.reason}")

    def _run(self, jobs: Sequence[tuple[Any, ...]]) -> list[Way]:
        """Measure in the workers; where one dies of it, its runs go one by one."""
        if self._executor is None:
            return [measure(*job) for job in jobs]
        futures = [self._executor.submit(measure, *job) for job in jobs]
        return [_result(future) for future in futures]


def _result(future: Future[Way]) -> Way:
    try:
        return future.result()
    except Exception as error:
        return Way(False, f"measuring failed: {first_sentence(error)}")


def _kind(piece: Sequence[RunSpec]) -> Kind:
    """Return what decides how long a step takes: not the formula, but whether it learns."""
    spec = piece[0]
    learns = not spec.is_network and find(spec.activation).learns
    return (spec.task, spec.network, spec.optimizer, spec.batch_size, spec.is_network, learns,
            len(piece))  # fmt: skip
