"""When, where and with what something was timed."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from actlas.kernels.cpu.runtime import engine
from actlas.machine import machine

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
