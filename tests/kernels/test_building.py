"""The C source under sanitizers, and the install with and without a compiler."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from actlas.backends import numpy as numpy_backend
from actlas.backends.program import OPERATIONS, Program, Unsupported, program
from actlas.catalogue import load, unroll
from actlas.expr import derivative
from tests.kernels.building import build

ROOT = Path(__file__).parents[2]

# Runs without torch: a sanitizer watches every load and store of every program.
SCRIPT = """
import importlib.util, pickle, sys
import numpy as np
spec = importlib.util.spec_from_file_location("_engine", sys.argv[1])
engine = importlib.util.module_from_spec(spec); spec.loader.exec_module(engine)
programs = pickle.load(open(sys.argv[2], "rb"))
def run(handle, size, kind, *arrays):
    fields = np.array([[v.ctypes.data, 0, 1, 0, 1, kind] for v in arrays], "i8")
    engine.grid(handle, 1, 1, size, fields.tobytes())
paths = [isa for isa in ("generic", "avx2", "avx512") if engine.has(isa)]
for path in paths:
    engine.use(path)
    for inputs, arguments in programs:
        handle = engine.program(*arguments)
        for size in (0, 1, 15, 16, 17, 300):
            for kind, dtype in enumerate(("f4", "u2", "u2")):
                bits = np.random.default_rng(size).bytes(size * inputs * 4)
                whole = np.frombuffer(bits, "u4" if dtype == "f4" else "u2")
                x = [np.array(whole[k * size : (k + 1) * size]) for k in range(inputs)]
                y = np.empty(size, dtype)
                run(handle, size, kind, *x, y)
    arguments = programs[0][1]
    handle = engine.program(*arguments)
    for size in (65535, 65536, 65537):
        x = np.random.default_rng(0).standard_normal(size + 1).astype("f4")
        y = np.empty(size + 1, "f4")
        run(handle, size, 0, x[1:], y[1:])
print(" ".join(paths))
"""


@pytest.mark.slow
def test_sanitizers_find_nothing(tmp_path: Path) -> None:
    """Address and undefined-behaviour sanitizers over every program, size and dtype."""
    flags = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    library = build(tmp_path, *flags)
    runtime = subprocess.run(["cc", "-print-file-name=libasan.so"], capture_output=True, text=True)
    programs = tmp_path / "programs.pickle"
    programs.write_bytes(pickle.dumps([(len(p.inputs), p.packed()) for p in every_program()]))
    environment = {**os.environ, "LD_PRELOAD": runtime.stdout.strip(),
                   "ASAN_OPTIONS": "detect_leaks=0"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(library), str(programs)],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "generic" in done.stdout


def every_program() -> list[Program]:
    """Return value and gradient programs of every function, with parameters as inputs."""
    found = []
    for entry in load().values():
        names = (*entry.inputs, *entry.scalars(entry.default_shape))
        usual = tuple(unroll(entry.bind({})).values()) if len(entry.inputs) == 1 else ()
        root = entry.expression(entry.default_shape)
        for expression, factor in ((root, ""), (derivative(root, "x"), "grad")):
            lowered = numpy_backend.prepared(expression, names, usual)
            inputs = (*names, factor) if factor else names
            try:
                found.append(program((lowered,), inputs, factor))
            except Unsupported:  # powr with a learned exponent: the composition runs
                continue
    return found


def test_a_jump_leads_past_the_choice() -> None:
    """Else the far part is loaded although it was not computed: from memory never touched."""
    check_jumps(every_program())


def check_jumps(programs: list[Program]) -> None:
    names, jumps = list(OPERATIONS), 0
    for made in programs:
        for at, (operation, to, _, _, length, _) in enumerate(made.steps):
            if names[operation] == "near":
                jumps += 1
                last = made.steps[at + length - 1]
                assert (names[last[0]], last[1]) == ("beyond", to), "the choice is made twice"
    assert jumps >= 16, "no program with a jump was looked at"


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["cc", "no compiler"])
def test_installs_with_and_without_a_compiler(compiler: str, tmp_path: Path) -> None:
    """The install succeeds either way; `actlas doctor` says which path runs and why."""
    if compiler == "cc" and shutil.which("cc") is None:
        pytest.skip("no C compiler at hand")
    source, target = tmp_path / "source", tmp_path / "installed"
    kept = shutil.ignore_patterns(".git", ".venv", "tests", "*.so", "build", ".*_cache", "studies")
    shutil.copytree(ROOT, source, ignore=kept)
    environment = {**os.environ, "CC": "cc" if compiler == "cc" else "no-such-compiler"}
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--quiet",
         "--disable-pip-version-check", "--target", str(target), str(source)],
        check=True, capture_output=True, env=environment,
    )  # fmt: skip
    report = subprocess.run(
        [sys.executable, "-m", "actlas", "doctor", "--json"],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(target)},
    )  # fmt: skip
    assert report.returncode == 0, report.stderr
    engine = json.loads(report.stdout)["engine"]
    built = any(target.rglob("_engine*.so"))
    assert built == (compiler == "cc")
    assert ("not built" in str(engine)) == (not built)
