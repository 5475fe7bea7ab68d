"""Workers of Ray: a cluster that is there, by its address, or processes of this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from actlas.errors import ActlasError, need_extra
from actlas.study.executors._remote import DEATHS, Answer, Remote
from actlas.study.provenance import usable_cores


class _Ray(Remote):
    def __init__(self, ray: Any, workers: int) -> None:
        super().__init__(workers)
        self._ray = ray

    def send(self, job: Callable[..., Answer], *arguments: Any) -> Future[Answer]:
        remote = self._ray.remote(job).options(num_cpus=1, max_retries=DEATHS)
        future: Future[Answer] = remote.remote(*arguments).future()
        return future


@contextmanager
def opened(address: str, workers: int | None, _: Path) -> Iterator[Executor]:
    """Give an executor on the cluster at `address`, or on one that is made for the block."""
    ray = need_extra("ray", "ray")
    own: dict[str, Any] = {
        "num_cpus": workers or len(usable_cores()), "include_dashboard": False,
    }  # fmt: skip
    try:
        ray.init(
            **({"address": address} if address else own), log_to_driver=False,
            logging_level=logging.ERROR,
        )  # fmt: skip
    except (OSError, ValueError, ConnectionError) as error:
        raise ActlasError(f"no Ray cluster answers at {address!r}: {error}") from error
    try:
        count = int(ray.cluster_resources().get("CPU", 1))
        yield _Ray(ray, min(count, workers or count))
    finally:
        ray.shutdown()
