"""What machine this is and with which versions it runs, as it stands in every record."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

import numpy
import torch


@cache
def machine() -> dict[str, str]:
    """Return the versions and the machine."""
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


def available_memory() -> int | None:
    """Return how many bytes can still be had without swapping, or None where nobody says."""
    found = _field("/proc/meminfo", "MemAvailable")
    return 1024 * int(found.split()[0]) if found else None


def _processor() -> str:
    return _field("/proc/cpuinfo", "model name") or platform.processor()


def _field(file: str, name: str) -> str:
    """Return what stands behind "name:" in a file, or "" where it is not to be read."""
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    found = [line.split(":", 1)[1].strip() for line in lines if line.startswith(name)]
    return found[0] if found else ""
