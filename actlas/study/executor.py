"""Running many units of work: results as they come, and no unit lost with a worker that dies."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from pathlib import Path

import torch

from actlas.study.processes import Processes
from actlas.study.provenance import usable_cores
from actlas.study.units import Failure, Result, Unit, failed, run_unit

_ATTEMPTS = 2  # workers that a run may cost


def run_all(
    units: Iterable[Unit], executor: Executor | None, data_root: Path | None, folder: Path
) -> Iterator[Result]:
    """Yield a record or a failure for every run, in the order in which they finish; and notes.

    A unit whose worker dies is begun once more, its runs one by one; what dies twice is a failure.

    Args:
        units: what to train; taken one by one, not sooner than a worker is free.
        executor: anything of the shape of `concurrent.futures`; None trains in this process.
        data_root: the folder with the data sets.
        folder: that of the study; what a program prints is kept there.
    """
    if executor is None:
        for unit in units:
            yield from run_unit(unit, data_root, folder)
        return
    waiting, again = iter(units), deque[Unit]()
    running: dict[Future[list[Result]], Unit] = {}
    try:
        while True:
            while len(running) < workers_of(executor):
                next_unit = again.popleft() if again else next(waiting, None)
                if next_unit is None:
                    break
                running[executor.submit(run_unit, next_unit, data_root, folder)] = next_unit
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                unit, error = running.pop(future), future.exception()
                if error is None:
                    yield from future.result()
                elif unit.attempt < _ATTEMPTS:
                    again.extend(Unit((spec,), attempt=unit.attempt + 1) for spec in unit.specs)
                else:
                    yield from _lost(unit, error)
    finally:
        for future in running:
            future.cancel()


def _lost(unit: Unit, error: BaseException) -> Iterator[Failure]:
    reason = " ".join(str(error).split()) or type(error).__name__
    for spec in unit.specs:
        yield failed(spec, f"its worker died, {unit.attempt} times in a row: {reason}")


def workers_of(executor: Executor | None) -> int:
    """Return how many processes an executor has; the cores where it does not tell."""
    if executor is None:
        return 1
    return int(getattr(executor, "_max_workers", len(usable_cores())))


@contextmanager
def worker_pool(workers: int | None) -> Iterator[Executor | None]:
    """Give a pool with one process per core, or None for 1 worker: the calling process.

    Leaving the block early (an error, Ctrl-C) ends the processes at once.
    """
    count = len(usable_cores()) if workers is None else workers
    if count == 1:
        with _one_thread():
            yield None
        return
    pool = Processes(count)
    try:
        yield pool
    except BaseException:
        pool.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
