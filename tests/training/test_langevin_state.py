"""The Langevin optimisers when saved, loaded, copied and scaled; and the schedules of sigma."""

from __future__ import annotations

import copy
import io
import math
from typing import Any

import pytest
import torch
from torch import nn

from actlas.training import (
    LangevinAdam,
    LangevinSGD,
    SigmaSchedule,
    deepest_layers,
    layer_groups,
    rate_factor,
    sigma_factor,
)
from actlas.training.langevin import Langevin
from tests.training.networks import seeded
from tests.training.test_langevin import each, network, same, train, with_options


@with_options
def test_a_saved_run_goes_on_with_the_same_numbers(
    kind: type[Langevin], options: dict[str, Any]
) -> None:
    model = network()
    groups = layer_groups(model, deepest_layers(model, 0.5))
    optimizer = kind(groups, lr=0.01, sigma=0.05, generator=seeded(3), **options)
    train(model, optimizer, 5)
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
    train(model, optimizer, 5)

    file.seek(0)
    kept = torch.load(file, weights_only=True)
    other = network(seed=1)
    other.load_state_dict(kept["model"])
    again = kind(layer_groups(other, deepest_layers(other, 0.5)), generator=seeded(8), **options)
    again.load_state_dict(kept["optimizer"])
    assert [group["sigma"] for group in again.param_groups] == [0.05, 0.0]
    train(other, again, 5)
    assert same(model, other)


@each
def test_a_state_of_torch_leaves_the_noise_as_it_is(kind: type[Langevin]) -> None:
    weight = nn.Parameter(torch.ones(2))
    ours, theirs = kind([weight], sigma=0.2), kind.drift([weight], lr=0.3)
    ours.load_state_dict(theirs.state_dict())
    (group,) = ours.param_groups
    assert (group["sigma"], group["lr"]) == (0.2, 0.3)
    weight.sum().backward()
    ours.step()


@pytest.mark.parametrize("kind", [LangevinSGD, LangevinAdam], ids=lambda kind: kind.__name__)
def test_an_infinite_gradient_is_skipped_with_its_noise(kind: type[Langevin]) -> None:
    """A fused optimiser would leave torch's part out and still add noise."""
    weight, scaler = nn.Parameter(torch.ones(2)), torch.amp.GradScaler("cpu")
    optimizer = kind([weight], sigma=1.0, generator=seeded(), fused=True)
    scaler.scale(weight.sum() * math.inf).backward()
    scaler.step(optimizer)
    scaler.update()
    assert torch.equal(weight.data, torch.ones(2))


def test_copies_keep_noise_and_random_state() -> None:
    weight = nn.Parameter(torch.ones(4))
    optimizer = LangevinSGD([weight], sigma=0.5, generator=seeded(3))
    twin = copy.deepcopy(optimizer)
    (other,) = twin.param_groups[0]["params"]
    for parameter, stepped in ((weight, optimizer), (other, twin)):
        parameter.grad = torch.zeros(4)
        stepped.step()
    assert torch.equal(weight, other)
    assert not torch.equal(weight.data, torch.ones(4))


@pytest.mark.parametrize(
    ("epoch", "rate", "sigma"),
    [(0, 5e-3, 5e-3), (5, 4e-3, 4.79e-3), (10, 3.33e-3, 4.62e-3), (20, 2.5e-3, 4.36e-3),
     (40, 1.67e-3, 4.01e-3)],
)  # fmt: skip
def test_schedules_have_the_papers_figures(epoch: int, rate: float, sigma: float) -> None:
    assert 5e-3 * rate_factor(epoch, 20) == pytest.approx(rate, rel=2e-3)
    assert 5e-3 * sigma_factor(epoch, 20) == pytest.approx(sigma, rel=2e-3)


def test_sigma_schedule_goes_on_after_a_save() -> None:
    def make() -> tuple[LangevinSGD, SigmaSchedule]:
        groups = [{"params": [nn.Parameter(torch.ones(1))], "sigma": s} for s in (1.0, 0.0, 2.0)]
        optimizer = LangevinSGD(groups)
        return optimizer, SigmaSchedule(optimizer, lambda step: 1 / (1 + step))

    optimizer, schedule = make()
    schedule.step()
    assert [group["sigma"] for group in optimizer.param_groups] == [0.5, 0.0, 1.0]
    other, again = make()
    other.load_state_dict(optimizer.state_dict())
    again.load_state_dict(schedule.state_dict())
    schedule.step()
    again.step()
    assert [group["sigma"] for group in other.param_groups] == pytest.approx([1 / 3, 0, 2 / 3])
    assert again.state_dict() == schedule.state_dict() == {"steps": 2}


def test_sigma_schedule_takes_groups_that_come_later() -> None:
    optimizer = LangevinSGD([nn.Parameter(torch.ones(1))], sigma=1.0)
    schedule = SigmaSchedule(optimizer, lambda step: 1 / (1 + step))
    schedule.step()
    optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))], "sigma": 3.0})
    schedule.step()
    assert [group["sigma"] for group in optimizer.param_groups] == pytest.approx([1 / 3, 1.0])
