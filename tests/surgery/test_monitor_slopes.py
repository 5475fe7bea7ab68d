"""Saturated and linear are facts about f': the same masks follow from the formula in doubles."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

import actlas
from actlas.catalogue import Definition
from actlas.surgery.monitor.slopes import Twin
from tests.conftest import ENTRIES, over

ONE = [entry for entry in ENTRIES if len(entry.inputs) == 1]
TOLERANCE = 0.01
X = torch.linspace(-9.03, 9.0, 600).reshape(200, 3)


def masks_by_formula(entry: Definition) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the masks from f, f' and the tails in doubles, and which points are a close call."""
    function = actlas.get(entry.name)
    x = X.double().numpy()
    f, df = function(x), function.derivative()(x)
    allowed = TOLERANCE * math.sqrt(function.facts.derivative_second_moment)
    saturated, linear = np.abs(df) <= allowed, np.zeros(x.shape, bool)
    close = np.abs(np.abs(df) - allowed) < 0.2 * allowed
    for tail, far in zip(function.facts.tails, (-1e3, 1e3), strict=True):
        if tail.kind != "linear" or tail.slope is None:
            continue
        off_slope = np.abs(df - tail.slope) / allowed
        line = function(far) + tail.slope * (x - far)
        off_line = np.abs(f - line) / (allowed * np.maximum(1, np.abs(x)))
        linear |= (off_slope <= 1) & (off_line <= 1) & (abs(tail.slope) > allowed)
        close |= (np.abs(off_slope - 1) < 0.2) | (np.abs(off_line - 1) < 0.2)
    return saturated, linear & ~saturated, close


@over(ONE)
def test_regimes_follow_from_the_formula(entry: Definition) -> None:
    module = actlas.nn.create(entry.name)
    twin = Twin(module, X)
    f, df, saturated, linear = twin.judge(X, TOLERANCE)
    want_saturated, want_linear, close = masks_by_formula(entry)
    function = actlas.get(entry.name)
    x = X.double().numpy()
    jumps = np.isin(x, [float(b) for b in function.facts.curve.breaks])
    torch.testing.assert_close(f, torch.tensor(function(x)).float(), rtol=1e-4, atol=1e-4)
    settled = ~close & ~jumps
    assert settled.mean() > 0.7
    assert (saturated.numpy() == want_saturated)[settled].all()
    assert (linear.numpy() == want_linear)[settled].all()
    assert not (saturated & linear).any()
    assert df.shape == X.shape
    assert not twin.mixes(X)


@over(ONE)
def test_asymptotes_are_those_of_the_facts(entry: Definition) -> None:
    """A slope is read off exactly where limits say that the function grows linearly."""
    twin, facts = Twin(actlas.nn.create(entry.name), X), actlas.get(entry.name).facts
    twin.judge(X, TOLERANCE)
    assert twin._known is not None
    allowed = TOLERANCE * float(twin._known.scale)
    for side, tail in enumerate(facts.tails):
        found = twin._known.slope[side]
        if tail.kind == "linear":
            assert torch.allclose(found, torch.full_like(found, float(tail.slope or 0)), atol=1e-3)
        else:
            assert bool((found.isnan() | (found.abs() <= allowed)).all())


@over([entry for entry in ONE if any(p.learnable for p in entry.parameters.values())])
def test_every_channel_has_its_own_shape(entry: Definition) -> None:
    """A twin follows the parameters of a module that learns one set for each channel."""
    module = actlas.nn.create(entry.name, num_parameters=3, channel_dim=-1)
    twin = Twin(module, X)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(torch.tensor([0.9, 1.0, 1.1]))
    twin.follow(module)
    expected = module(X[None])[0].detach()
    torch.testing.assert_close(twin.slope(X)[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "module",
    [nn.Softmax(-1), nn.Softmax(0), nn.BatchNorm1d(3), nn.GLU(0), actlas.nn.create("abrelu")],
    ids=lambda m: type(m).__name__,
)
def test_what_mixes_elements_is_recognised(module: nn.Module) -> None:
    twin = Twin(module, X)
    if isinstance(module, nn.BatchNorm1d):
        twin.module.train()
    assert twin.mixes(X)


def test_a_twin_is_apart_from_its_module() -> None:
    """Hooks of other people do not run again, and work in place stays in the copy."""
    called = []
    module = nn.Sequential(nn.ReLU(inplace=True), nn.PReLU())
    module[1].register_forward_hook(lambda *_: called.append(1))
    x = X.clone()
    f, df = Twin(module, X).slope(x)
    assert not called
    assert torch.equal(x, X)
    assert torch.equal(f, X.clamp_min(0))
    assert torch.equal(df, (X > 0).float())
    assert module[1].weight.grad is None
    with pytest.raises(ValueError, match="too many parameters"):
        Twin(nn.Linear(1000, 200), X)


def test_random_numbers_are_left_alone() -> None:
    class Noisy(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(x + torch.randn_like(x))

    before = torch.get_rng_state()
    Twin(Noisy(), X).slope(X)
    Twin(nn.RReLU().train(), X).slope(X)
    assert torch.equal(torch.get_rng_state(), before)
