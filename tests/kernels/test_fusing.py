"""Steps in one loop of machine code give the interpreter's results, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from actlas.backends import numpy as numpy_backend
from actlas.backends.program import COSTS, OPERATIONS, Program, Unsupported, program
from actlas.catalogue import Definition, load
from actlas.expr import derivative
from actlas.kernels.cpu.runtime import engine
from tests.kernels.building import run_flat
from tests.kernels.test_layouts import python

SIZES = (1, 15, 16, 17, 1000, 5000)
SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1.1754944e-38, 3.4e38, -3.4e38, 1.0,
           -1.0, 16.0, -16.0)  # fmt: skip
Handle = Any


def fusing() -> ModuleType:
    """Return the installed engine, if it fuses."""
    module = engine().module
    if module is None or not engine().active:
        pytest.skip(f"no compiled engine: {engine().reason}")
    if not module.fuse(True):
        pytest.skip("this machine has no fused steps: another processor, or no memory for code")
    return module


@pytest.fixture(params=["avx512", "avx2"])
def module(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """The engine on each instruction set that has fused steps."""
    found = fusing()
    if not found.has(request.param):
        pytest.skip(f"this machine has no {request.param}")
    found.use(request.param)
    yield found
    found.use(engine().isa)


def two_ways(module: ModuleType, source: Program) -> tuple[Handle, Handle]:
    """Return the program step by step, and fused."""
    packed = source.packed()
    module.fuse(False)
    try:
        step_by_step = module.program(*packed)
    finally:
        module.fuse(True)
    return step_by_step, module.program(*packed)


def numbers(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return numbers of every size, among them what is special."""
    wide = np.exp(rng.uniform(-80, 80, size)) * rng.choice([-1, 1], size)
    usual = rng.standard_normal(size) * 3
    chosen = np.where(rng.random(size) < 0.7, usual, wide)
    special = rng.choice(SPECIAL, size)
    return np.where(rng.random(size) < 0.1, special, chosen).astype(np.float32)


def run(module: ModuleType, handle: Handle, inputs: list[np.ndarray], outputs: int, fixed: int
        ) -> list[np.ndarray]:  # fmt: skip
    """Run over contiguous memory; of the inputs the last `fixed` are one number."""
    size = len(inputs[0])
    results = [np.full(size, 7, np.float32) for _ in range(outputs)]
    moves = [1] * (len(inputs) - fixed) + [0] * fixed
    operands = [[v.ctypes.data, 0, 1, 0, move, 0] for v, move in zip(inputs, moves, strict=True)]
    operands += [[v.ctypes.data, 0, 1, 0, 1, 0] for v in results]
    module.grid(handle, 1, 1, size, np.array(operands, np.int64).tobytes())
    return results


def check_alike(module: ModuleType, source: Program, fixed: int = 0, seed: int = 0) -> None:
    """Compare the two ways over several sizes; NaN counts as NaN."""
    rng = np.random.default_rng(seed)
    step_by_step, fused = two_ways(module, source)
    for size in SIZES:
        inputs = [numbers(rng, size) for _ in source.inputs]
        for moving in {0, fixed}:
            one = run(module, step_by_step, inputs, len(source.outputs), moving)
            other = run(module, fused, inputs, len(source.outputs), moving)
            for a, b in zip(one, other, strict=True):
                same = (a.view(np.int32) == b.view(np.int32)) | (np.isnan(a) & np.isnan(b))
                at = np.flatnonzero(~same)
                assert same.all(), f"fused {b[at[0]]} is not {a[at[0]]}, element {at[0]} of {size}"


@pytest.mark.parametrize("entry", load().values(), ids=load())
def test_every_function(module: ModuleType, entry: Definition) -> None:
    """Value and gradients, with parameters of one number for all, and of one for each element."""
    names = (*entry.inputs, *entry.scalars(entry.default_shape))
    root = entry.expression(entry.default_shape)
    gradients = tuple(derivative(root, name) for name in names)
    for roots, factor in (((root,), ""), (gradients, "grad")):
        inputs = (*entry.inputs, *([factor] if factor else []), *names[len(entry.inputs) :])
        try:
            lowered = tuple(numpy_backend.prepared(r, names, ()) for r in roots)
            source = program(lowered, inputs, factor)
        except Unsupported:
            continue
        check_alike(module, source, fixed=len(names) - len(entry.inputs))


# What no step of a random program may be: it asks for a table, a wave's sign or a jump.
_OTHERWISE = {"table", "pieces", "near", "wave"}


def random_program(rng: np.random.Generator, steps: int, inputs: int, constants: int) -> Program:
    """Return steps that read what is already there; a third of the results are outputs."""
    known = inputs + constants
    simple = [name for name in COSTS if name not in _OTHERWISE]
    made = []
    for to in range(known, known + steps):
        a, b, c, d = (int(at) for at in rng.integers(0, to, 4))
        made.append((OPERATIONS[str(rng.choice(simple))], to, a, b, c, d))
    results = np.arange(known, known + steps)
    outputs = tuple(int(at) for at in results[rng.random(steps) < 1 / 3]) or (known,)
    values = tuple(float(v) for v in rng.standard_normal(constants))
    names = tuple(f"x{k}" for k in range(inputs))
    return Program(names, outputs, values, tuple(made), (), (), known + steps)


@pytest.mark.parametrize("seed", range(60))
def test_random_programs(module: ModuleType, seed: int) -> None:
    """All operations, more values than a processor has registers, logarithms between loops."""
    rng = np.random.default_rng(seed)
    inputs, constants = int(rng.integers(1, 6)), int(rng.integers(0, 12))
    steps = int(rng.integers(2, 64 - inputs - constants))
    check_alike(module, random_program(rng, steps, inputs, constants), inputs // 2, seed)


def test_a_program_may_write_over_its_input() -> None:
    found = fusing()
    root = load()["fplus"].expression()
    _, fused = two_ways(found, program((numpy_backend.prepared(root, ("x",), ()),), ("x",), ""))
    x = numbers(np.random.default_rng(0), 4099)
    wanted = run(found, fused, [x], 1, 0)[0]
    run_flat(found, fused, len(x), 0, x.ctypes.data, x.ctypes.data)
    np.testing.assert_array_equal(x, wanted)


# ---------------------------------------------------------------- the choice


REPORT = ("from actlas.kernels.cpu.runtime import engine; import actlas, torch;"
          "actlas.functional.fplus(torch.ones(3)); print(engine().steps)")  # fmt: skip


def test_the_environment_may_refuse_it() -> None:
    fusing()
    assert "ACTLAS_FUSE=0" in python(REPORT, ACTLAS_FUSE="0").stdout
    assert "one loop of machine code" in python(REPORT, ACTLAS_FUSE="1", ACTLAS_ISA="").stdout
    assert "generic path" in python(REPORT, ACTLAS_ISA="generic").stdout


def test_an_unknown_choice_is_refused() -> None:
    fusing()
    done = python(REPORT, ACTLAS_FUSE="yes")
    assert done.returncode != 0
    assert "ACTLAS_FUSE='yes': the choices are 1 (fuse steps) and 0" in done.stderr
