"""What places of one sample (pixels, tokens) share, and what pooling and attention make of it."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from actlas.init import autoinit_
from actlas.init.propagation.signal import Signal, gaussian
from tests.init.networks import Block, Call, HandmadeBlock, measure, normal, plain_cnn, seeded


def behind(function: Callable[[Tensor], Tensor], correlation: float) -> Signal:
    x = gaussian(0.0, 1.0, correlation)
    return Signal(function(x.values), x.weights, x.root)


@pytest.mark.parametrize("rho", [0.05, 0.3, 0.5, 0.8, 0.97])
def test_covariance_behind_a_function(rho: float) -> None:
    """The arc-cosine kernel of ReLU, and the closed form of the sine."""
    relu = behind(torch.relu, rho)
    angle = math.acos(rho)
    kernel = (math.sin(angle) + rho * (math.pi - angle)) / (2 * math.pi)
    assert relu.shared + relu.mean**2 == pytest.approx(kernel, abs=1e-3)
    assert behind(torch.sin, rho).shared == pytest.approx(math.sinh(rho) / math.e, rel=2e-3)
    assert behind(lambda z: z, rho).shared == pytest.approx(rho, rel=1e-3)


def correlated(shape: tuple[int, ...], rho: float, feature: int, seed: int) -> Tensor:
    """Return normal numbers that share the part rho over all places of a feature."""
    common = [size if dim in (0, feature) else 1 for dim, size in enumerate(shape)]
    return rho**0.5 * normal(*common, seed=seed) + (1 - rho) ** 0.5 * normal(*shape, seed=seed + 1)


LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    "AvgPool2d": (lambda: nn.AvgPool2d(3), (6, 6, 6), 1),
    "MaxPool2d": (lambda: nn.MaxPool2d(3), (6, 6, 6), 1),
    "relu, MaxPool2d": (lambda: nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)), (6, 6, 6), 1),
    "dropout, mean": (lambda: nn.Sequential(nn.Dropout(0.3), Call(lambda x: x.mean(1))),
                      (9, 8), 2),
    "mean over features": (lambda: Call(lambda x: x.mean(-1)), (9, 8), 2),
    "LayerNorm, mean": (lambda: nn.Sequential(nn.LayerNorm(64), Call(lambda x: x.mean(1))),
                        (9, 64), 2),
    "sum of the same": (lambda: Call(lambda x: (x + torch.relu(x)).mean(1)), (9, 8), 2),
    "softmax over tokens": (lambda: nn.Softmax(1), (9, 8), 2),
}  # fmt: skip


@pytest.mark.parametrize("rho", [0.0, 0.5])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_on_correlated_places(name: str, rho: float) -> None:
    make, shape, feature = LAYERS[name]
    model, x = make(), correlated((4096, *shape), rho, feature, seed=1)
    report = autoinit_(model, torch.zeros(2, *shape), data_correlation=rho)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        y = model.train()(x)
    error = 4 / math.sqrt(y.numel() / 2)
    assert float(y.mean()) == pytest.approx(report.mean, abs=error * float(y.std()) + 2e-3)
    assert float(y.var()) == pytest.approx(report.variance, rel=0.05)


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_attention_on_correlated_tokens(rho: float) -> None:
    """The projection behind the attention is right although tokens resemble each other."""
    x = correlated((256, 12, 64), rho, 2, seed=5)
    model = nn.MultiheadAttention(64, 4, batch_first=True)
    report = autoinit_(model, (x[:2],) * 3, data_correlation=rho, generator=seeded())
    with torch.no_grad():
        y = model(x, x, x)[0]
    assert float((y**2).mean()) == pytest.approx(1, rel=0.15)
    assert report.layers[-1].variance == pytest.approx(
        float((y @ torch.linalg.pinv(model.out_proj.weight.detach().T)).var()), rel=0.15
    )


@pytest.mark.parametrize("make", [Block, HandmadeBlock])
def test_tokens_grow_alike_in_a_deep_transformer(make: Callable[[], nn.Module]) -> None:
    """Each attention mixes the tokens, so later ones average less away; the report follows."""
    model, x = nn.Sequential(*(make() for _ in range(6))), normal(48, 32, 64)
    report = autoinit_(model, x[:2], generator=seeded(3))
    found = measure(model, x)
    rows = {layer.name: layer for layer in report.layers}
    for path in found:
        said = rows[path].variance + rows[path].mean ** 2
        assert found[path][1] + found[path][0] ** 2 == pytest.approx(said, rel=0.3), path
    with torch.no_grad():
        assert float(model(x).var()) == pytest.approx(report.variance, rel=0.35)


def test_pooling_knows_the_offset_of_a_plain_cnn() -> None:
    """ReLU hands a mean on, which becomes an offset of every channel; pooling keeps it."""
    ratios = []
    for seed in range(4):
        body = plain_cnn("relu", 5, 64)
        model = nn.Sequential(*body, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                              nn.Linear(64, 64))  # fmt: skip
        x = normal(32, 3, 12, 12, seed=seed)
        report = autoinit_(model, x[:1], generator=seeded(seed))
        mean, variance, _ = measure(model, x)[report.layers[-1].name]
        ratios.append((variance + mean**2) / (report.layers[-1].variance
                                              + report.layers[-1].mean ** 2))  # fmt: skip
    assert sum(ratios) / 4 == pytest.approx(1, rel=0.35)


def test_masks_decide_how_much_is_averaged() -> None:
    """A causal mask lets the first tokens see few others, so less is averaged away."""
    q = normal(64, 4, 16, 8)

    def attend(**options: object) -> float:
        model = Call(lambda x: F.scaled_dot_product_attention(x, x.roll(1, 0), x.roll(2, 0),
                                                              **options))  # fmt: skip
        said = autoinit_(model, q[:2], dry_run=True).variance
        assert float(model(q).var()) == pytest.approx(said, rel=0.12)
        return said

    mask = torch.ones(16, 16).tril().bool()
    shut = torch.zeros(16, 16).masked_fill(~mask, -math.inf)
    causal = attend(is_causal=True)
    assert attend(attn_mask=mask) == pytest.approx(causal, rel=1e-6)
    assert attend(attn_mask=shut) == pytest.approx(causal, rel=1e-6)
    assert attend() < 0.6 * causal


@pytest.mark.parametrize("shut", [
    lambda s, mask: s.masked_fill(~mask, -math.inf),
    lambda s, mask: torch.where(mask, s, -1e9),
    lambda s, mask: s + torch.zeros(16, 16).masked_fill(~mask, -math.inf),
], ids=["masked_fill", "where", "added"])  # fmt: skip
def test_masks_of_attention_by_hand(shut: Callable[[Tensor, Tensor], Tensor]) -> None:
    q, mask = normal(64, 4, 16, 8), torch.ones(16, 16).tril().bool()

    def attend(x: Tensor) -> Tensor:
        scores = x @ x.roll(1, 0).transpose(-2, -1) / 8**0.5
        return shut(scores, mask).softmax(-1) @ x.roll(2, 0)

    report = autoinit_(Call(attend), q[:2], dry_run=True)
    assert float(attend(q).var()) == pytest.approx(report.variance, rel=0.12)
    assert report.notes == ()


def test_a_gate_is_the_same_at_all_places() -> None:
    """Squeeze and excite: pooled, gated by two small layers, multiplied back, pooled again."""

    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down, self.up = nn.Conv2d(128, 64, 1), nn.Conv2d(64, 128, 1)
            self.head = nn.Linear(128, 128)

        def forward(self, x: Tensor) -> Tensor:
            gate = torch.sigmoid(self.up(torch.relu(self.down(x.mean((2, 3), keepdim=True)))))
            return self.head((x * gate).mean((2, 3)))

    model, x = Gated(), correlated((512, 128, 6, 6), 0.4, 1, seed=3)
    report = autoinit_(model, x[:2], data_correlation=0.4, generator=seeded(2))
    mean, variance, _ = measure(model, x)["head"]
    assert mean == pytest.approx(report.layers[-1].mean, abs=0.02)
    assert variance == pytest.approx(report.layers[-1].variance, rel=0.1)
