"""Modules and functions on a GPU run the generated kernels: tried through the interpreter."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
import torch

import actlas
from actlas.kernels import engines
from actlas.kernels.autograd import elementwise
from actlas.kernels.fixed import Fixed
from tests.kernels.triton.interpreter import interpreted

pytest.importorskip("triton")


def trained(kind: str, options: dict[str, Any], x: torch.Tensor, gpu: bool) -> list[torch.Tensor]:
    """Return value and gradients of a module, from the GPU's kernels or the composition."""
    module, leaf = actlas.nn.create(kind, **options), x.clone().requires_grad_()
    with patch.object(engines.cpu, "serves", lambda values: False), \
         patch.object(Fixed, "serves", lambda self, x: False), \
         patch.object(engines, "on_gpu", lambda tensor: gpu), \
         patch.object(engines.gpu, "gradients", wraps=engines.gpu.gradients) as run:  # fmt: skip
        y = module(leaf)
        y.square().sum().backward()
    assert run.called is gpu
    return [y.detach(), leaf.grad, *[p.grad for p in module.parameters()]]


@pytest.mark.parametrize(
    ("kind", "options"),
    [("mish", {}), ("telu", {}), ("leaky_relu", {"negative_slope": 0.2}),
     ("prelu", {"num_parameters": 3}), ("swish", {"num_parameters": 3})],
    ids=["mish", "telu", "leaky_relu", "prelu of channels", "swish of channels"],
)  # fmt: skip
def test_a_module_runs_the_generated_kernels(kind: str, options: dict[str, Any]) -> None:
    x = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(0))
    ours, theirs = (interpreted(trained, kind, options, x, gpu) for gpu in (True, False))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_float64_is_composed() -> None:
    assert interpreted(served) == (True, False)


def served() -> tuple[bool, bool]:
    """Say whether float32 and float64 tensors are served where Triton runs."""
    kernel = elementwise(actlas.get("mish").expression(), ("x",), ()).kernel
    with (
        patch.object(engines.cpu, "serves", lambda values: False),
        patch.object(engines, "on_gpu", lambda tensor: True),
    ):
        tensors = torch.ones(4), torch.ones(4).double()
        narrow, wide = (engines.value(kernel, [x], x.dtype) is not None for x in tensors)
    return narrow, wide
