"""Who trains: processes here, or workers of Dask, Ray or SLURM; one form for all of them.

Every other module of this package is a backend under its own name, with a function `opened`; it
imports its library when it is asked for.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from actlas.errors import ActlasError, nearest


def names() -> list[str]:
    """Return the names of the backends.

    >>> names()
    ['dask', 'local', 'ray', 'slurm']
    """
    return sorted(one.name for one in pkgutil.iter_modules(__path__) if one.name[0] != "_")


@contextmanager
def opened(text: str, workers: int | None, folder: Path) -> Iterator[Executor | None]:
    """Give an executor for the time of a block; None trains in the calling process.

    Args:
        text: a backend, with an address or options after a colon: "local", "dask",
            "dask:tcp://host:8786", "ray:auto", "slurm:partition=gpu,timeout_min=60".
        workers: how many runs are trained at once; by default one per core that is there.
        folder: that of the study, for what a backend writes.

    Raises:
        ActlasError: for an unknown backend, wrong options, or a library that is not installed.
    """
    name, _, options = text.partition(":")
    if name not in names():
        raise ActlasError(
            f"unknown executor {name!r}; known: {', '.join(names())}.{nearest(name, names())}"
        )
    backend = importlib.import_module(f"{__name__}.{name}")
    with backend.opened(options, workers, folder) as executor:
        yield executor
