"""Which engine runs: the compiled extension, its instruction set, torch's threads, and why not.

`ACTLAS_ISA` chooses among avx512, avx2, generic and none (the plain composition); without it the
best that the machine has is taken. `ACTLAS_FUSE=0` has steps run one after another, without machine
code that is made at run time.
"""

from __future__ import annotations

import ctypes
import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import torch

from actlas.errors import ActlasError, nearest
from actlas.kernels.cpu.tensors import introduce

ISAS = ("avx512", "avx2", "generic")  # the best first
NONE = "none"


@dataclass(frozen=True)
class Engine:
    """The active path: `isa` is one of `ISAS`, or "none" with the reason."""

    isa: str
    available: tuple[str, ...]
    reason: str
    module: ModuleType | None
    threads: str  # whose threads run large tensors
    steps: str = ""  # how the steps of a program run, in words
    calls: str = ""  # how it is asked whether tensors may run here, in words

    @property
    def active(self) -> bool:
        """Say whether compiled code runs."""
        return self.module is not None and self.isa != NONE


@cache
def engine() -> Engine:
    """Return the engine, loaded once.

    Raises:
        ActlasError: if ACTLAS_ISA names an instruction set that is unknown or not at hand.

    >>> engine().isa in (*ISAS, "none")
    True
    """
    try:
        from actlas.kernels.cpu import _engine  # type: ignore[attr-defined]
    except ImportError as error:
        _check_known(os.environ.get("ACTLAS_ISA", ""))
        why = f"the C extension was not built ({error}); reinstall with a C compiler at hand"
        return Engine(NONE, (), why, None, "")
    available = tuple(isa for isa in ISAS if _engine.has(isa))
    return _start(_engine, available, os.environ.get("ACTLAS_ISA", "") or available[0])


def _start(module: ModuleType, available: tuple[str, ...], isa: str) -> Engine:
    _check_known(isa)
    if isa == NONE:
        return Engine(NONE, available, "ACTLAS_ISA=none asks for the composition", module, "")
    if isa not in available:
        raise ActlasError(f"ACTLAS_ISA={isa}: this machine has {', '.join(available)}")
    module.use(isa)
    asked = "ACTLAS_ISA asks for it" if os.environ.get("ACTLAS_ISA") else "the best at hand"
    calls = (
        "asked in C, by DLPack's functions"
        if introduce(module)
        else ("asked in Python, which small tensors feel: this torch has no DLPack functions for C")
    )
    return Engine(isa, available, asked, module, _share_threads(module), _fuse(module, isa), calls)


def _fuse(module: ModuleType, isa: str) -> str:
    """Have steps fused where that is wanted and possible, and say whether they are."""
    wanted = os.environ.get("ACTLAS_FUSE", "") or "1"
    if wanted not in ("0", "1"):
        raise ActlasError(f"ACTLAS_FUSE={wanted!r}: the choices are 1 (fuse steps) and 0")
    possible = module.fuse(wanted == "1")
    if wanted == "0":
        why = "ACTLAS_FUSE=0 asks for it"
    elif isa == "generic":
        why = "the generic path has no machine code"
    elif not possible:
        why = "this system grants no memory for code"
    else:
        return "fused: a run of steps is one loop of machine code"
    return f"one after another: {why}"


def _check_known(isa: str) -> None:
    known = (*ISAS, NONE)
    if isa and isa not in known:
        raise ActlasError(f"ACTLAS_ISA={isa!r} is not an instruction set; the choices are "
                          f"{', '.join(known)}.{nearest(isa, known)}")  # fmt: skip


def _share_threads(module: ModuleType) -> str:
    """Hand the engine the thread pool that torch has already started, so that there is one."""
    patterns = {"Linux": "libgomp*.so*", "Darwin": "libomp*.dylib"}
    folder = Path(torch.__file__).parent / "lib"
    for path in sorted(folder.glob(patterns.get(platform.system(), "libgomp*"))):
        library = ctypes.CDLL(str(path))
        if hasattr(library, "GOMP_parallel"):
            functions = library.GOMP_parallel, library.omp_get_thread_num
            module.use_threads_of(*[ctypes.cast(f, ctypes.c_void_p).value for f in functions])
            return path.name
    return "none: torch's OpenMP library was not found, so one thread runs"
