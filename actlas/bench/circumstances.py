"""When, where and with what something was timed."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from actlas.kernels.cpu.runtime import engine
from actlas.machine import machine

# Settings of a process under which large new memory costs less (benchmarks/allocators.py).
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}
HUGE_PAGES = {"THP_MEM_ALLOC_ENABLE": "1"}
_PACKAGES = ("actlas", "torch", "jax", "jaxlib", "onnxruntime", "torch-activation")


def circumstances(threads: int) -> dict[str, Any]:
    """Return what decides how long something takes, as plain data."""
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {**machine(), "libc": " ".join(platform.libc_ver()), "huge_pages": huge_pages()},
        "engine": {"isa": engine().isa, "threads_of": engine().threads},
        "threads": threads,
        "versions": dict(_versions()),
    }


def _versions() -> Iterator[tuple[str, str]]:
    for package in _PACKAGES:
        try:
            yield package, metadata.version(package)
        except metadata.PackageNotFoundError:
            continue


def huge_pages() -> str:
    """Return the kernel's policy for transparent huge pages: always, madvise, never, unknown."""
    try:
        text = Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text(encoding="utf-8")
    except OSError:
        return "unknown"
    return text.partition("[")[2].partition("]")[0]


def memory_advice(environment: Mapping[str, str] = os.environ) -> str:
    """Return in one sentence what would make large new tensors cheaper, or that it is set.

    >>> memory_advice({"THP_MEM_ALLOC_ENABLE": "1"})
    'THP_MEM_ALLOC_ENABLE=1 is set'
    """
    known = {**KEEP_MEMORY, **HUGE_PAGES}
    given = {name: environment[name] for name in known if name in environment}
    if given:
        return f"{written(given)} is set"
    return (f"large new tensors cost page faults; with glibc, {written(KEEP_MEMORY)} keeps freed "
            f"memory in the process, and {written(HUGE_PAGES)} asks for huge pages")  # fmt: skip


def written(setting: Mapping[str, str]) -> str:
    """Return a setting as it is typed before a command."""
    return " ".join(f"{name}={value}" for name, value in setting.items())
