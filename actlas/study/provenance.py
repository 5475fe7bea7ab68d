"""On what machine and with what programs a run was made."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy
import torch

# The packages whose code decides what a run gives. Reports and statistics are left out: they can
# be changed without training anything again.
NUMERICS = (
    "expr", "catalogue", "backends", "facts", "kernels", "nn", "init",
    "study/training", "study/tasks",
)  # fmt: skip

_ROOT = Path(__file__).parent.parent


@cache
def machine() -> dict[str, str]:
    """Return the versions and the machine, as they go into every record."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": numpy.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": str(len(usable_cores())),
    }


def usable_cores() -> set[int]:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


@cache
def code_version(defined_in: Path | None = None) -> str:
    """Return a hash of all code that decides the outcome of a run.

    Args:
        defined_in: the file of a user's own task, so that a change there counts too.
    """
    digest = hashlib.sha256(f"torch {torch.__version__} numpy {numpy.__version__}".encode())
    for path in [*_sources(), *([defined_in] if defined_in else [])]:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    for package in NUMERICS:
        yield from sorted((_ROOT / package).rglob("*.py"))
