"""One run of a program: its process, its log, its time, and the record of what came of it."""

from __future__ import annotations

import ctypes
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from actlas.errors import ActlasError
from actlas.study.command.call import Command, arguments
from actlas.study.command.reading import final, scores
from actlas.study.command.task import LOGS, CommandTask
from actlas.study.provenance import machine
from actlas.study.training import Phase, Record, RunSpec

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux


def run_command(spec: RunSpec, task: CommandTask, folder: Path) -> Record:
    """Run the program once, or more often where it fails, and return what came of it.

    A run that ends with an error, takes too long, or prints no finite score has diverged: it gets
    the worst score.

    Args:
        spec: what to run.
        task: the program, and what to read from its output.
        folder: gets the log, under the run's key.

    Raises:
        ActlasError: if the program cannot be started at all, or the log not be written.
    """
    started = time.perf_counter()
    words = arguments(task.command.command, spec)
    text, ended = _attempts(words, task.command, folder / LOGS / f"{spec.key}.log")
    curve = [value for value in scores(task.command.metric, text) if math.isfinite(value)]
    curve = curve[-spec.epochs :]  # the report's axis
    found = _scores(spec, task.command, text) if ended else (math.nan, math.nan)
    diverged = any(score is not None and math.isnan(score) for score in found)
    worst = task.metric.worst
    kept = (worst, worst if found[1] is not None else None) if diverged else found
    return Record(
        spec=spec,
        validation=kept[0],
        test=kept[1],
        best_epoch=max(len(curve) - 1, 0),
        validation_curve=tuple(curve),
        loss_curve=(),
        diverged=diverged,
        gain=1.0,
        learned={},
        seconds=time.perf_counter() - started,
        machine=machine(),
    )


def _scores(spec: RunSpec, command: Command, text: str) -> tuple[float, float | None]:
    """Return the validation and the test score; the latter in the confirmation only."""
    validation = final(command.metric, text)
    if spec.phase is not Phase.CONFIRMATION:
        return validation, None
    return validation, final(command.test_metric, text) if command.test_metric else validation


def _attempts(words: list[str], command: Command, log: Path) -> tuple[str, bool]:
    """Return what the last attempt printed, and whether it ended well."""
    text = ""
    for attempt in range(1 + command.retries):
        text, ended = _attempt(words, command.timeout, log, attempt + 1)
        if ended:
            return text, True
    return text, False


def _attempt(words: list[str], timeout: float | None, log: Path, number: int) -> tuple[str, bool]:
    """Run the program once; its output is added to the log as it comes."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            output.write(f"# attempt {number}: {words}\n".encode())
            output.flush()
            begin = output.tell()
            said = _ended(words, timeout, output.fileno())
            text = log.read_bytes()[begin:].decode(errors="replace")
            output.write(f"# {said or 'ended well'}\n".encode())
        return text, not said
    except OSError as error:
        named = error.filename == words[0]
        what = f"the program {words[0]!r} cannot be started" if named else f"cannot write {log}"
        raise ActlasError(f"{what}: {error.strerror}") from error


def _ended(words: list[str], timeout: float | None, output: int) -> str:
    """Run the words to their end; return "" if all went well, else what happened.

    One thread each, as for our own runs, unless the caller's environment says otherwise.
    """
    process = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        env={"OMP_NUM_THREADS": "1", **os.environ}, start_new_session=True,
        preexec_fn=_end_with_parent(),
    )  # fmt: skip
    try:
        status = process.wait(timeout)
    except subprocess.TimeoutExpired:
        return f"stopped after {timeout:g} seconds"
    finally:
        _end(process)
    return f"ended with status {status}" if status else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program and what it has started; nothing of it outlives its run."""
    with suppress(ProcessLookupError, PermissionError):  # all gone already
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _end_with_parent() -> Callable[[], None] | None:
    """Return what makes a new process end with the one that trains, even by kill -9; Linux only."""
    if sys.platform != "linux":
        return None
    system = ctypes.CDLL(None)  # looked up now: the new process must not take a lock

    def ask() -> None:
        system.prctl(_DEATH_SIGNAL, signal.SIGKILL)

    return ask
