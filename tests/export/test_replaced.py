"""Models in which functions were replaced, and models of transformers, all the way to ONNX."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import actlas
from actlas.export import to_onnx
from tests.export.test_models import by_runtime, operators
from tests.surgery.test_replace_packages import MODELS, output

pytest.importorskip("onnxscript", reason="the extra export is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("peers"),
    pytest.mark.filterwarnings("ignore"),  # what transformers and its tracing warn of
]


class Logits(nn.Module):
    """A model with one input and one output, whatever else it returns."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return output(self.model, x)


@pytest.mark.parametrize("name", ["resnet", "vit", "bert", "llama", "gpt2"])
def test_a_replaced_model_is_exported(name: str) -> None:
    make, x, old, _, places = MODELS[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Logits(make()).eval()
    assert len(actlas.replace(model, {old: "mish"}).replaced) == places
    wanted = model(x).detach()
    torch.testing.assert_close(torch.export.export(model, (x,)).module()(x), wanted)
    program = to_onnx(model, (x,))
    assert operators(program).count("Mish") == places
    (found,) = by_runtime(program, x)
    np.testing.assert_allclose(found, wanted.numpy(), atol=2e-6)
