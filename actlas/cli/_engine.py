"""What `actlas doctor` says of the path that runs: the CPU engine, or the composition and why."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import torch

from actlas.api import get, names

Rows = dict[str, str]
_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def engine_rows() -> Rows:
    """Return which path runs and why, for how many functions, and what would make it faster."""
    from actlas.kernels.cpu.runtime import engine

    active = engine()
    if not active.active:
        why = active.reason if active.module else f"not built: {active.reason}"
        return {"path": "composition of PyTorch operations, exact derivative as backward",
                "why": why, "C compiler": _compiler() or "not found", **_gpu()}  # fmt: skip
    return {
        "path": f"compiled engine, {active.isa} ({active.reason})",
        "at hand": ", ".join(active.available),
        "threads": f"{torch.get_num_threads()} of torch's own pool ({active.threads})",
        **_programs(),
        "steps": active.steps,
        "calls": active.calls,
        "large pages": _pages(),
        "composition": "float64, torch.compile, export, functorch, subclasses, tracing",
        **_gpu(),
    }


def _programs() -> Rows:
    """Count how values are computed, and name each function that the engine does not run."""
    from actlas.kernels.cpu.build import refused

    kinds = Counter(map(_path_of, names()))
    rows = {"functions": ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())}
    for expression, reason in refused().items():
        rows[f"refused {expression[:40]}"] = f"not in the engine: {reason}"
    return rows


def _path_of(name: str) -> str:
    from actlas.kernels.autograd import elementwise
    from actlas.kernels.cpu.launch import value_program

    found = get(name)
    inputs = found.definition.inputs
    numbers = tuple(found.numbers)
    kernel = elementwise(found.expression(), (*inputs, *found.scalars), numbers).kernel
    code = value_program(kernel, (*[None] * len(inputs), *numbers))
    return code.path if code else "composition"


def _pages() -> str:
    if not _PAGES.exists():
        return "not known on this system"
    setting = _PAGES.read_text().partition("[")[2].partition("]")[0]
    advice = {
        "always": "always: fresh buffers are quick",
        "madvise": "madvise: the engine asks for them; for torch's own buffers set "
                   "THP_MEM_ALLOC_ENABLE=1",
        "never": "never: fresh buffers of many megabytes pay for page faults; reuse them (out=)",
    }  # fmt: skip
    return advice.get(setting, setting)


def _gpu() -> Rows:
    from actlas.kernels.triton import available

    found = available()
    return {"GPU": "generated Triton kernels" if found else f"composition: {found.reason}"}


def _compiler() -> str | None:
    candidates = (os.environ.get("CC"), "cc", "gcc", "clang")
    return next((found for name in candidates if name and (found := shutil.which(name))), None)
