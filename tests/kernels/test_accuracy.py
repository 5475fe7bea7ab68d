"""The accuracy contract of the CPU engine, on every instruction set.

In float32: |error| <= 2**-21 max(1, |x|), and relative error <= 1e-5 where |f| >= 1e-3; for f and
f', over points by magnitude. No result can be closer than a rounding of the truth, so
two units in its last place always pass. What is no table (waves far out, sums that cancel) is
computed by steps in float32: near a zero its relative error is judged as decision 0004 does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from actlas.backends import numpy as numpy_backend
from actlas.backends.program import Unsupported, program
from actlas.catalogue import Definition, unroll
from actlas.expr import Expr, const, derivative, substitute, symbol
from actlas.kernels.autograd import elementwise
from actlas.kernels.cpu.runtime import ISAS, engine
from tests.conftest import ENTRIES, over
from tests.kernels.building import emulated, run_flat

ONE = [entry for entry in ENTRIES if len(entry.inputs) == 1]
# A million points in every run; ACTLAS_POINTS=10000000 asks for the ten millions of the contract.
POINTS, CHUNK = int(os.environ.get("ACTLAS_POINTS", "1000000")), 500_000
EPS = 2.0**-24


@cache
def chunk(seed: int) -> np.ndarray:
    """Return points by magnitude of both signs; half of them where networks work."""
    random = np.random.default_rng(seed)
    size = 10.0 ** np.concatenate([random.uniform(-4, 2, CHUNK // 2),
                                   random.uniform(-38, 38, CHUNK // 2)])  # fmt: skip
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 0.5, 1, 2, 3, 6, -1, -2, -3]
    x = size * random.choice([-1.0, 1.0], CHUNK)
    x[: len(special)] = special
    return x.astype(np.float32)


@pytest.fixture(scope="session")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every instruction set with the module that runs it; AVX-512 is emulated where it lacks."""
    active = engine()
    if active.module is None:
        pytest.skip("the engine is not built here")
    found: dict[str, Any] = dict.fromkeys(active.available, active.module)
    if "avx512" not in found:
        found["avx512"] = emulated(tmp_path_factory.mktemp("emulated"))
    return found


@pytest.fixture(autouse=True)
def _back_to_the_active_path() -> Iterator[None]:
    yield
    if engine().active:
        engine().module.use(engine().isa)  # type: ignore[union-attr]


def roots(entry: Definition) -> list[Expr]:
    """Return the function of x at its default parameters, and its derivative."""
    values = unroll(entry.bind({}))
    root = entry.expression(entry.default_shape)
    root = substitute(root, {symbol(name): const(value) for name, value in values.items()})
    return [root, derivative(root, "x")]


def steepness(root: Expr, x: np.ndarray) -> np.ndarray:
    """Return |f'|, and what its change adds where one rounding of x turns a wave by a radian."""
    slope, step = derivative(root, "x"), 1e-9
    wide = torch.from_numpy(x).double()
    near, moved = (
        elementwise(slope, ("x",), ()).composition(at, dtype=torch.float64).numpy()
        for at in (wide, wide * (1 + step))
    )
    with np.errstate(all="ignore"):
        return np.abs(near) + np.nan_to_num(4 * EPS * np.abs(moved - near) / step)


def made(module: Any, root: Expr) -> Any:
    """Return the program of a function of x in an engine."""
    source = program((numpy_backend.prepared(root, ("x",), ()),), ("x",))
    return module.program(*source.packed())


def in_doubles(root: Expr, x: np.ndarray) -> np.ndarray:
    """Return the truth for a float32: the plain composition of doubles, proved elsewhere."""
    wide = torch.from_numpy(x).double()
    return elementwise(root, ("x",), ()).composition(wide, dtype=torch.float64).numpy()


def run(module: Any, root: Expr, x: np.ndarray) -> np.ndarray:
    handle, y = made(module, root), np.empty_like(x)
    run_flat(module, handle, x.size, 0, x.ctypes.data, y.ctypes.data)
    return y


def violations(
    x: np.ndarray, found: np.ndarray, truth: np.ndarray, slope: np.ndarray | None
) -> np.ndarray:
    """Return where a value breaks the contract; `slope` is f' where the value is no table's."""
    with np.errstate(all="ignore"):
        finite, size = np.abs(truth) <= np.finfo(np.float32).max, np.fmax(1, np.abs(x))
        rounding = 2 * np.spacing(np.abs(truth).astype(np.float32)).astype(np.float64)
        error = np.abs(found - truth)
        moved = np.zeros_like(error) if slope is None else (
            8 * EPS * np.nan_to_num(np.abs(truth) + np.abs(x * slope) + size))  # fmt: skip
        absolute = error <= np.maximum(2.0**-21 * size, np.maximum(rounding, moved))
        relative = (error <= np.maximum(1e-5 * np.abs(truth), moved)) | (np.abs(truth) < 1e-3)
        beyond = ~finite & (np.sign(found) == np.sign(truth)) & (np.abs(found) >= 1e38)
    right = np.where(finite, absolute & relative, beyond)
    right = np.where(np.isnan(truth), np.isnan(found), right)
    return np.flatnonzero(~right)


@pytest.mark.slow
@over(ONE)
def test_keeps_the_contract_by_magnitude(entry: Definition, paths: dict[str, Any]) -> None:
    for order, root in enumerate(roots(entry)):
        tabulated = program((numpy_backend.prepared(root, ("x",), ()),), ("x",)).path == "table"
        for seed in range(POINTS // CHUNK):
            x = chunk(seed)
            truth = in_doubles(root, x)
            slope = None if tabulated else steepness(root, x)
            for isa, module in paths.items():
                module.use(isa)
                found = run(module, root, x)
                wrong = violations(x, found, truth, slope)
                assert not len(wrong), (
                    f"{isa}, order {order}: {len(wrong)} wrong, at x = {x[wrong[0]]:.9g} "
                    f"{found[wrong[0]]:.9g} for {truth[wrong[0]]:.9g}"
                )


@over(ONE)
def test_a_value_never_hangs_on_the_values_beside_it(
    entry: Definition, paths: dict[str, Any]
) -> None:
    """Mixed, sorted or alone in its block: the same bits, whatever the neighbours need."""
    x = chunk(0)[:: CHUNK // 4000].copy()
    order = np.argsort(x)
    for root in roots(entry):
        for isa, module in paths.items():
            module.use(isa)
            mixed = run(module, root, x)
            alone = np.concatenate([run(module, root, x[k : k + 1]) for k in range(0, x.size, 97)])
            np.testing.assert_array_equal(run(module, root, x[order]), mixed[order], isa)
            np.testing.assert_array_equal(alone, mixed[::97], isa)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@over(ONE)
def test_half_formats_on_every_path(
    entry: Definition, dtype: torch.dtype, paths: dict[str, Any]
) -> None:
    """Within one unit in the last place, or the absolute floor of float32, for all 65,536."""
    patterns = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(dtype)
    x, step = patterns.double().numpy(), torch.finfo(dtype).eps
    for root in roots(entry):
        truth = numpy_backend.evaluate(root, ["x"], x)
        for isa, module in paths.items():
            module.use(isa)
            found = run_half(module, root, patterns).double().numpy()
            with np.errstate(all="ignore"):
                unit = step * np.maximum(np.abs(truth), torch.finfo(dtype).tiny)
                allowed = np.maximum(unit, 2.0**-21 * np.fmax(1, np.abs(x)))
                over_range = np.abs(truth) * (1 + step) >= torch.finfo(dtype).max
                right = (np.abs(found - truth) <= allowed) | (over_range & (found * truth > 0))
            right |= np.isnan(truth) & np.isnan(found)
            wrong = np.flatnonzero(~right)
            assert not len(wrong), (f"{isa}: {len(wrong)} wrong, at {x[wrong[0]]} "
                                    f"{found[wrong[0]]} for {truth[wrong[0]]}")  # fmt: skip


def run_half(module: Any, root: Expr, x: torch.Tensor) -> torch.Tensor:
    handle, y = made(module, root), torch.empty_like(x)
    kind = {torch.bfloat16: 1, torch.float16: 2}[x.dtype]
    run_flat(module, handle, x.numel(), kind, x.data_ptr(), y.data_ptr())
    return y


def test_no_function_is_refused() -> None:
    """Every function and derivative has a program; if one has not, `actlas doctor` says so."""
    refused = []
    for entry in ONE:
        for root in roots(entry):
            try:
                program((numpy_backend.prepared(root, ("x",), ()),), ("x",))
            except Unsupported as error:
                refused.append(f"{entry.name}: {error}")
    assert not refused


def test_every_instruction_set_is_covered(paths: dict[str, Any]) -> None:
    assert set(paths) >= {"generic", "avx512"}
    assert set(paths) <= set(ISAS)
