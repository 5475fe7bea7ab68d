"""Building the engine's C source by hand: for sanitizers, and for instruction sets emulated."""

from __future__ import annotations

import importlib.util
import subprocess
import sysconfig
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.runners import compiler

SOURCE = Path(__file__).parents[2] / "actlas" / "kernels" / "cpu"
FILES = tuple(sorted(path.name for path in SOURCE.glob("*.c")))
SAFE = ("-fno-math-errno", "-fno-trapping-math", "-Wall", "-Wextra", "-Werror",
        "-Wno-unused-parameter", "-Wno-missing-field-initializers", "-Wno-psabi")  # fmt: skip
EMULATED = ("-O2", "-mavx2", "-mfma", "-DACTLAS_EMULATED", "-DSIMDE_ENABLE_NATIVE_ALIASES",
            "-DACTLAS_INTRINSICS=<simde/x86/avx512.h>")  # fmt: skip


def build(folder: Path, *flags: str, source: Path = SOURCE) -> Path:
    """Compile the extension into `folder`; skip where there is no compiler."""
    found = compiler()
    if found is None:
        pytest.skip("no C compiler at hand")
    target = folder / "_engine.abi3.so"
    include = f"-I{sysconfig.get_path('include')}"
    command = [found, *SAFE, *flags, "-shared", "-fPIC", include, *FILES, "-o", str(target)]
    done = subprocess.run([*command, "-lm"], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


def load(path: Path) -> ModuleType:
    """Import a built extension beside the installed one."""
    spec = importlib.util.spec_from_file_location("_engine", path)
    assert spec is not None and spec.loader is not None  # noqa: PT018
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def altered(folder: Path, text: str, instead: str) -> ModuleType:
    """Return an engine built from a source in which one text stands instead of another."""
    for path in (*SOURCE.glob("*.c"), *SOURCE.glob("*.h")):
        (folder / path.name).write_text(path.read_text().replace(text, instead))
    return load(build(folder, "-O0", source=folder))


@cache
def emulated(folder: Path) -> ModuleType:
    """Return an engine whose AVX-512 path runs on any machine, through an emulating header."""
    if not Path("/usr/include/simde/x86/avx512.h").exists():
        pytest.skip("the header that emulates AVX-512 (libsimde-dev) is not installed")
    module = load(build(folder, *EMULATED))
    module.use("avx512")
    return module


def run_flat(module: ModuleType, handle: Any, size: int, kind: int, *addresses: int) -> None:
    """Run a program over contiguous operands of one type, by one thread."""
    operands = np.array([[address, 0, 1, 0, 1, kind] for address in addresses], np.int64)
    module.grid(handle, 1, 1, size, operands.tobytes())


def threads() -> int:
    return torch.get_num_threads()
