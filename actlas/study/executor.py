"""Running many specifications: one process per core, one thread each, results as they come."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection
from pathlib import Path

import torch

from actlas.errors import ActlasError
from actlas.study.networks import with_network
from actlas.study.provenance import usable_cores
from actlas.study.tasks import find_task, load_data
from actlas.study.training import Record, RunSpec, train


def run_one(spec: RunSpec, data_root: Path | None) -> Record:
    """Train one network in this process; the data are read once per process.

    Raises:
        ActlasError: naming the run, whatever went wrong in it.
    """
    try:
        data = load_data(spec.task, data_root)
        return train(spec, with_network(find_task(spec.task), spec.network, data), data)
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ActlasError(
            f"the run of {spec.activation} with the learning rate {spec.learning_rate:g} and seed "
            f"{spec.seed} failed: {reason}"
        ) from error


def run_all(
    specs: Iterable[RunSpec], executor: Executor | None, data_root: Path | None
) -> Iterator[Record]:
    """Yield the record of every specification, in the order in which they finish.

    If one fails, those that finished together with it are given first, then its error is raised.

    Args:
        specs: what to train; taken one by one, and hardly sooner than a worker is free.
        executor: anything of the shape of `concurrent.futures`; None trains in this process.
        data_root: the folder with the data sets.
    """
    if executor is None:
        yield from (run_one(spec, data_root) for spec in specs)
        return
    waiting, ahead = iter(specs), _workers(executor) + 1
    futures: set[Future[Record]] = set()
    try:
        while True:
            with _deaf_to_interrupts():
                for spec in itertools.islice(waiting, ahead - len(futures)):
                    futures.add(executor.submit(run_one, spec, data_root))
            if not futures:
                return
            done, futures = wait(futures, return_when=FIRST_COMPLETED)
            failures = [error for future in done if (error := future.exception())]
            yield from (future.result() for future in done if not future.exception())
            if failures:
                raise failures[0]
    except BrokenProcessPool:
        raise ActlasError(
            "a worker process ended too early: it ran out of memory, or the script that called "
            'compare lacks the line `if __name__ == "__main__":` above the call'
        ) from None
    finally:
        for future in futures:
            future.cancel()


def _workers(executor: Executor) -> int:
    """Return how many processes a pool has; the cores where it does not tell."""
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
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_start_worker)
    try:
        yield pool
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
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


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C while worker processes are started: they inherit it, and leave it to us."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _start_worker() -> None:
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
