"""Whole networks: what the report says of every layer against what runs through it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from actlas.init import autoinit_, stability_slope
from tests.init.networks import (
    Block,
    DenseNet,
    HandmadeBlock,
    ResNet,
    UnnormalisedResidual,
    measure,
    mlp,
    normal,
    plain_cnn,
    seeded,
)

WIDTH, BATCH, DEPTH = 512, 512, 50


def second_moments(net: nn.Sequential, x: Tensor) -> list[float]:
    """Return the second moment behind every layer with weights."""
    found = []
    with torch.no_grad():
        for layer in net:
            x = layer(x)
            if isinstance(layer, (nn.Linear, nn.Conv2d)):
                found.append(float((x**2).mean()))
    return found


def deep(name: str, seed: int, depth: int = DEPTH, **options: Any) -> list[float]:
    """Return the second moments through a deep MLP of width 512 after autoinit_."""
    net = mlp(name, depth, WIDTH)
    autoinit_(net, generator=seeded(seed), distribution="normal", **options)
    return second_moments(net, normal(BATCH, WIDTH, seed=100 + seed))


# ---------------------------------------------------------------- fifty plain layers


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "selu", "elu", "softsign", "sine"])
def test_functions_that_mend_themselves(name: str, seed: int) -> None:
    moments = deep(name, seed)
    assert 0.8 <= moments[-1] <= 1.25
    assert 0.7 <= min(moments)
    assert max(moments) <= 1.4
    assert stability_slope(name) < 1


@pytest.mark.parametrize("seed", range(3))
def test_relu_wanders(seed: int) -> None:
    assert all(0.1 <= moment <= 10 for moment in deep("relu", seed))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["silu", "gelu", "mish", "hardswish"])
def test_functions_that_drift_away(name: str, seed: int) -> None:
    """Their slope is above 1, so that no initialisation of this kind holds at any depth."""
    assert all(0.3 <= moment <= 3 for moment in deep(name, seed, depth=10))
    assert stability_slope(name) > 1


@pytest.mark.parametrize(("name", "low", "high"), [
    ("relu", 0.8, 1.25), ("mish", 0.6, 1.1), ("elu", 0.8, 1.25), ("gelu", 0.8, 2.2),
    ("silu", 8, 130),
])  # fmt: skip
def test_centred_rows(name: str, low: float, high: float) -> None:
    """AutoInit++ with rows that sum to 0, at depth 50: about 0.94, 0.79, 0.98, 1.4 and 32."""
    found = deep(name, 0, centred=True)[-1]
    assert low <= found <= high, found


def test_what_the_usual_initialisations_do() -> None:
    x = normal(BATCH, WIDTH)
    torch_default, he = mlp("relu", DEPTH, WIDTH), mlp("selu", DEPTH, WIDTH)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for layer in (*torch_default, *he):
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
        for layer in he:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    assert second_moments(torch_default, x)[-1] < 1e-3
    assert second_moments(he, x)[-1] > 1e3


@pytest.mark.parametrize("name", ["tanh", "selu"])
def test_fifty_convolutions_with_padding(name: str) -> None:
    """On 8x8 pixels a 3x3 convolution loses 16 % of its taps, which fifty layers would square."""
    net, x = plain_cnn(name, DEPTH, 40), normal(8, 3, 8, 8)
    report = autoinit_(net, x, generator=seeded(1))
    assert [round(layer.live, 3) for layer in report.layers] == [0.840] * DEPTH
    moments = second_moments(net, x)
    assert 0.5 <= moments[-1] <= 2
    autoinit_(net, x, padding=False, generator=seeded(1))
    assert second_moments(net, x)[-1] < 0.9 * moments[-1]


# ---------------------------------------------------------------- other shapes of network

NETWORKS: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "resnet relu": (ResNet, normal(16, 3, 48, 48)),
    "resnet silu": (lambda: ResNet("silu"), normal(16, 3, 48, 48)),
    "residual without norms": (lambda: UnnormalisedResidual("gelu"), normal(512, 256)),
    "residual mish": (lambda: UnnormalisedResidual("mish"), normal(512, 256)),
    "densenet relu": (lambda: DenseNet("relu"), normal(32, 3, 12, 12)),
    "densenet telu": (lambda: DenseNet("telu"), normal(32, 3, 12, 12)),
    "densenet without norms": (lambda: DenseNet("elu", norm=False), normal(32, 3, 12, 12)),
    "transformer block": (Block, normal(32, 16, 64)),
    "llama-like block": (HandmadeBlock, normal(32, 16, 64)),
    "torch encoder layer": (
        lambda: nn.TransformerEncoderLayer(64, 4, 128, batch_first=True), normal(32, 16, 64)),
    "torch decoder layer": (
        lambda: Decoder(nn.TransformerDecoderLayer(64, 4, 128, batch_first=True)),
        normal(32, 16, 64)),
}  # fmt: skip


class Decoder(nn.Module):
    """A decoder that looks back at a copy of its input in reverse order."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x, x.flip(1))  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_gets_what_the_report_says(name: str) -> None:
    """What comes into a layer within a fifth, what leaves it from 0.65 to 1.5."""
    make, x = NETWORKS[name]
    model = make()
    report = autoinit_(model, x[:2], generator=seeded(1))
    found = measure(model, x)
    rows = {layer.name: layer for layer in report.layers if layer.name in found}
    assert len(rows) >= 2
    for path, (mean, variance, behind) in found.items():
        if path not in rows:
            continue  # inside torch's attention no module is called
        said = rows[path].variance + rows[path].mean ** 2
        assert variance + mean**2 == pytest.approx(said, rel=0.2), (path, mean, variance, said)
        assert 0.65 <= behind <= 1.5, (path, behind)


def test_the_variance_of_a_plain_residual_sum_grows() -> None:
    report = autoinit_(UnnormalisedResidual("tanh", blocks=4), generator=seeded())
    inner = [layer.variance for layer in report.layers if layer.name.startswith("inner")]
    assert inner == pytest.approx([1, 2, 3, 4])
    assert report.layers[-1].variance == pytest.approx(5)


def test_slopes_in_the_report_are_those_of_the_functions() -> None:
    for centred in (False, True):
        for name in ("relu", "tanh", "silu", "gelu", "softplus"):
            report = autoinit_(mlp(name, 4, 32), centred=centred, generator=seeded())
            said = stability_slope(name, centred=centred)
            assert [layer.slope for layer in report.layers] == pytest.approx(
                [1, said, said, said], abs=1e-3
            )


def test_sensitivity_is_the_product_of_the_slopes() -> None:
    report = autoinit_(mlp("silu", 20, 16), generator=seeded())
    slopes = [layer.slope for layer in report.layers]
    assert report.sensitivity == pytest.approx(math.prod(slopes), rel=1e-2)
    normed = nn.Sequential(nn.Linear(16, 16), nn.LayerNorm(16), nn.Linear(16, 16))
    assert autoinit_(normed, generator=seeded()).sensitivity == pytest.approx(0, abs=1e-3)
