"""Progress of a study: events for any listener, and bars for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from actlas.study.training import Phase, Record


@dataclass(frozen=True)
class Progress:
    """One step of a study.

    `done` of `total` runs of the phase are finished, `reused` of them by an earlier call.
    `record` is the run that has just finished; None at the start of a phase.
    """

    phase: Phase
    done: int
    total: int
    reused: int
    record: Record | None = None


Listener = Callable[[Progress], None]


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
        TextColumn("[dim]{task.fields[note]}"),
    )
    rows: dict[Phase, TaskID] = {}

    def show(event: Progress) -> None:
        if event.phase not in rows:
            rows[event.phase] = bars.add_task(_TITLES[event.phase], note="")
        bars.update(rows[event.phase], total=event.total, completed=event.done, note=_note(event))

    with bars:
        yield show


_TITLES = {Phase.TUNING: "learning rates", Phase.CONFIRMATION: "confirmation"}


def _note(event: Progress) -> str:
    if event.record is None or event.done == event.total:
        return f"{event.reused} of them from an earlier call" if event.reused else ""
    spec = event.record.spec
    return f"{spec.activation}, rate {spec.learning_rate:g}, seed {spec.seed}"
