"""Drop-path, per sample and scaled in training, beside timm and torchvision."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from actlas.errors import ActlasError
from actlas.training import DropPath, drop_path_, drop_path_rates, stochastic_depth_
from tests.support.peers import peer
from tests.training.networks import convolutional, seeded


@pytest.mark.parametrize("drop", [0.0, 0.25, 0.9])
@pytest.mark.parametrize("scale", [True, False])
def test_the_bits_of_timm(drop: float, scale: bool) -> None:
    layers = peer("timm.layers")
    x = torch.randn(50, 3, 2, 2, generator=seeded())
    results = []
    for layer in (layers.DropPath(drop, scale), DropPath(drop, scale)):
        with torch.random.fork_rng():
            torch.manual_seed(1)
            results.append(layer.train()(x))
    assert torch.equal(*results)


@pytest.mark.parametrize("drop", [0.0, 0.25, 0.9])
def test_the_bits_of_torchvision(drop: float) -> None:
    vision = peer("torchvision.ops")
    x = torch.randn(50, 3, 2, 2, generator=seeded())
    results = []
    for layer in (vision.StochasticDepth(drop, "row"), DropPath(drop)):
        with torch.random.fork_rng():
            torch.manual_seed(1)
            results.append(layer.train()(x))
    assert torch.equal(*results)


def test_the_mean_stays() -> None:
    found = DropPath(0.3, generator=seeded())(torch.ones(20_000, 1))
    kept = found[found > 0].unique()
    assert kept.item() == pytest.approx(1 / 0.7)
    assert abs(found.mean() - 1) < 4 * math.sqrt(0.3 / 0.7 / 20_000)


def test_the_rates_of_timm() -> None:
    layers = peer("timm.layers")
    assert drop_path_rates(9, 0.2) == pytest.approx(layers.calculate_drop_path_rates(0.2, 9))


def test_drop_path_computes_every_branch() -> None:
    model = convolutional(3)
    paths = drop_path_(model, 1.0, generator=seeded())
    assert [path.drop for path in paths] == [0.0, 0.5, 1.0]
    model(torch.ones(8, 4, 5, 5))
    assert all(block.branch.branch[1].num_batches_tracked == 1 for block in model)


def test_the_identity_at_test_time() -> None:
    model, x = convolutional(3).eval(), torch.randn(2, 4, 5, 5, generator=seeded())
    plain = model(x)
    drop_path_(model, 0.9)
    assert torch.equal(model(x), plain)


def test_all_dropped_is_zero_without_a_warning() -> None:
    assert DropPath(1.0)(torch.ones(4, 2)).count_nonzero() == 0


def test_bad_input_is_refused() -> None:
    model = convolutional(2)
    for wrong in (-0.1, 1.1, True, None):
        with pytest.raises(ActlasError, match="a number from 0 to 1"):
            DropPath(wrong)
        with pytest.raises(ActlasError, match="a number from 0 to 1"):
            drop_path_(model, wrong)
    drop_path_(model)
    with pytest.raises(ActlasError, match="has a gate already"):
        stochastic_depth_(model)
    with pytest.raises(ActlasError, match="has no residual blocks"):
        drop_path_(nn.Linear(1, 1))
