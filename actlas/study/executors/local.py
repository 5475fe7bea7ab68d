"""Processes of this machine, one for each core."""

from __future__ import annotations

from concurrent.futures import Executor
from contextlib import AbstractContextManager
from pathlib import Path

from actlas.errors import ActlasError
from actlas.study.executor import worker_pool


def opened(options: str, workers: int | None, _: Path) -> AbstractContextManager[Executor | None]:
    """Return a pool of processes; the calling process alone for one worker."""
    if options:
        raise ActlasError(f"local takes no options, got {options!r}; the number is --workers")
    return worker_pool(workers)
