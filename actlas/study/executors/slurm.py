"""Jobs of SLURM through submitit; the same with submitit's own processes, to try it out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actlas.errors import ActlasError, need_extra
from actlas.study.executors._remote import DEATHS, Answer, Remote

_POLL = {"slurm": 5.0, "local": 0.1, "debug": 0.1}  # seconds between two looks at the jobs
_JOBS = 16  # at once, unless workers says otherwise
_MINUTES = 60  # that a job may take, unless timeout_min says otherwise

# The options that submitit has for every cluster; all others belong to SLURM.
_SHARED = {
    "name", "timeout_min", "mem_gb", "nodes", "cpus_per_task", "gpus_per_node", "tasks_per_node",
    "stderr_to_stdout",
}  # fmt: skip


@dataclass(frozen=True)
class _Job:
    """A job that was given to the cluster, how it is given anew, and how often it was lost."""

    running: Any
    give: Callable[[], Any]
    deaths: int = 0


class _Slurm(Remote):
    """Looks in a thread of its own which jobs have ended; one that was lost is given anew."""

    def __init__(self, submitit: Any, executor: Any, workers: int, seconds: float) -> None:
        super().__init__(workers)
        self._errors = submitit.core.utils
        self._executor, self._seconds = executor, seconds
        self._jobs: dict[Future[Answer], _Job] = {}
        self._lock, self._end = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def send(self, job: Callable[..., Answer], *arguments: Any) -> Future[Answer]:
        """Give a job to the cluster."""

        def give() -> Any:
            return self._executor.submit(job, *arguments)

        future: Future[Answer] = Future()
        with self._lock:
            self._jobs[future] = _Job(give(), give)
        return future

    def _watch(self) -> None:
        while not self._end.wait(self._seconds):
            with self._lock:
                there = list(self._jobs.items())
            for future, job in there:
                if job.running.done():
                    self._settle(future, job)

    def _settle(self, future: Future[Answer], job: _Job) -> None:
        """Pass on what came of a job, or give it anew if its machine was lost."""
        try:
            answer = job.running.result()
        except Exception as error:
            lost = isinstance(error, self._errors.UncompletedJobError)
            failed = isinstance(error, self._errors.FailedJobError)
            again = lost and not failed and job.deaths < DEATHS
            self._replace(future, _Job(job.give(), job.give, job.deaths + 1) if again else None)
            if not again:
                future.set_exception(error)
        else:
            self._replace(future, None)
            future.set_result(answer)

    def _replace(self, future: Future[Answer], job: _Job | None) -> None:
        with self._lock:
            del self._jobs[future]
            if job is not None:
                self._jobs[future] = job

    def stop(self) -> None:
        """End the thread, and the jobs whose answers nobody waits for."""
        self._end.set()
        self._thread.join()
        for job in self._jobs.values():
            job.running.cancel(check=False)


@contextmanager
def opened(options: str, workers: int | None, folder: Path) -> Iterator[Executor]:
    """Give an executor that makes every run a job.

    Args:
        options: those of submitit, "partition=gpu,timeout_min=60,mem_gb=8"; cluster=local or
            cluster=debug takes processes of this machine, or the calling one.
        workers: jobs at once.
        folder: that of the study; jobs are written to `slurm` in it, which all nodes must see.
    """
    submitit = need_extra("submitit", "slurm")
    given = {"timeout_min": _MINUTES, **_parsed(options)}
    cluster = str(given.pop("cluster", "slurm"))
    if cluster not in _POLL:
        raise ActlasError(f"cluster must be {', '.join(_POLL)}, got {cluster!r}")
    try:
        executor = submitit.AutoExecutor(folder=folder.absolute() / "slurm", cluster=cluster)
        executor.update_parameters(**given)
    except (RuntimeError, NameError, TypeError, ValueError, AssertionError) as error:
        raise ActlasError(f"slurm:{options} is refused: {' '.join(str(error).split())}") from error
    jobs = _Slurm(submitit, executor, workers or _JOBS, _POLL[cluster])
    try:
        yield jobs
    finally:
        jobs.stop()


def _parsed(options: str) -> dict[str, Any]:
    """Return options by the names of submitit; whole numbers as such.

    >>> _parsed("partition=gpu,timeout_min=60")
    {'slurm_partition': 'gpu', 'timeout_min': 60}
    """
    found: dict[str, Any] = {}
    for part in filter(None, map(str.strip, options.split(","))):
        name, equals, value = part.partition("=")
        if not equals:
            raise ActlasError(f"slurm takes name=value, as in timeout_min=60; got {part!r}")
        shared = name in _SHARED or name == "cluster" or name.startswith("slurm_")
        found[name if shared else f"slurm_{name}"] = int(value) if value.isdecimal() else value
    return found
