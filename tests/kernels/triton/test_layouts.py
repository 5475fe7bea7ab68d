"""Tensors of every layout against plain torch in double precision: values, gradients, and sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from actlas.expr import sigmoid, symbol
from actlas.kernels.triton import Kernel, biased, gated
from tests.kernels.triton import needs_triton
from tests.kernels.triton.interpreter import interpreted, run_both

pytestmark = needs_triton
_X, _P = symbol("x"), symbol("p")
SWISH: Kernel = (_X * sigmoid(_P * _X), ("x", "p"), (1.0,))
PAIR = gated(SWISH)  # x, y, p
MOVED = biased(SWISH)  # x, p, bias
FULL = biased(biased(PAIR), "y")  # x, y, p, bias of x, bias of y
FORMULAS: dict[Kernel, Callable[..., Tensor]] = {
    SWISH: lambda x, p: x * torch.sigmoid(p * x),
    PAIR: lambda x, y, p: y * x * torch.sigmoid(p * x),
    MOVED: lambda x, p, b: (x + b) * torch.sigmoid(p * (x + b)),
    FULL: lambda x, y, p, b, c: (y + c) * (x + b) * torch.sigmoid(p * (x + b)),
}


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def agree(kernel: Kernel, values: Sequence[Any], grad: Tensor | None = None, **more: Any) -> None:
    """Compare value and all gradients with autograd in float64 on the plain formula."""
    if grad is None:
        grad = torch.empty_like(values[0]).copy_(_random(*values[0].shape, seed=9))
    found, slopes = interpreted(run_both, kernel, list(values), grad, more)
    wide = [v.detach().double().requires_grad_() if isinstance(v, Tensor) else v for v in values]
    wanted = FORMULAS[kernel](*wide)
    tensors = [v for v in wide if isinstance(v, Tensor)]
    given = [v for v in values if isinstance(v, Tensor)]
    expected = torch.autograd.grad(wanted, tensors, grad.double())
    loose = 1e-6 + 2 * torch.finfo(found.dtype).eps
    torch.testing.assert_close(found.double(), wanted.detach(), rtol=loose, atol=loose)
    assert len(slopes) == len(given)
    for slope, exact, input_ in zip(slopes, expected, given, strict=True):
        assert (slope.shape, slope.dtype) == (input_.shape, input_.dtype)
        many = values[0].numel() / max(1, input_.numel())
        loose = 1e-6 * many**0.5 + 2 * torch.finfo(slope.dtype).eps
        torch.testing.assert_close(slope.double(), exact, rtol=loose, atol=4 * loose)


SIZES = (0, 1, 15, 16, 17, 1023, 1024, 1025, 2**16 + 1)


@pytest.mark.parametrize("size", SIZES)
def test_sizes(size: int) -> None:
    agree(SWISH, [_random(size), _random(1, seed=1)])


NCHW = (3, 5, 4, 6)
LAYOUTS: dict[str, Callable[[], Tensor]] = {
    "contiguous": lambda: _random(*NCHW),
    "channels last": lambda: _random(*NCHW).to(memory_format=torch.channels_last),
    "transposed": lambda: _random(6, 4, 5, 3).permute(3, 2, 1, 0),
    "every second": lambda: _random(3, 5, 4, 12)[..., ::2],
    "half of the channels": lambda: _random(3, 10, 4, 6)[:, 5:],
    "part of the width": lambda: _random(3, 5, 4, 9)[..., 2:8],
    "unaligned": lambda: _random(3 * 5 * 4 * 6 + 1)[1:].view(NCHW),
    "expanded": lambda: _random(3, 1, 4, 6).expand(NCHW),
}
PARAMETERS: dict[str, Callable[[], Any]] = {
    "number": lambda: 0.75,
    "scalar": lambda: torch.tensor(0.75),
    "channel": lambda: _random(1, 5, 1, 1, seed=1),
    "sample and channel": lambda: _random(3, 5, 1, 1, seed=1),
    "last": lambda: _random(6, seed=1),
    "image": lambda: _random(1, 5, 4, 6, seed=1),
    "everywhere": lambda: _random(*NCHW, seed=1),
}


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_and_parameters(layout: str, parameter: str) -> None:
    agree(SWISH, [LAYOUTS[layout](), PARAMETERS[parameter]()])


@pytest.mark.parametrize(
    "shape", [(700, 3), (3, 700), (9, 5, 1), (2, 3, 1100), (70, 4, 2)], ids=str
)
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_gradients_of_parameters_are_sums(shape: tuple[int, ...], dim: int) -> None:
    """A program may add up rows, columns or both; few or many of either, over several tiles."""
    along = [1] * len(shape)
    along[dim] = shape[dim]
    agree(SWISH, [_random(*shape), _random(*along, seed=1)])


def test_no_dimension_and_a_gradient_that_is_expanded() -> None:
    agree(SWISH, [torch.tensor(0.5), torch.tensor(2.0)], torch.tensor(1.5))
    agree(SWISH, [_random(4, 30), _random(1, 30, seed=1)], torch.tensor(0.5).expand(4, 30))


PACKED: dict[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    "split": lambda packed: packed.chunk(2, -1),  # type: ignore[dict-item, return-value]
    "interleaved": lambda packed: (packed[..., 0::2], packed[..., 1::2]),
    "two tensors": lambda packed: tuple(h.contiguous() for h in packed.chunk(2, -1)),  # type: ignore[dict-item, return-value]
}


@pytest.mark.parametrize("shape", [(7, 34), (2, 3, 2064), (40,)], ids=str)
@pytest.mark.parametrize("layout", PACKED)
def test_gated_pairs(layout: str, shape: tuple[int, ...]) -> None:
    """Halves of one tensor are read where they lie, and their gradients lie in one tensor too."""
    halves = PACKED[layout]
    agree(PAIR, [*halves(_random(*shape)), 0.75])
    if layout != "two tensors":
        gradient = torch.full(shape, float("nan"))
        agree(PAIR, [*halves(_random(*shape)), 0.75], into=dict(enumerate(halves(gradient))))


@pytest.mark.parametrize("layout", PACKED)
def test_pairs_with_biases(layout: str) -> None:
    x, y = PACKED[layout](_random(11, 34))
    agree(FULL, [x, y, _random(17, seed=1), _random(17, seed=2), _random(17, seed=3)])
    agree(MOVED, [x, 0.75, _random(17, seed=2)])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_dtypes_may_differ(dtype: torch.dtype) -> None:
    """A half format with parameters in single precision, and the other way round."""
    agree(SWISH, [_random(40, 6).to(dtype), _random(6, seed=1)], _random(40, 6, seed=2).to(dtype))
    agree(SWISH, [_random(40, 6), _random(6, seed=1).to(dtype)], _random(40, 6, seed=2))
