"""Every function's kernels against 50 digits, in an interpreter as inexact as a GPU."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from actlas.catalogue import Definition, unroll
from actlas.kernels.triton import Kernel
from tests.conftest import over
from tests.kernels.triton import needs_triton
from tests.kernels.triton.interpreter import interpreted, run_gradients, run_value
from tests.support.oracle import Truth, failures, report, truth
from tests.support.points import SINGLE, corner_cases, every_half

pytestmark = needs_triton
_STEP = 67  # of the 65,536 values of a half format: one tile of them, all exponents
_FLUSHED = 2.0**-120  # what it costs that a GPU flushes subnormal results on the way to 0


def _kernel(of: Truth) -> Kernel:
    return of.root, of.inputs, of.numbers if len(of.points) == 1 else ()


@pytest.mark.parametrize("order", [0, 1], ids=["value", "slope"])
@over()
def test_matches_fifty_digits(entry: Definition, order: int) -> None:
    """The forward kernel, and the backward kernel for a gradient of 1, in single precision."""
    for case in corner_cases(entry):
        kernel = _kernel(truth(entry, case, SINGLE, ()))
        of = truth(entry, case, SINGLE, ("x",) * order)
        points = [torch.tensor(p, dtype=torch.float32) for p in of.points]
        call = run_gradients if order else run_value
        found = interpreted(call, kernel, [*points, *of.numbers])
        bad = failures(replace(of, allowed=of.allowed + _FLUSHED), found.double().numpy())
        assert not bad, f"{entry.name} [{case}] {report(bad)}"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
@over()
def test_half_formats_are_rounded_once(entry: Definition, dtype: torch.dtype) -> None:
    """Value and slope are the single-precision kernel's, rounded to nearest, bit for bit."""
    numbers = tuple(unroll(entry.bind({})).values())
    usual = numbers if len(entry.inputs) == 1 else ()
    kernel = (entry.expression(), (*entry.inputs, *entry.scalars(entry.default_shape)), usual)
    halves = [every_half(dtype)[start::_STEP] for start in range(len(entry.inputs))]
    wide = [half.float() for half in halves]
    for call in (run_value, run_gradients):
        found = interpreted(call, kernel, [*halves, *numbers])
        assert found.dtype == dtype
        once = interpreted(call, kernel, [*wide, *numbers]).to(dtype)
        torch.testing.assert_close(found, once, rtol=0, atol=0, equal_nan=True)
