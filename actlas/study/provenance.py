"""On what machine and with what programs a run was made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy
import torch

from actlas.machine import machine, usable_cores

# The packages whose code decides what a run gives. Reports and statistics are left out: they can
# be changed without training anything again.
NUMERICS = (
    "expr", "catalogue", "backends", "facts", "kernels", "nn", "init", "models",
    "surgery/replacement", "study/command", "study/training", "study/tasks", "study/networks",
)  # fmt: skip
_CODE = {".py", ".c", ".h"}

__all__ = ["NUMERICS", "code_version", "machine", "usable_cores"]
_ROOT = Path(__file__).parent.parent


@cache
def code_version(defined_in: Path | None = None, peer: str = "") -> str:
    """Return a hash of all code that decides the outcome of a run.

    Args:
        defined_in: the file of a user's own task, so that a change there counts too.
        peer: library and version that a network comes from, where it is not ours.
    """
    digest = hashlib.sha256(f"torch {torch.__version__} numpy {numpy.__version__}{peer}".encode())
    for path in [*_sources(), *([defined_in] if defined_in else [])]:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    for package in NUMERICS:
        files = (_ROOT / package).rglob("*")
        yield from sorted(path for path in files if path.suffix in _CODE)
