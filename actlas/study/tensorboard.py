"""Finished runs for TensorBoard: a curve for each, and the two scores at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from actlas.errors import ActlasError, need_extra
from actlas.study.progress import Listener, Progress
from actlas.study.training import Record


@contextmanager
def tensorboard_sink(folder: Path) -> Iterator[Listener]:
    """Give a listener that writes every finished run of a study, in a folder of the run's own.

    Args:
        folder: what `tensorboard --logdir` is given.

    Raises:
        ActlasError: without the package tensorboard, or if the folder cannot be written.
    """
    writer = need_extra("torch.utils.tensorboard", "tensorboard").SummaryWriter
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ActlasError(f"cannot write to {folder}: {error.strerror}") from error

    def listen(event: Progress) -> None:
        if event.record is not None:
            _write(writer, folder, event.record)

    yield listen


def run_name(record: Record) -> str:
    """Return the folders of a run, from the task to the seed and the key."""
    spec = record.spec
    given = "".join(f",{name}={value}" for name, value in spec.parameters)
    named = " in ".join(filter(None, (f"{spec.activation}{given}", spec.network)))
    arm = f"{named}{' A-A' if spec.twin else ''}"
    task = spec.task if spec.task.replace("-", "").isalnum() else "program"
    rate = f"lr={spec.learning_rate:g}"
    return "/".join((task, spec.phase.value, arm, rate, f"seed={spec.seed}-{spec.key[:6]}"))


def _write(writer: Any, folder: Path, record: Record) -> None:
    with writer(log_dir=str(folder / run_name(record))) as run:
        for name in ("validation", "loss"):
            for epoch, value in enumerate(getattr(record, f"{name}_curve"), start=1):
                run.add_scalar(name, value, epoch)
        for name in ("validation", "test"):
            if (score := getattr(record, name)) is not None:
                run.add_scalar(f"final/{name}", score, len(record.validation_curve))
