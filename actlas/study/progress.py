"""Progress of a study: events for any listener, and bars for the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from actlas.study.training import Phase, Record


@dataclass(frozen=True)
class Progress:
    """One step of a study.

    `done` of `total` runs of the phase are finished, `reused` of them by an earlier call.
    `record` is the run that has just finished; None at the start of a phase. `note` is something
    to tell beside that: how runs are trained and why, what failed, that another runner is awaited.
    """

    phase: Phase
    done: int
    total: int
    reused: int
    record: Record | None = None
    note: str = ""


Listener = Callable[[Progress], None]


def told_to(*listeners: Listener) -> Listener:
    """Return one listener that passes every event on to several."""

    def tell(event: Progress) -> None:
        for listener in listeners:
            listener(event)

    return tell


class Pace:
    """How fast runs are finished in a phase, by all runners of the study.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun: dict[Phase, tuple[float, int]] = {}

    def __call__(self, event: Progress) -> str:
        """Return rate and remaining time in words; nothing before the first run."""
        if event.phase not in self._begun or (event.record is None and not event.note):
            self._begun[event.phase] = self._clock(), event.done
        begun, done = self._begun[event.phase]
        seconds, runs = self._clock() - begun, event.done - done
        if runs <= 0 or seconds <= 0:
            return ""
        left = timedelta(seconds=round((event.total - event.done) * seconds / runs))
        rate = f"{60 * runs / seconds:.3g} runs/min"
        return f"{rate}, {left} left" if left else rate


@contextmanager
def progress_bars() -> Iterator[Listener]:
    """Show one bar for each phase in the terminal, and give the listener that moves them."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
    )  # fmt: skip
    from rich.progress import Progress as Bars

    bars = Bars(
        SpinnerColumn(),
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[pace]}"),
        TextColumn("[dim]{task.fields[note]}"),
    )
    rows: dict[Phase, TaskID] = {}
    pace = Pace()

    def show(event: Progress) -> None:
        if event.phase not in rows:
            rows[event.phase] = bars.add_task(_TITLES[event.phase], note="", pace="")
        bars.update(
            rows[event.phase], total=event.total, completed=event.done, note=_note(event),
            pace=pace(event),
        )  # fmt: skip

    with bars:
        yield show


_TITLES = {Phase.TUNING: "search", Phase.CONFIRMATION: "confirmation"}


def _note(event: Progress) -> str:
    if event.note:
        return event.note
    if event.record is None or event.done == event.total:
        return f"{event.reused} of them from an earlier call" if event.reused else ""
    spec = event.record.spec
    return f"{spec.subject}, rate {spec.learning_rate:g}, seed {spec.seed}"
