"""Networks of timm and torchvision: the new function stands in every hidden place."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import actlas
from actlas.errors import ActlasError
from actlas.study import build_network
from actlas.study.networks import peer_version
from actlas.study.networks.peers import with_activation
from tests.support.peers import peer

TELU = actlas.nn.class_of("telu")
HIDDEN = (nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish, nn.GELU)


@pytest.mark.parametrize(
    ("text", "gates"),
    [
        ("timm:mobilenetv3_small_050", True), ("timm:test_resnet", False),
        ("torchvision:squeezenet1_1", False), ("torchvision:shufflenet_v2_x0_5", False),
        ("torchvision:mobilenet_v2(dropout=0.1)", False),
    ],
)  # fmt: skip
def test_no_old_function_is_left(text: str, gates: bool) -> None:
    peer(text.partition(":")[0])
    network = build_network(text, "telu", classes=7).eval()
    kinds = [type(module) for module in network.modules()]
    assert kinds.count(TELU) >= 7
    assert not {kind for kind in kinds if issubclass(kind, HIDDEN)}
    assert any(issubclass(kind, (nn.Hardsigmoid, nn.Sigmoid)) for kind in kinds) == gates
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 7)


def test_called_functions_are_replaced_too() -> None:
    """DenseNets of torchvision call F.relu at their end, which no search for modules finds."""
    peer("torchvision")
    network = build_network("torchvision:densenet121", "tanh")
    seen: list[nn.Module] = []
    for module in network.modules():
        if isinstance(module, actlas.nn.class_of("tanh")):
            module.register_forward_hook(lambda module, *_: seen.append(module))
    network.eval()(torch.zeros(1, 3, 32, 32))
    assert len(seen) == 1 + 2 * (6 + 12 + 24 + 16) + 3 + 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timm:mobilenetv3_smal_050", "Did you mean 'mobilenetv3_small_050'"),
        ("torchvision:resnet19", "Did you mean 'resnet18'"),
        ("timm:test_resnet(depht=3)", "depht"),
        ("torchvision:resnet18(channels=1)", "3 channels, got 1"),
    ],
)
def test_what_the_libraries_do_not_have(text: str, said: str) -> None:
    peer(text.partition(":")[0])
    with pytest.raises(ActlasError, match=said):
        build_network(text, "telu")


def test_versions_are_part_of_a_run() -> None:
    peer("timm")
    assert peer_version("timm:test_resnet").startswith("timm 1.")


class Held(nn.Module):
    """Calls a function that it keeps in a list, where nothing can be put in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.first, self.functions = nn.Linear(2, 2), nn.ReLU(), [functional.relu]

    def forward(self, x: Tensor) -> Tensor:
        return self.functions[0](self.layer(self.first(x)))


class Recurrent(nn.Module):
    """Has a tanh inside a kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.cell = nn.ReLU(), nn.RNN(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.cell(self.first(x))[0]


@pytest.mark.parametrize("model", [Held, Recurrent])
def test_a_function_that_cannot_be_reached_is_an_error(model: type[nn.Module]) -> None:
    with pytest.raises(ActlasError, match=f"{model.__name__}: "):
        with_activation(model(), nn.Softsign, model.__name__)
