"""bfloat16 and float16: all 65,536 values, f and f', against double precision rounded once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from actlas.catalogue import Definition, unroll
from actlas.expr import Expr, derivative, symbols
from actlas.kernels.autograd import elementwise
from tests.conftest import over
from tests.support.points import every_half
from tests.support.tables import in_doubles

_EPS = 2.0**-23  # computed in float32 inside
_UNITS = {0: 8.0, 1: 24.0}


@pytest.mark.parametrize("path", ["composition", "engine"])
@pytest.mark.parametrize("order", [0, 1], ids=["value", "slope"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
@over()
def test_every_value(entry: Definition, dtype: torch.dtype, order: int, path: str) -> None:
    """One rounding of a float32 computation, finite wherever the truth is, NaN only for NaN."""
    if len(entry.inputs) == 2:
        pytest.skip("65,536 squared pairs; the points of test_values.py serve")
    numbers = unroll(entry.bind({}))
    inputs = (*entry.inputs, *numbers)
    root = derivative(entry.expression()) if order else entry.expression()
    half = every_half(dtype)
    kernel = elementwise(root, inputs, tuple(numbers.values()))
    if path == "engine":
        found = kernel(half, *numbers.values())
    else:
        found = kernel.composition(half, *numbers.values(), dtype=dtype)
    assert found.dtype == dtype
    _compare(half, found, root, inputs, list(numbers.values()), order)


def _compare(
    half: torch.Tensor, found: torch.Tensor, root: Expr, inputs: tuple[str, ...],
    numbers: list[float], order: int,
) -> None:  # fmt: skip
    x = half.to(torch.float64).numpy()
    truth = in_doubles(root, inputs, x, *numbers)
    slope = in_doubles(derivative(root), inputs, x, *numbers)
    info = torch.finfo(half.dtype)
    with np.errstate(all="ignore"):
        condition = np.abs(truth) + np.abs(np.nan_to_num(x * slope))
        condition += _by_parameters(root, inputs, x, numbers)
        if order:
            condition += _summands(root, inputs, x, numbers)
        spacing = np.maximum(np.abs(truth), info.tiny) * info.eps
        allowed = 0.501 * spacing + _UNITS[order] * _EPS * condition + 1e-37
        error = np.abs(found.to(torch.float64).numpy() - truth)
    ordinary = np.isfinite(x) & (np.abs(truth) < info.max)
    knife = _near_a_joint(root, inputs, x, numbers)
    wrong = ordinary & ~knife & ~(error <= allowed)
    assert not wrong.any(), _report(x, found, truth, wrong)
    if "x" in symbols(root):
        assert np.isnan(found.to(torch.float64).numpy())[np.isnan(x)].all()


def _by_parameters(
    root: Expr, inputs: tuple[str, ...], x: np.ndarray, numbers: list[float]
) -> np.ndarray:
    total = np.zeros_like(x)
    for name, number in zip(inputs[1:], numbers, strict=True):
        if number:
            total += np.abs(number * in_doubles(derivative(root, name), inputs, x, *numbers))
    return np.nan_to_num(total)


def _summands(
    root: Expr, inputs: tuple[str, ...], x: np.ndarray, numbers: list[float]
) -> np.ndarray:
    """Return the size of a slope's first summand: 1 + sin(2x) touches 0 with two equal terms."""
    if root.op not in ("add", "sub"):
        return np.zeros_like(x)
    return np.nan_to_num(np.abs(in_doubles(root.args[0], inputs, x, *numbers)))


def _near_a_joint(
    root: Expr, inputs: tuple[str, ...], x: np.ndarray, numbers: list[float]
) -> np.ndarray:
    """Return where float32 rounding decides which piece is taken, but not at the joint itself."""
    from actlas.facts.curve import Curve

    values = dict(zip(inputs[1:], numbers, strict=True))
    joints = [float(b) for b in Curve.of(root, values).breaks if b != 0]
    close = [(np.abs(x - b) <= 4 * _EPS * abs(b)) & (x != b) for b in joints]
    return np.any(close, axis=0) if close else np.zeros(x.shape, dtype=bool)


def _report(x: np.ndarray, found: torch.Tensor, truth: np.ndarray, wrong: np.ndarray) -> str:
    places = np.flatnonzero(wrong)
    worst = [f"at {x[i]:.9g}: {found[i].item():.6g}, truth {truth[i]:.6g}" for i in places[:5]]
    return f"{len(places)} wrong values\n" + "\n".join(worst)
