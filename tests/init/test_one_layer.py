"""The law of each layer: what the map says against 4096 samples, within three standard errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

import actlas
from actlas.init import WeightedSum, autoinit_
from tests.init.networks import Call, seeded

SAMPLES, ROUNDS = 4096, 16
INPUTS = ((0.0, 1.0), (0.7, 2.0))  # mean and variance of what comes in


@dataclass(frozen=True)
class Case:
    """A layer, and the shape of one sample of each of its inputs.

    `bias` is what a map may miss, relative to the second moment, because a layer is narrow or the
    map itself is a mean over samples.
    """

    name: str
    make: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    bias: float = 0.0


def case(name: str, make: Any, *shapes: tuple[int, ...], bias: float = 0.0) -> Any:
    return pytest.param(Case(name, make, shapes, bias), id=name)


def call(function: Any) -> Callable[[], nn.Module]:
    return lambda: Call(function)


LAYERS = [
    # with weights
    case("Linear", lambda: nn.Linear(64, 48), (64,)),
    case("Bilinear", lambda: nn.Bilinear(24, 16, 32), (24,), (16,)),
    case("Conv1d", lambda: nn.Conv1d(8, 16, 3), (8, 12)),
    case("Conv2d valid", lambda: nn.Conv2d(6, 16, 3), (6, 7, 7)),
    case("Conv2d same", lambda: nn.Conv2d(6, 16, 3, padding="same"), (6, 4, 4)),
    case("Conv2d strided", lambda: nn.Conv2d(6, 16, (3, 5), 2, (1, 2)), (6, 8, 9)),
    case("Conv2d dilated", lambda: nn.Conv2d(6, 16, 3, padding=2, dilation=2), (6, 6, 6)),
    case("Conv2d reflect", lambda: nn.Conv2d(6, 8, 3, padding=1, padding_mode="reflect"),
         (6, 5, 5)),
    case("Conv2d grouped", lambda: nn.Conv2d(8, 16, 3, padding=1, groups=2), (8, 5, 5)),
    case("Conv2d depthwise", lambda: nn.Conv2d(8, 32, 3, padding=1, groups=8), (8, 5, 5)),
    case("Conv3d", lambda: nn.Conv3d(3, 12, 3, padding=1), (3, 3, 4, 3)),
    case("ConvTranspose1d", lambda: nn.ConvTranspose1d(8, 8, 4, 2, 1), (8, 6)),
    case("ConvTranspose2d", lambda: nn.ConvTranspose2d(8, 8, 3, 2, 1, output_padding=1),
         (8, 4, 4)),
    case("ConvTranspose2d grouped", lambda: nn.ConvTranspose2d(8, 8, 3, groups=2), (8, 4, 4)),
    case("matmul with a weight", lambda: Product(48, 32), (48,)),
    # activations
    *(case(f"activation {name}", lambda name=name: actlas.nn.create(name), (4,))
      for name in ("relu", "tanh", "gelu", "telu", "softplus", "hardtanh", "squ")),
    case("PReLU per channel", lambda: slopes(nn.PReLU(4)), (4, 3)),
    case("learnable per channel", lambda: actlas.nn.create("swish", num_parameters=4), (4, 3)),
    case("torch GELU", nn.GELU, (4,)),
    case("x sigmoid(x)", call(lambda x: x * torch.sigmoid(x)), (4,)),
    case("where", call(lambda x: torch.where(x > 0, x, 0.3 * x)), (4,)),
    case("Softmax", lambda: nn.Softmax(-1), (10,)),
    case("log_softmax", call(lambda x: F.log_softmax(x, -1)), (10,)),
    case("GLU", lambda: nn.GLU(1), (8,)),
    case("RReLU", nn.RReLU, (4,)),
    case("Maxout", lambda: actlas.nn.create("maxout", 2), (8,)),
    # normalisation and dropout
    case("BatchNorm1d", lambda: nn.BatchNorm1d(4), (4, 3), bias=0.02),
    case("BatchNorm2d", lambda: nn.BatchNorm2d(4), (4, 3, 3), bias=0.02),
    case("LayerNorm", lambda: nn.LayerNorm(64), (64,), bias=0.02),
    case("GroupNorm", lambda: nn.GroupNorm(2, 8), (8, 4, 4), bias=0.02),
    case("InstanceNorm2d", lambda: nn.InstanceNorm2d(4), (4, 6, 6), bias=0.03),
    case("RMSNorm", lambda: nn.RMSNorm(256), (256,), bias=0.02),
    case("affine LayerNorm", lambda: affine(nn.LayerNorm(64)), (64,), bias=0.02),
    case("Dropout", lambda: nn.Dropout(0.3), (16,)),
    case("Dropout2d", lambda: nn.Dropout2d(0.3), (16, 2, 2)),
    case("AlphaDropout", lambda: nn.AlphaDropout(0.2), (16,)),
    # sums, products, joins
    case("add", call(lambda x, y: x + y), (8,), (8,)),
    case("subtract", call(lambda x, y: x - y), (8,), (8,)),
    case("average", call(lambda x, y: (x + y) / 2), (8,), (8,)),
    case("multiply", call(lambda x, y: x * y), (8,), (8,)),
    case("maximum", call(torch.maximum), (8,), (8,)),
    case("x + relu(x)", call(lambda x: x + torch.relu(x)), (8,)),
    case("concatenate", call(lambda x, y: torch.cat([torch.relu(x), y], 1)), (6,), (2,)),
    case("stack", call(lambda x, y: torch.stack([torch.relu(x), y], 1)), (6,), (6,)),
    case("WeightedSum", lambda: WeightedSum(2), (6,), (6,)),
    # pooling, reductions
    case("MaxPool1d", lambda: nn.MaxPool1d(2), (4, 8)),
    case("MaxPool2d", lambda: nn.MaxPool2d(2), (4, 6, 6)),
    case("MaxPool2d padded", lambda: nn.MaxPool2d(3, 2, 1), (4, 6, 6)),
    case("MaxPool2d behind relu", lambda: nn.Sequential(nn.ReLU(), nn.MaxPool2d(3)), (4, 6, 6)),
    case("AvgPool2d", lambda: nn.AvgPool2d(3), (4, 6, 6)),
    case("AvgPool2d padded", lambda: nn.AvgPool2d(3, 2, 1), (4, 6, 6)),
    case("AvgPool2d uncounted", lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False),
         (4, 6, 6)),
    case("AdaptiveAvgPool2d", lambda: nn.AdaptiveAvgPool2d(1), (4, 4, 4)),
    case("AdaptiveMaxPool2d", lambda: nn.AdaptiveMaxPool2d(2), (4, 4, 4)),
    case("mean", call(lambda x: x.mean((2, 3))), (4, 4, 4)),
    case("sum", call(lambda x: x.sum(-1)), (4, 6)),
    case("amax", call(lambda x: x.amax(-1)), (4, 6)),
    # padding and rearrangement
    case("ZeroPad2d", lambda: nn.ZeroPad2d(1), (4, 4, 4)),
    case("ConstantPad2d", lambda: nn.ConstantPad2d((0, 2, 1, 0), 1.5), (4, 4, 4)),
    case("F.pad", call(lambda x: F.pad(x, (1, 1))), (4, 4)),
    case("ReflectionPad2d", lambda: nn.ReflectionPad2d(1), (4, 4, 4)),
    case("Flatten", nn.Flatten, (4, 4)),
    case("transpose", call(lambda x: x.transpose(1, 2)), (4, 3)),
    case("Upsample nearest", lambda: nn.Upsample(scale_factor=2), (2, 3, 3)),
    case("Upsample bilinear", lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (2, 3, 3)),
    case("crop and split", call(lambda x: x[:, 1:].chunk(2, 1)[0]), (5, 3)),
    # attention
    case("matmul", call(lambda x, y: x @ y), (4, 16), (16, 5)),
    case("matmul scaled", call(lambda x, y: x @ y.mT / 4), (4, 16), (5, 16)),
    case("attention", call(lambda q, k: F.scaled_dot_product_attention(q, k, k.flip(1).roll(1, 2))),
         (6, 16), (6, 16), bias=0.06),
    # recurrence, by samples
    case("RNN", lambda: First(nn.RNN(6, 8, batch_first=True)), (5, 6), bias=0.02),
    case("LSTM", lambda: First(nn.LSTM(6, 8, batch_first=True)), (5, 6), bias=0.02),
    case("GRU", lambda: First(nn.GRU(6, 8, batch_first=True)), (5, 6), bias=0.02),
]  # fmt: skip


class First(nn.Module):
    """The first of a module's results."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Any:
        return self.inner(x)[0]


class Product(nn.Module):
    """A dense layer written as a product with a parameter."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(inputs, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


def slopes(module: nn.PReLU) -> nn.PReLU:
    with torch.no_grad():
        module.weight.copy_(torch.linspace(-0.5, 1.0, module.num_parameters))
    return module


def affine(module: nn.LayerNorm) -> nn.LayerNorm:
    generator = seeded()
    with torch.no_grad():
        module.weight.normal_(1.0, 0.5, generator=generator)
        module.bias.normal_(0.3, 0.5, generator=generator)
    return module


def draws(of: Case, mean: float, variance: float, generator: torch.Generator) -> list[Tensor]:
    count = SAMPLES // ROUNDS
    return [mean + math.sqrt(variance) * torch.randn(count, *shape, generator=generator)
            for shape in of.shapes]  # fmt: skip


def within_three_standard_errors(of: Case, mean: float, variance: float, **options: Any) -> None:
    """Compare both moments with the means over rounds; each round draws weights and samples."""
    generator, model = seeded(1), of.make()
    example = tuple(torch.zeros(2, *shape) for shape in of.shapes)
    means, squares = [], []
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        for round_ in range(ROUNDS):
            if round_ == 0 or _weighs(model):
                report = autoinit_(model, example, data_mean=mean, data_variance=variance,
                                   generator=generator, **options)  # fmt: skip
            y = model(*draws(of, mean, variance, generator)).double()
            means.append(y.mean())
            squares.append(((y - report.mean) ** 2).mean())
    slack = of.bias * (report.variance + report.mean**2)
    _near("mean", means, report.mean, math.sqrt(slack) / 10 if slack else 0.0)
    _near("variance", squares, report.variance, slack)


def _weighs(model: nn.Module) -> bool:
    return any(p.ndim > 1 for p in model.parameters()) and not isinstance(model, First)


def _near(what: str, rounds: list[Tensor], said: float, slack: float) -> None:
    found = torch.stack(rounds)
    error = 3 * float(found.std()) / math.sqrt(len(found))
    off = abs(float(found.mean()) - said)
    assert off <= error + slack + 1e-6 * abs(said) + 1e-9, (
        f"{what}: measured {float(found.mean()):.5f} ± {error:.5f}, the map says {said:.5f}"
    )


@pytest.mark.parametrize("moments", INPUTS, ids=lambda m: f"({m[0]}, {m[1]})")
@pytest.mark.parametrize("layer", LAYERS)
def test_the_map_is_what_samples_show(layer: Case, moments: tuple[float, float]) -> None:
    within_three_standard_errors(layer, *moments)
