"""Look-up tables: every entry of every function, and the files they are written to."""

from __future__ import annotations

import ctypes
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import actlas
from actlas.catalogue import Definition
from actlas.export import lookup_table, write_table
from actlas.export._half import HALVES
from actlas.export.tables import FORMATS, INTEGERS
from tests.conftest import ENTRIES, over
from tests.support.runners import compiler

ONE = [entry for entry in ENTRIES if len(entry.inputs) == 1]
SCALES = {"int8": (0.05, 3), "uint8": (0.05, 120), "int16": (2e-4, -5), "uint16": (2e-4, 30000)}


def table_of(name: str, dtype: str, **options: Any) -> Any:
    scale, zero = SCALES[dtype]
    return lookup_table(name, dtype, scale_in=scale, zero_point_in=zero, **options)


@pytest.mark.parametrize("dtype", INTEGERS)
@over(ONE)
def test_every_integer_is_rounded_to_the_nearest(entry: Definition, dtype: str) -> None:
    """Each entry from its own input, in exact steps; a chosen output scale loses nothing."""
    table = table_of(entry.name, dtype)
    info, (scale, zero) = np.iinfo(dtype), SCALES[dtype]
    integers = np.arange(info.min, info.max + 1)
    wanted = actlas.get(entry.name)(scale * (integers - zero))
    stands_for = table.output.scale * (table.entries.astype(int) - table.output.zero_point)
    error = np.abs(stands_for - wanted)
    assert error.max() <= 0.5 * table.output.scale * (1 + 1e-9)
    assert table.max_error == pytest.approx(error.max(), rel=1e-6)
    assert table.max_error_steps == pytest.approx(error.max() / table.output.scale, rel=1e-6)
    assert table.saturated == 0
    assert table.entries.dtype == dtype
    assert info.min <= table.output.zero_point <= info.max


@pytest.mark.parametrize("dtype", list(HALVES))
@over(ONE)
def test_every_half_is_rounded_correctly(entry: Definition, dtype: str) -> None:
    """All 65,536 inputs: PyTorch's conversion gives the same but where doubles cannot tell."""
    table = lookup_table(entry.name, dtype)
    half = getattr(torch, dtype)
    bits = torch.arange(2**16, dtype=torch.int32).to(torch.uint16)
    x = bits.view(half).double().numpy()
    y = torch.from_numpy(table.entries).view(half).double().numpy()
    truth = actlas.get(entry.name)(x)
    assert np.array_equal(np.isnan(truth) & ~np.isinf(x), np.isnan(y) & ~np.isinf(x))
    inside = np.isfinite(y) & np.isfinite(x)
    neighbours = HALVES[dtype].step(y[inside])
    assert np.all(np.abs(y[inside] - truth[inside]) <= 0.5 * neighbours * (1 + 1e-6))
    largest = torch.finfo(half).max
    assert np.all(np.abs(truth[np.isinf(y)]) >= largest)
    assert table.max_error_steps <= 0.5 * (1 + 1e-6)


@pytest.mark.parametrize("dtype", list(HALVES))
def test_rounding_is_pytorchs(dtype: str) -> None:
    """Every value of a format, every tie between two, and what lies beside the ties."""
    half, format_ = getattr(torch, dtype), HALVES[dtype]
    x = np.unique(format_.every_input()[np.isfinite(format_.every_input())])
    ties = (x[1:] + x[:-1]) / 2
    points = np.concatenate([x, ties])
    points = points[points.astype(np.float32) == points]  # PyTorch rounds by way of float32
    points = np.concatenate([points, *_beside(ties[ties.astype(np.float32) == ties])])
    wanted = torch.from_numpy(points).to(half).double().numpy()
    assert np.array_equal(format_.rounded(points), wanted)
    assert np.array_equal(format_.decoded(format_.encoded(wanted)), wanted)


def _beside(ties: np.ndarray) -> list[np.ndarray]:
    single = ties.astype(np.float32)
    return [np.nextafter(single, np.float32(end)).astype(float) for end in (-np.inf, np.inf)]


@pytest.mark.parametrize(
    ("beyond", "wanted"), [(2.0**-60, 1.0 + 2**-10), (0.0, 1.0), (-(2.0**-60), 1.0)]
)
def test_a_tie_that_no_double_can_tell_is_decided(beyond: float, wanted: float) -> None:
    """f(1) lies 2**-60 beside the middle of two float16 numbers, where doubles see the middle."""
    actlas.define("near_a_tie", "x * (a + b)", a=1 + 2**-11, b=beyond)
    try:
        table = lookup_table("near_a_tie", "float16")
        assert table.outputs[table.inputs == 1.0] == wanted
    finally:
        actlas.forget("near_a_tie")


def per_channel() -> torch.nn.Module:
    return actlas.nn.create("prelu", num_parameters=2)


# ---------------------------------------------------------------- what is chosen and what is told


def test_a_given_output_saturates_and_says_so() -> None:
    table = lookup_table("relu", "int8", scale_in=0.05, scale_out=0.025)
    assert table.saturated == 64
    assert table.entries.max() == 127
    assert table.max_error == pytest.approx(127 * 0.05 - 127 * 0.025)
    assert table.max_error_steps == pytest.approx(127)


def test_zero_stays_exact() -> None:
    for name in ("gelu", "relu", "tanh", "mish"):
        table = lookup_table(name, "int8", scale_in=0.04, zero_point_in=-17)
        assert table.entries[-17 + 128] == table.output.zero_point


def test_quantised_as_pytorch_does() -> None:
    x = torch.randn(1000, generator=torch.Generator().manual_seed(0)) * 3
    table = lookup_table("mish", "int8", scale_in=0.05, scale_out=0.04, zero_point_out=-100)
    q = torch.fake_quantize_per_tensor_affine(x, 0.05, 0, -128, 127)
    index = torch.round(q / 0.05).int() + 128
    found = table.outputs[index.numpy()]
    wanted = torch.fake_quantize_per_tensor_affine(actlas.functional.mish(q), 0.04, -100, -128, 127)
    assert np.abs(found - wanted.numpy()).max() <= 0.04 * 1.001  # a tie may fall to either side
    assert np.mean(np.abs(found - wanted.numpy()) > 1e-5) < 0.01


def test_parameters_modules_and_derivatives_have_tables() -> None:
    module = actlas.nn.create("swish")
    with torch.no_grad():
        module.beta.fill_(2.0)
    by_module = lookup_table(module, "int8", scale_in=0.05)
    by_name = lookup_table("swish", "int8", scale_in=0.05, beta=2.0)
    assert np.array_equal(by_module.entries, by_name.entries)
    slope = lookup_table(actlas.get("relu").derivative(), "int8", scale_in=1.0, scale_out=1.0)
    assert slope.entries[126:131].tolist() == [0, 0, 0, 1, 1]
    assert slope.formula.name == "relu_derivative_1"


# ---------------------------------------------------------------- files


def test_json_has_everything(tmp_path: Path) -> None:
    table = lookup_table("elu", "int8", scale_in=0.05, alpha=2)
    write_table(table, tmp_path / "elu.json")
    record = json.loads((tmp_path / "elu.json").read_text())
    assert record["function"] == "elu"
    assert record["parameters"] == {"alpha": 2.0}
    assert record["first_input"] == -128
    assert record["input"] == {"scale": 0.05, "zero_point": 0}
    assert record["entries"] == table.entries.tolist()
    assert record["max_error"] == table.max_error


def test_npy_has_the_entries(tmp_path: Path) -> None:
    table = lookup_table("gelu", "bfloat16")
    write_table(table, tmp_path / "gelu.npy")
    assert np.array_equal(np.load(tmp_path / "gelu.npy"), table.entries)


@pytest.mark.skipif(compiler() is None, reason="no C compiler on this machine")
@pytest.mark.parametrize("dtype", FORMATS)
def test_the_c_header_compiles_and_is_right(dtype: str, tmp_path: Path) -> None:
    """The header's own function, called for every input there is."""
    table = table_of("mish", dtype) if dtype in INTEGERS else lookup_table("mish", dtype)
    write_table(table, tmp_path / "mish.h")
    kind = table.entries.dtype.name
    lowest = int(np.iinfo(kind).min) if table.input else 0
    (tmp_path / "all.c").write_text(
        f'#include "mish.h"\nvoid all(int n, {kind}_t *y) {{\n'
        f"  for (int i = 0; i < n; i++) y[i] = actlas_mish_{dtype}(({kind}_t)(i + {lowest}));\n}}\n"
    )
    flags = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-shared", "-fPIC"]
    command = [str(compiler()), *flags, "all.c", "-o", "all.so"]
    subprocess.run(command, check=True, cwd=tmp_path, timeout=60)
    found = np.zeros_like(table.entries)
    library = ctypes.CDLL(str(tmp_path / "all.so"))
    library.all(len(found), found.ctypes.data_as(ctypes.c_void_p))
    assert np.array_equal(found, table.entries)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: lookup_table("gelu", "int4", scale_in=1.0), "got 'int4'. Did you mean"),
        (lambda: lookup_table("gelu"), "needs scale_in"),
        (lambda: lookup_table("gelu", scale_in=0), "scale_in must be"),
        (lambda: lookup_table("gelu", scale_in=-0.1), "got -0.1"),
        (lambda: lookup_table("gelu", scale_in=float("nan")), "got nan"),
        (lambda: lookup_table("gelu", scale_in=float("inf")), "got inf"),
        (lambda: lookup_table("gelu", scale_in=1e-42), "normal"),
        (lambda: lookup_table("gelu", scale_in="0.1"), "got '0.1'"),
        (lambda: lookup_table("gelu", scale_in=0.1, zero_point_in=128), "from -128 to 127"),
        (lambda: lookup_table("gelu", scale_in=0.1, zero_point_in=0.5), "must be an integer"),
        (lambda: lookup_table("gelu", scale_in=0.1, zero_point_out=3), "needs scale_out"),
        (lambda: lookup_table("gelu", scale_in=0.1, scale_out=0.0), "scale_out must be"),
        (lambda: lookup_table("gelu", "float16", scale_in=0.1), "takes no scale"),
        (lambda: lookup_table("gelu", "bfloat16", zero_point_in=1), "takes no scale"),
        (lambda: lookup_table("relu", scale_in=0.1, zero_point_in=127), "is 0 over the whole"),
        (lambda: lookup_table("squared_relu", "int16", scale_in=1e38), "scale_out"),
        (lambda: lookup_table("and_ail", scale_in=0.1), "two inputs"),
        (lambda: lookup_table("maxout", scale_in=0.1), "structured unit"),
        (lambda: lookup_table(per_channel(), scale_in=0.1), "one a channel"),
        (lambda: lookup_table("gelu", scale_in=0.1, beta=1), "no parameter 'beta'"),
        (lambda: write_table(lookup_table("gelu", scale_in=0.1), "gelu.txt"), "c, json, npy"),
        (lambda: write_table(lookup_table("gelu", scale_in=0.1), "/nowhere/g.h"), "cannot write"),
    ],
)
def test_bad_input_is_one_sentence(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(actlas.ActlasError) as caught:
        call()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
