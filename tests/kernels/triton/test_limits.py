"""What the kernels refuse, how far their offsets reach, and what gets into their source."""

from __future__ import annotations

import ast
import linecache
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import actlas
from actlas.errors import ActlasError
from actlas.expr import exp, symbol
from actlas.expr.node import make
from actlas.kernels.triton import (
    Available,
    Unsupported,
    _inputs,
    available,
    biased,
    gated,
    gradients,
    value,
)
from actlas.kernels.triton._geometry import Tiles, tiles, walk
from actlas.kernels.triton._module import module_of
from actlas.kernels.triton._text import Kernel, Spec, source
from tests.conftest import over
from tests.kernels.triton import needs_triton
from tests.kernels.triton.interpreter import addresses, interpreted
from tests.kernels.triton.test_layouts import SWISH

X = torch.ones(4, 6)


def test_without_a_gpu_there_is_a_reason() -> None:
    if not torch.cuda.is_available():
        assert not available()
        assert available().reason in ("PyTorch sees no GPU", "Triton is not installed")
        with pytest.raises(Unsupported, match=re.escape(available().reason)):
            value(SWISH, [X, 1.0])


REFUSED: dict[str, tuple[Any, ...]] = {
    "a first input that is a number": ([1.0, X],),
    "torch.float64": ([X.double(), 1.0],),
    "torch.int64": ([X, torch.ones(6, dtype=torch.int64)],),
    "shapes that do not broadcast": ([X, torch.ones(5)],),
    "not (4, 6)": ([X, 1.0], None, torch.empty(6, 4)),
    "shapes that do not broadcast to the first": ([X, torch.ones(2, 4, 6)],),
    "tensors on cpu and meta": ([X, torch.ones(6, device="meta")],),
    "result of shape (6, 4)": ([X, 1.0], None, torch.empty(6, 4)),
    "these kernels compute in float32": ([X, 1.0], torch.float64),
}


@needs_triton
@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_not_served_is_said(reason: str) -> None:
    with pytest.raises(Unsupported, match=re.escape(reason)):
        interpreted(value, SWISH, *REFUSED[reason])


def test_a_view_that_is_negated_on_reading_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_inputs, "available", Available)
    monkeypatch.setattr(_inputs, "interpreted", lambda: True)
    negated = torch.ones(4, 6, dtype=torch.complex64).conj().imag
    with pytest.raises(Unsupported, match="memory is not all"):
        value(SWISH, [negated, 1.0])


@needs_triton
def test_a_gradient_of_another_shape_is_refused() -> None:
    with pytest.raises(Unsupported, match=r"a gradient of shape \(6, 4\), not \(4, 6\)"):
        interpreted(gradients, SWISH, [X, 1.0], torch.ones(6, 4), [0])


def test_rows_are_numbered_in_32_bits() -> None:
    with pytest.raises(Unsupported, match=r"2147483648 rows; at most 1073741824"):
        walk((2**31, 2), ((4, 1), (2, 1)), (False, False))


def test_impossible_forms_are_refused() -> None:
    two = (symbol("x") * symbol("y"), ("x", "y"), ())
    with pytest.raises(ActlasError, match="a gate multiplies a function of x"):
        gated(two)
    with pytest.raises(ActlasError, match="a bias is added once, to x or y, not to 'z'"):
        biased(two, "z")
    with pytest.raises(ActlasError, match="not to 'x' of x, y, bias_x"):
        biased(biased(two))


# ---------------------------------------------------------------- how far offsets reach


def test_tiles_cover_everything_once() -> None:
    """Every element belongs to one step of one program, whether or not rows are summed."""
    for rows, columns in [(1, 1), (1, 5000), (7, 3), (3000, 2), (100, 1024), (5, 1025)]:
        geometry = walk((rows, columns), ((columns, 1), (2 * columns, 1)), (False, False))
        for sums in (False, True):
            shares: Tiles = tiles(geometry, sums)
            assert shares.across * shares.columns >= geometry.sizes[-1]
            assert (shares.across - 1) * shares.columns < geometry.sizes[-1]
            assert shares.chunks * shares.steps * shares.rows >= geometry.rows
            assert (shares.chunks - 1) * shares.steps * shares.rows < geometry.rows


@needs_triton
@pytest.mark.parametrize("program", [0, 1, 2**21 + 3, 2**31 - 1])
def test_offsets_of_one_loop_reach_beyond_32_bits(program: int) -> None:
    """Program n of a flat tensor reads and writes elements 1024 n to 1024 n + 1023."""
    spec = Spec((exp(symbol("x")), ("x",), ()), ("full",), 1)
    total = 1024 * 2**31
    read, written = interpreted(addresses, spec, program, [2, 1], [1, total, 2**31, 1])
    first = 1024 * program
    assert read == [first * 2 * 4, (first + 1023) * 2 * 4]
    assert written == [first * 4, (first + 1023) * 4]


@needs_triton
def test_offsets_of_rows_reach_beyond_32_bits() -> None:
    """Row r of a half of a larger tensor lies r strides on, however large the stride."""
    spec = Spec((exp(symbol("x")), ("x",), ()), ("full",), 2)
    stride, program, numbers = 2**33 + 16, 2**20 + 1, [2**30, 1024, 1, 1]
    read, written = interpreted(addresses, spec, program, [stride, 1, 2**34, 1], numbers)
    assert read == [program * stride * 4, (program * stride + 1023) * 4]
    assert written == [program * 2**34 * 4, (program * 2**34 + 1023) * 4]


# ---------------------------------------------------------------- what gets into the source


@over()
def test_source_holds_nothing_but_our_own_words(entry: Any) -> None:
    """Names are x, y, p1, ...; everything called is Triton's or the runtime's."""
    inputs = (*entry.inputs, *entry.scalars(entry.default_shape))
    kernel: Kernel = (entry.expression(), inputs, ())
    kinds = ("full",) * len(entry.inputs) + ("rows",) * (len(inputs) - len(entry.inputs))
    for wanted in ((), tuple(range(len(inputs)))):
        tree = ast.parse(source(Spec(kernel, kinds, 2, wanted)))
        modules = {ast.unparse(n) for n in tree.body if not isinstance(n, ast.FunctionDef)}
        assert modules == {
            "import triton", "import triton.language as tl",
            "from triton.language.extra import libdevice",
        }  # fmt: skip
        called = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
        own = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
        foreign = {c for c in called - own if not re.fullmatch(r"(tl|libdevice)\.\w+|.*\.to", c)}
        assert foreign <= {"range", "float"}, foreign


def test_names_of_a_user_do_not_get_in() -> None:
    name = "tl); import os #"
    kernel: Kernel = (exp(symbol("x") * symbol(name)), ("x", name), ())
    text = source(Spec(kernel, ("full", "scalar"), 1, (0, 1)))
    assert "import os" not in text
    assert text.count("p1") > 3


def test_an_unknown_operation_is_refused_before_any_source() -> None:
    alien = make("__import__('os')", symbol("x"))
    with pytest.raises(KeyError):  # it has no bounds: lowering knows primitives only
        source(Spec((alien, ("x",), ()), ("full",), 1))


def test_modules_live_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the module's name in the current folder is not what is read or run."""
    text = "def f():\n    return 'memory'\n"
    module = module_of(text)
    name = str(module.__file__)
    monkeypatch.chdir(tmp_path)
    Path(name).write_text("def f():\n    return 'disk'\n")
    linecache.checkcache()
    import inspect

    assert module_of(text) is module
    assert module.f() == "memory"
    assert inspect.getsource(module.f) == text
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_a_module_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(sys.modules)
    with pytest.raises(ZeroDivisionError):
        module_of("1 / 0\n")
    assert set(sys.modules) == before


def test_a_users_function_gets_kernels() -> None:
    with_a = actlas.define("in_triton", "x * tanh(exp(slope*x))", slope=1.5)
    try:
        text = source(Spec((with_a.expression(), ("x", "slope"), (1.5,)), ("full", "number"), 1))
        assert "r_tanh" in text
        assert "slope" not in text
    finally:
        actlas.forget("in_triton")
