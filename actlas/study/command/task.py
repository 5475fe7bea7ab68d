"""The task that a command stands for: a metric, and limits in plain words; no data of its own."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from actlas.errors import ActlasError
from actlas.study.command.call import JSON, Command, parsed
from actlas.study.tasks import Data, Metric, Split, Task
from actlas.study.training import Record

LOGS = "logs"  # in the folder of the study

_ONE_SCORE = (
    "The program gives one score: it chooses the learning rate and is compared as well, so every "
    "score is a little better than one on data never looked at. A test metric mends that."
)
_ITS_OWN = (
    "What the program does with its seed and its test data is its own matter: that runs are "
    "paired, and that nothing is chosen on test data, was not checked."
)


@dataclass(frozen=True, kw_only=True)
class CommandTask(Task):
    """A task whose runs are calls of a program."""

    command: Command


def command_task(name: str) -> CommandTask:
    """Return the task for a name that holds a command; ActlasError if it holds none."""
    command = parsed(name)
    title = f"the program {_program(command.command)}"
    return CommandTask(
        name=name,
        title=title,
        data=_no_data,
        network=_no_network,
        epochs=1,
        batch_size=1,
        practical_difference=0.0,
        limits=(_ITS_OWN,) if command.test_metric else (_ONE_SCORE, _ITS_OWN),
        learning_rates={},
        metric=_metric(command),
        command=command,
    )


def _metric(command: Command) -> Metric:
    text = command.test_metric or command.metric
    name = text.removeprefix(JSON) if text.startswith(JSON) else "score"
    return Metric(name, "units", _no_score, command.worst or 0.0, not command.lower_is_better)


def _program(template: str) -> str:
    """Return the first word that is a file here, or the first word of all.

    >>> _program("python train.py --seed {seed}")
    'train.py'
    """
    words = shlex.split(template)
    named = [word for word in words[1:] if word.endswith((".py", ".sh"))]
    return Path(named[0] if named else words[0]).name


def check_scores(task: Task, records: Iterable[Record], folder: Path) -> None:
    """Raise ActlasError if no run of a program gave a score: that is a mistake in the call.

    Args:
        task: nothing is asked of one that is not a program.
        records: the runs of the search.
        folder: that of the study, where the logs are.
    """
    runs = list(records) if isinstance(task, CommandTask) else []
    if runs and all(record.diverged for record in runs):
        raise ActlasError(
            f"none of {len(runs)} runs of {task.title} gave a score; what they printed is in "
            f"{folder / LOGS}"
        )


def files_of(name: str) -> str:
    """Return the hash of every file that the call names, so that a change there counts.

    Args:
        name: the task's.
    """
    digest = hashlib.sha256()
    for path in map(Path, shlex.split(parsed(name).command)[1:]):
        if path.is_file():
            digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _no_data(_: Path | None) -> Data:
    nothing = Split(torch.empty(0, 1), torch.empty(0, dtype=torch.int64))
    return Data(nothing, nothing, nothing)


def _no_network(_: Callable[[], nn.Module]) -> nn.Module:
    raise ActlasError("a command has a network of its own, which is not seen here")


def _no_score(*_: torch.Tensor) -> float:
    raise ActlasError("the scores of a command are read from what it prints")
