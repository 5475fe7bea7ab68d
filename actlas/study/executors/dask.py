"""Workers of Dask: a cluster that is there, by its address, or processes of this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from actlas.errors import ActlasError, need_extra
from actlas.study.executors._remote import DEATHS, Answer, Remote
from actlas.study.provenance import usable_cores


class _Dask(Remote):
    def __init__(self, executor: Executor, workers: int) -> None:
        super().__init__(workers)
        self._executor = executor

    def send(self, job: Callable[..., Answer], *arguments: Any) -> Future[Answer]:
        return self._executor.submit(job, *arguments)


@contextmanager
def opened(address: str, workers: int | None, _: Path) -> Iterator[Executor]:
    """Give an executor on the cluster at `address`, or on one that is made for the block."""
    distributed = need_extra("distributed", "dask")
    with ExitStack() as stack:
        cluster = address or stack.enter_context(_local_cluster(distributed, workers))
        try:
            client = stack.enter_context(distributed.Client(cluster, timeout=30))
        except (OSError, ValueError) as error:
            raise ActlasError(f"no Dask scheduler answers at {address!r}: {error}") from error
        count = sum(client.nthreads().values())
        if not count:
            raise ActlasError(f"the Dask cluster at {address!r} has no worker")
        yield _Dask(client.get_executor(pure=False), min(count, workers or count))


def _local_cluster(distributed: Any, workers: int | None) -> Any:
    dask = need_extra("dask", "dask")
    dask.config.set({"distributed.scheduler.allowed-failures": DEATHS})
    return distributed.LocalCluster(
        n_workers=workers or len(usable_cores()), threads_per_worker=1, processes=True,
        dashboard_address=None, silence_logs=logging.CRITICAL,
    )  # fmt: skip
