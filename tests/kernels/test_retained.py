"""What backward keeps by default: the input, or the output where that tells the slope exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import actlas
from actlas.backends import numpy as numpy_backend
from actlas.catalogue import Definition
from actlas.expr import derivative
from actlas.facts import facts_of
from actlas.kernels import retained
from actlas.nn.functional import function_of
from tests.conftest import ENTRIES, over

SINGLE = [entry for entry in ENTRIES if len(entry.inputs) == 1]
DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


def tells(entry: Definition) -> bool:
    """Say whether the output of an entry at its defaults tells the slope."""
    return retained.output_tells(facts_of(entry, {}).curve.root, "x")


def numbers(dtype: torch.dtype) -> torch.Tensor:
    """Return all finite numbers of sixteen bits, or 32-bit ones of every size and near joints."""
    if dtype.itemsize == 2:
        x = torch.arange(1 << 16, dtype=torch.int32).to(torch.int16).view(dtype)
        return x[x.isfinite()]
    size = np.concatenate([[0.0], np.geomspace(1e-44, 1e30, 500), np.linspace(0, 8, 513)])
    return torch.from_numpy(np.concatenate([size, -size]).astype(np.float32)).to(dtype)


def keeps(entry: Definition, x: torch.Tensor) -> tuple[torch.Tensor, list[int]]:
    """Return the value and the addresses of what is kept for backward."""
    kept: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.data_ptr()) or t, id):
        y = function_of(entry)(x)
    return y, kept


def turned(x: torch.Tensor) -> torch.Tensor:
    """Return every other element of a larger tensor, which goes the general way."""
    return torch.stack([x, x], -1)[..., 0]


@over(SINGLE)
@pytest.mark.parametrize("lay", [torch.clone, turned], ids=["short way", "general way"])
def test_one_tensor_is_kept(entry: Definition, lay: object) -> None:
    """The output, which the next layer keeps too, where it tells the slope; else the input."""
    assert callable(lay)
    x = lay(torch.linspace(-3, 3, 60)).requires_grad_()
    function_of(entry)(x)
    y, kept = keeps(entry, x)
    assert kept == [(y if tells(entry) else x).data_ptr()]


@over([entry for entry in SINGLE if tells(entry)])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_gradient_is_that_of_the_input(entry: Definition, dtype: torch.dtype) -> None:
    check_gradient(entry, dtype)


def check_gradient(entry: Definition, dtype: torch.dtype) -> None:
    slope = derivative(facts_of(entry, {}).curve.root, "x")
    for lay in (torch.clone, turned):
        x = lay(numbers(dtype)).requires_grad_()
        (grad,) = torch.autograd.grad(function_of(entry)(x).sum(), x)
        truth = numpy_backend.evaluate(slope, ("x",), x.detach().double().numpy())
        assert torch.equal(grad, torch.from_numpy(truth).to(dtype)), "the slope is another one"


def test_what_torch_keeps_the_output_for_keeps_it_here() -> None:
    """ReLU at no more memory than torch's; a function whose clipped end lies inside is refused."""
    told = {entry.name for entry in SINGLE if tells(entry)}
    assert {"relu", "leaky_relu", "relu6", "hardtanh"} <= told
    assert not told & {"threshold", "hard_sigmoid", "modulus", "mish"}


def test_second_derivatives_go_through_the_output() -> None:
    x = torch.linspace(-2, 2, 9).requires_grad_()
    (first,) = torch.autograd.grad(actlas.functional.leaky_relu(x).pow(3).sum(), x,
                                   create_graph=True)  # fmt: skip
    (second,) = torch.autograd.grad(first.sum(), x)
    slope = torch.where(x > 0, 1.0, 0.01)
    torch.testing.assert_close(second, 6 * (x * slope) * slope**2)


@over(SINGLE)
def test_in_place(entry: Definition) -> None:
    """The same gradients as from a copy; what tells the slope is overwritten and kept, no more."""
    start = torch.linspace(-3, 3, 60).requires_grad_()
    (wanted,) = torch.autograd.grad(function_of(entry)(start * 1).pow(2).sum(), start)
    x, kept = start * 1, list[int]()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.data_ptr()) or t, id):
        assert function_of(entry)(x, inplace=True) is x
    assert (kept == [x.data_ptr()]) == tells(entry)
    x = start * 1
    (grad,) = torch.autograd.grad(function_of(entry)(x, inplace=True).pow(2).sum(), start)
    torch.testing.assert_close(grad, wanted, rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["a view", "a leaf", "a transform", "a plan"])
def test_in_place_where_autograd_has_to_know_more(kind: str) -> None:
    """Views are written through, leaves refused, transforms and plans go their own ways."""
    start, relu = torch.linspace(-3, 3, 8).requires_grad_(), actlas.functional.relu
    if kind == "a leaf":
        with pytest.raises(RuntimeError, match="leaf Variable"):
            relu(start, inplace=True)
        assert torch.equal(start, torch.linspace(-3, 3, 8))
        return
    if kind == "a transform":
        slope = torch.func.grad(lambda v: relu(v * 1, inplace=True).sum())(start.detach())
    else:
        whole = start * 1
        with actlas.saving("few-bit" if kind == "a plan" else "input"):
            relu(whole[:4] if kind == "a view" else whole, inplace=True)
        (slope,) = torch.autograd.grad(whole.sum(), start)
    wanted = torch.tensor([0.0] * 4 + [1.0] * 4)
    torch.testing.assert_close(slope, wanted, rtol=0, atol=0)
