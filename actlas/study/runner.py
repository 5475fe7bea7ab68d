"""Finishing runs: what is missing is trained, what another runner trains is waited for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from actlas.errors import ActlasError
from actlas.study.executor import run_all
from actlas.study.progress import Listener, Progress
from actlas.study.scheduling import Scheduler
from actlas.study.store import Store
from actlas.study.training import Phase, Record, RunSpec
from actlas.study.units import Failure, Result, Unit

_LOOK_AGAIN = 0.25  # seconds between two looks at what another runner is training
_SHOWN = 3  # reasons of failures in a message
_FAILURES = "failures"  # the name in the store


def failures_in(store: Store) -> dict[str, str]:
    """Return the runs that failed and have no result since, by their keys, with the reason."""
    kept: dict[str, str] = json.loads(store.recall(_FAILURES) or "{}")
    return {key: reason for key, reason in kept.items() if key not in store}


class RunsFailedError(ActlasError):
    """Some runs of a study gave no result; the others have been trained and are kept."""


@dataclass
class Runner:
    """Trains what the store does not hold, and keeps what came of it.

    Args:
        store: where finished runs go.
        executor: processes, or None for this one.
        data_root: the folder with the data sets.
        folder: that of the study.
        listener: told of every run.
        batched: whether runs are trained as one model: "measured", "always" or "never".
    """

    store: Store
    executor: Executor | None
    data_root: Path | None
    folder: Path
    listener: Listener | None = None
    batched: str = "measured"
    failures: dict[str, str] = field(default_factory=dict)
    _own: set[str] = field(default_factory=set)  # keys of what this call has trained
    _state: Progress = field(default_factory=lambda: Progress(Phase.TUNING, 0, 0, 0))

    @cached_property
    def _scheduler(self) -> Scheduler:
        return Scheduler(self.batched, self.executor, self.data_root, self._note)

    def missing(self, specs: Iterable[RunSpec]) -> list[RunSpec]:
        """Return the runs that have no result."""
        return [spec for spec in specs if spec.key not in self.store]

    def finish(self, phase: Phase, specs: Sequence[RunSpec]) -> None:
        """Train what is missing; runs that fail are noted in `failures`, and the others go on."""
        missing = self._open(specs)
        done = len(specs) - len(missing)
        reused = done - sum(spec.key in self._own for spec in specs)
        self._state = Progress(phase, done, len(specs), reused)
        self._tell()
        units, waited = self._scheduler.units(missing), 0
        while missing:
            for result in run_all(self._claimed(units), self.executor, self.data_root, self.folder):
                self._take(result)
            missing = self._open(missing)
            self._state = replace(self._state, done=len(specs) - len(self.missing(specs)))
            if missing:
                if len(missing) != waited:
                    self._note(f"waiting for runs that another runner trains: {len(missing)}")
                waited = len(missing)
                time.sleep(_LOOK_AGAIN)
            units = [Unit((spec,)) for spec in missing]  # ours as soon as the other one is gone

    def _open(self, specs: Iterable[RunSpec]) -> list[RunSpec]:
        return [spec for spec in self.missing(specs) if spec.key not in self.failures]

    def _claimed(self, units: Iterable[Unit]) -> Iterator[Unit]:
        """Yield the units without the runs that another runner has."""
        for unit in units:
            if specs := tuple(self.store.claims(unit.specs)):
                yield replace(unit, specs=specs)

    def _take(self, result: Result) -> None:
        if isinstance(result, Record):
            self.store.add(result)
            self._own.add(result.spec.key)
            self._state = replace(self._state, done=self._state.done + 1)
            self._tell(result)
        elif isinstance(result, Failure):
            self.failures[result.spec.key] = result.reason
            kept = failures_in(self.store) | self.failures
            self.store.remember(_FAILURES, json.dumps(kept))
            self._note(result.reason)
        else:
            self._note(result.text)

    def _note(self, text: str) -> None:
        self._tell(note=text)

    def _tell(self, record: Record | None = None, note: str = "") -> None:
        if self.listener is not None:
            self.listener(replace(self._state, record=record, note=note))

    def complain(self) -> None:
        """Raise RunsFailedError if runs have failed, saying what is missing and why."""
        if not self.failures:
            return
        reasons = list(dict.fromkeys(self.failures.values()))
        more = f"; and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
        raise RunsFailedError(
            f"{len(self.failures)} runs failed and are missing: {'; '.join(reasons[:_SHOWN])}"
            f"{more}. Those that finished are kept in {self.store.name}; `actlas study resume` "
            f"tries the others again"
        )
