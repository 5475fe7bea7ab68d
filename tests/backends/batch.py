"""Many printed functions in one C library or one run of node: a compiler call costs 0.2 s."""

from __future__ import annotations

import ctypes
import json
import re
import subprocess
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from actlas.backends.c import C
from actlas.backends.javascript import JAVASCRIPT
from tests.support.runners import compiler, node

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror")


@lru_cache(maxsize=8)
def c_library(functions: str, flags: tuple[str, ...] = ()) -> ctypes.CDLL:
    """Compile functions behind one copy of the runtime; any warning is an error."""
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "source.c", Path(folder) / "library.so"
        source.write_text(C.runtime + functions)
        done = subprocess.run(
            [str(compiler()), "-std=c99", "-O1", "-shared", "-fPIC", *WARNINGS, *flags,
             str(source), "-o", str(library), "-lm"],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[:3000]
        return ctypes.CDLL(str(library))


def c_loop(name: str, inputs: int) -> str:
    """Return a C function `name_over` that fills a table, for the function `name`."""
    arrays = "".join(f"const real *x{i}, " for i in range(inputs))
    call = ", ".join(f"x{i}[k]" for i in range(inputs))
    return (f"void {name}_over(int n, {arrays}real *y);\n"
            f"void {name}_over(int n, {arrays}real *y) {{\n"
            f"  for (int k = 0; k < n; k++) y[k] = {name}({call});\n}}\n")  # fmt: skip


def c_table(
    library: ctypes.CDLL, name: str, points: tuple[np.ndarray, ...], dtype: type[np.floating]
) -> np.ndarray:
    """Return the values of a function of the library over arrays of points."""
    arrays = [np.ascontiguousarray(p, dtype=dtype) for p in points]
    result = np.empty_like(arrays[0])
    pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (*arrays, result)]
    getattr(library, f"{name}_over")(len(result), *pointers)
    return result.astype(np.float64)


def javascript_tables(
    functions: Mapping[str, str], points: Mapping[str, tuple[np.ndarray, ...]], runtime: bool = True
) -> dict[str, np.ndarray]:
    """Run printed functions over their points in one node process."""
    parts = [JAVASCRIPT.runtime if runtime else "", "const all = {};"]
    for name, source in functions.items():
        defined = re.findall(r"^function (\w+)\(", source, re.MULTILINE)[-1]
        rows = json.dumps([list(map(repr, place)) for place in np.transpose(points[name]).tolist()])
        rows = rows.replace("inf", "Infinity").replace("nan", "NaN")
        mapped = f"{rows}.map((p) => String({defined}(...p.map(Number))))"
        parts.append(f"all[{json.dumps(name)}] = (() => {{ {source}\nreturn {mapped}; }})();")
    parts.append("console.log(JSON.stringify(all));")
    done = subprocess.run([str(node()), "-"], input="\n".join(parts), capture_output=True,
                          text=True, check=False, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr[:3000]
    return {
        name: np.array([float(v.replace("Infinity", "inf")) for v in values])
        for name, values in json.loads(done.stdout).items()
    }
