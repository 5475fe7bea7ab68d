"""Units of work: what is handed to a worker at once, and what comes back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from actlas.study.command import CommandTask
from actlas.study.command.running import run_command
from actlas.study.networks import with_network
from actlas.study.tasks import Data, Task, find_task, load_data, recut
from actlas.study.training import Record, RunSpec, train
from actlas.study.training.stacked import train_stacked
from actlas.study.training.ways import Way, fastest_way, first_sentence

_WORTH = 2000  # training steps below which measuring costs more than it can save


@dataclass(frozen=True)
class Unit:
    """Runs for one worker; `together` as one model, else one after the other.

    `attempt` counts the workers that have had it.
    """

    specs: tuple[RunSpec, ...]
    together: bool = False
    attempt: int = 1


@dataclass(frozen=True)
class Failure:
    """A run that gave no result, and why, in a sentence."""

    spec: RunSpec
    reason: str


@dataclass(frozen=True)
class Note:
    """Something that the user should hear of, though all runs have their results."""

    text: str


Result = Record | Failure | Note


def run_unit(unit: Unit, data_root: Path | None, folder: Path) -> list[Result]:
    """Train the runs of a unit in this process; data are read once per process.

    A run that fails is given as a `Failure`. Where one model turns out to be impossible, the runs
    are trained one by one, and a `Note` says why.

    Args:
        unit: what to train.
        data_root: the folder with the data sets.
        folder: that of the study; what a program prints is kept there.
    """
    notes: list[Result] = []
    if unit.together and len(unit.specs) > 1:
        try:
            return list(train_stacked(unit.specs, *_problem(unit.specs[0], data_root)))
        except Exception as error:  # the same runs alone show whether it is the stack's fault
            one = unit.specs[0].subject
            notes.append(
                Note(f"{one}: one by one, since one model failed: {first_sentence(error)}")
            )
    return [*notes, *(_run(spec, data_root, folder) for spec in unit.specs)]


def _run(spec: RunSpec, data_root: Path | None, folder: Path) -> Result:
    try:
        task = find_task(spec.task)
        if isinstance(task, CommandTask):
            return run_command(spec, task, folder)
        return train(spec, *_problem(spec, data_root))
    except Exception as error:
        return failed(spec, " ".join(str(error).split()) or type(error).__name__)


def failed(spec: RunSpec, reason: str) -> Failure:
    """Return the failure of a run, with a sentence that names it."""
    return Failure(
        spec,
        f"the run of {spec.subject} with the learning rate {spec.learning_rate:g} and seed "
        f"{spec.seed} failed: {reason}",
    )


def _problem(spec: RunSpec, data_root: Path | None) -> tuple[Task, Data]:
    data = load_data(spec.task, data_root)
    if spec.splits > 1:
        data = recut(data, spec.splits)
    task = with_network(find_task(spec.task), spec.network, data, own=spec.is_network)
    return task, data


def measure(specs: Sequence[RunSpec], data_root: Path | None, runs: int) -> Way:
    """Return the faster way to train these runs, measured in this process.

    One by one, unmeasured, where so few steps are to be made that measuring does not pay.

    Args:
        specs: what could be one model.
        data_root: the folder with the data sets.
        runs: how many runs of this kind are waiting.
    """
    first = specs[0]
    try:
        if isinstance(find_task(first.task), CommandTask):
            return Way(False, "")
        task, data = _problem(first, data_root)
        batches = -(-len(data.train) // first.batch_size)
        if runs * first.epochs * batches < _WORTH:
            return Way(False, "")
        return fastest_way(specs, task, data)
    except Exception as error:  # the runs themselves will say it
        return Way(False, first_sentence(error))


def cells(specs: Iterable[RunSpec]) -> list[tuple[RunSpec, ...]]:
    """Group runs that differ in seed and setting alone."""
    found: dict[str, list[RunSpec]] = {}
    for spec in specs:
        same = replace(spec, seed=0, learning_rate=0.0, weight_decay=0.0, shape_rate=1.0)
        found.setdefault(same.key, []).append(spec)
    return [tuple(group) for group in found.values()]


def pieces(cell: Sequence[RunSpec], parts: int) -> Iterator[tuple[RunSpec, ...]]:
    """Cut a cell in so many parts of about one size, none of them empty.

    >>> [len(piece) for piece in pieces(range(10), 3)]
    [4, 3, 3]
    """
    for index in range(min(parts, len(cell))):
        yield tuple(cell[index::parts])
