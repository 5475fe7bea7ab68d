"""Worker processes of this machine: one thread each, and each the only one that its death harms."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection
from typing import Any, TypeVar

import torch

from actlas.errors import ActlasError

Value = TypeVar("Value")


class Processes(Executor):
    """An executor that keeps working: a process that dies is replaced, and breaks its work alone.

    Args:
        count: processes; each is started when there is work for it.
    """

    def __init__(self, count: int) -> None:
        self._max_workers = count
        self._workers = [_Worker() for _ in range(count)]

    def submit(self, task: Callable[..., Value], /, *args: Any, **kwargs: Any) -> Future[Value]:
        """Give a task to the process with the least to do.

        Raises:
            ActlasError: if that process died before it could do anything.
        """
        worker = min(self._workers, key=lambda one: one.load)
        with _deaf_to_interrupts():
            return worker.submit(task, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes, as `concurrent.futures.Executor` says."""
        for worker in self._workers:
            worker.shutdown(wait, cancel_futures)

    def terminate(self) -> None:
        """End the processes at once, whatever they are doing."""
        for worker in self._workers:
            worker.terminate()


class _Worker:
    """One process, and the one that follows if it dies."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._started: Future[int] | None = None
        self._given: list[Future[Any]] = []

    @property
    def load(self) -> int:
        self._given = [future for future in self._given if not future.done()]
        return len(self._given)

    def submit(self, task: Callable[..., Value], *args: Any, **kwargs: Any) -> Future[Value]:
        try:
            future = self._living().submit(task, *args, **kwargs)
        except BrokenProcessPool:
            self._check_start()
            self._pool = None
            future = self._living().submit(task, *args, **kwargs)
        self._given.append(future)
        return future

    def _living(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_start_worker)
            self._started = self._pool.submit(os.getpid)
        return self._pool

    def _check_start(self) -> None:
        if self._started is not None and self._started.exception() is not None:
            raise ActlasError(
                "a worker process ended before it could begin: there is too little memory, or the "
                'script that called compare lacks the line `if __name__ == "__main__":` above the '
                "call"
            )

    def shutdown(self, wait: bool, cancel_futures: bool) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)

    def terminate(self) -> None:
        if self._pool is not None:
            for process in list((self._pool._processes or {}).values()):
                process.terminate()


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
