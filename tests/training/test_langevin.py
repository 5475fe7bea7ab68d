"""The Langevin optimisers: torch's bits without noise, and noise of the stated covariance."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from actlas.errors import ActlasError
from actlas.training import (
    LangevinAdadelta,
    LangevinAdam,
    LangevinRMSprop,
    LangevinSGD,
    SigmaSchedule,
    deepest_layers,
    layer_groups,
    rate_factor,
)
from actlas.training.langevin import Langevin
from tests.training.networks import seeded

KINDS = (LangevinSGD, LangevinRMSprop, LangevinAdam, LangevinAdadelta)
OPTIONS: list[tuple[type[Langevin], dict[str, Any]]] = [
    (LangevinSGD, {}),
    (LangevinSGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-2}),
    (LangevinRMSprop, {}),
    (LangevinRMSprop, {"centered": True, "momentum": 0.5}),
    (LangevinAdam, {}),
    (LangevinAdam, {"amsgrad": True, "weight_decay": 1e-2}),
    (LangevinAdam, {"fused": True}),
    (LangevinAdadelta, {"scaled_delta": False}),
    (LangevinAdadelta, {"scaled_delta": False, "weight_decay": 1e-2, "maximize": True}),
]
each = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
with_options = pytest.mark.parametrize(
    ("kind", "options"), OPTIONS, ids=[f"{k.__name__}-{'-'.join(o)}" for k, o in OPTIONS]
)


def network(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(),
            nn.Linear(8, 1),
        )  # fmt: skip


X = torch.randn(16, 3, generator=seeded(9))


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        (model(X) - X.sum(1, keepdim=True)).square().mean().backward()
        optimizer.step()


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in
               zip(one.parameters(), other.parameters(), strict=True))  # fmt: skip


# ------------------------------------------------------------------- drift


@with_options
def test_without_noise_it_is_torch_bit_for_bit(
    kind: type[Langevin], options: dict[str, Any]
) -> None:
    ours, theirs = network(), network()
    known = {key: kind.paper[key] for key in kind.paper if key not in ("lr", "sigma")}
    train(ours, kind(ours.parameters(), lr=0.01, sigma=0.0, **options), 20)
    known |= {key: value for key, value in options.items() if key != "scaled_delta"}
    train(theirs, kind.drift(theirs.parameters(), lr=0.01, **known), 20)
    assert same(ours, theirs)
    assert not same(ours, network())


@each
def test_closures_and_hooks_run_once(kind: type[Langevin]) -> None:
    """Also when torch has wrapped its own class in its hooks."""
    kind.drift([nn.Parameter(torch.ones(1))], lr=0.1)
    weight, runs = nn.Parameter(torch.ones(1)), []
    optimizer = kind([weight])
    optimizer.register_step_pre_hook(lambda *_: runs.append("before"))
    optimizer.register_step_post_hook(lambda *_: runs.append("after"))

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = weight.square().sum()
        loss.backward()
        runs.append("closure")
        return loss

    assert optimizer.step(closure).item() == 1.0
    assert runs == ["before", "closure", "after"]


# ------------------------------------------------------------------- noise


def expected_scale(kind: type[Langevin], g: float, steps: int, lr: float, sigma: float) -> float:
    """Return sigma sqrt(lr P) after `steps` equal gradients, from the formulas of the paper."""
    eps = 1e-6
    if kind is LangevinRMSprop:
        p = 1 / (eps + math.sqrt((1 - 0.9**steps) * g * g))
    elif kind is LangevinAdam:
        p = 1 / ((1 - 0.9**steps) * (eps + abs(g)))
    else:
        p = 1.0
    return sigma * math.sqrt(lr * p)


def noise_has_the_stated_variance(kind: type[Langevin], steps: int = 3, n: int = 40_000) -> None:
    """The last step, minus torch's own, is normal with variance sigma^2 lr P and mean 0."""
    g, lr, sigma = torch.tensor([1e-3, 0.1, 2.0]), 0.05, 0.3
    weight = nn.Parameter(torch.zeros(n, 3))
    optimizer = kind([weight], lr=lr, sigma=0.0, generator=seeded(5))
    for step in range(steps):
        plain = copy.deepcopy(optimizer) if step == steps - 1 else None
        weight.grad = g.expand(n, 3).clone()
        if plain is None:
            optimizer.step()
    (twin,) = plain.param_groups[0]["params"]  # type: ignore[union-attr]
    twin.grad = weight.grad.clone()
    plain.step()  # type: ignore[union-attr]
    optimizer.param_groups[0]["sigma"] = sigma
    optimizer.step()
    noise = (weight - twin).detach().double()
    for column, gradient in enumerate(g.tolist()):
        scale = expected_scale(kind, gradient, steps, lr, sigma)
        z = noise[:, column] / scale
        assert abs(z.var() - 1) < 4 * math.sqrt(2 / n), f"variance {z.var():.3f} of the stated one"
        assert abs(z.mean()) < 4 / math.sqrt(n)
        assert abs(z.pow(4).mean() - 3) < 4 * math.sqrt(96 / n)
    correlation = np.corrcoef(noise.numpy().T) - np.eye(3)
    assert np.abs(correlation).max() < 4 / math.sqrt(n)


@pytest.mark.parametrize("kind", KINDS[:3], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("steps", [1, 4])
def test_noise_has_the_stated_variance(kind: type[Langevin], steps: int) -> None:
    noise_has_the_stated_variance(kind, steps)


def adadelta_by_hand(
    g: torch.Tensor, noise: list[torch.Tensor], lr: float, sigma: float, unit: float
) -> torch.Tensor:
    """Return the parameter after the paper's Adadelta with given normal numbers, in float64."""
    eps, rho = 1e-6, 0.95
    u = v = x = torch.zeros_like(g)
    for xi in noise:
        v = rho * v + (1 - rho) * g * g
        p = (u + eps).sqrt() / (v + eps).sqrt()
        step = -lr * p * g + sigma * math.sqrt(lr) * p.sqrt() * xi
        u = rho * u + (1 - rho) * (step / unit) ** 2
        x = x + step
    return x


def adadelta_remembers_its_steps(sigma: float, lr: float = 0.1, scaled: bool = True) -> None:
    g = torch.tensor([0.5, -1.0, 1e-3], dtype=torch.float64)
    weight, draws = nn.Parameter(torch.zeros(3, dtype=torch.float64)), seeded(4)
    optimizer = LangevinAdadelta([weight], lr=lr, sigma=sigma, generator=seeded(4),
                                 scaled_delta=scaled)  # fmt: skip
    for _ in range(6):
        weight.grad = g.clone()
        optimizer.step()
    noise = [torch.randn(3, generator=draws, dtype=torch.float64) for _ in range(6)]
    expected = adadelta_by_hand(g, noise, lr, sigma, unit=1.0 if scaled else lr)
    torch.testing.assert_close(weight.data, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("sigma", [0.0, 0.3])
@pytest.mark.parametrize("lr", [1.0, 0.1])
@pytest.mark.parametrize("scaled", [True, False], ids=["published", "torch"])
def test_adadelta_remembers_its_steps(sigma: float, lr: float, scaled: bool) -> None:
    """The published formulas: u has the whole step, also without noise; torch's leave lr out."""
    adadelta_remembers_its_steps(sigma, lr, scaled)


@pytest.mark.parametrize("lr", [0.1, 0.5, 1.0])
def test_stationary_variance_on_a_quadratic(lr: float) -> None:
    """On x^2/2, x <- (1 - lr) x + sigma sqrt(lr) xi settles at sigma^2/(2 - lr)."""
    n, sigma = 20_000, 0.5
    weight = nn.Parameter(torch.zeros(n))
    optimizer = LangevinSGD([weight], lr=lr, sigma=sigma, generator=seeded(1))
    for _ in range(int(8 / lr)):
        weight.grad = weight.detach().clone()
        optimizer.step()
    expected = sigma**2 / 2 / (1 - lr / 2)
    assert abs(weight.var() / expected - 1) < 4 * math.sqrt(2 / n)


def test_stationary_variance_with_momentum() -> None:
    """The momentum form is a linear recursion; its covariance solves a Lyapunov equation."""
    linalg = pytest.importorskip("scipy.linalg")
    n, lr, mu, sigma = 20_000, 0.2, 0.6, 0.5
    weight = nn.Parameter(torch.zeros(n))
    optimizer = LangevinSGD([weight], lr=lr, sigma=sigma, momentum=mu, generator=seeded(2))
    for _ in range(120):
        weight.grad = weight.detach().clone()
        optimizer.step()
    forward = np.array([[1 - lr, -lr * mu], [1.0, mu]])  # of (x, buffer)
    covariance = linalg.solve_discrete_lyapunov(forward, np.diag([sigma**2 * lr, 0.0]))
    assert abs(weight.var().item() / covariance[0, 0] - 1) < 5 * math.sqrt(2 / n)


# ------------------------------------------------------------------ layers


def deepest_is_nearest_the_input() -> None:
    model = network()
    assert deepest_layers(model, 0.5) == ("0", "2"), "not the layers nearest the input"


def test_deepest_is_nearest_the_input() -> None:
    deepest_is_nearest_the_input()
    assert deepest_layers(network(), 0.3) == ("0",)
    assert deepest_layers(network(), 1.0) == ("0", "2", "4", "6")


def test_deepest_in_the_order_of_execution() -> None:
    class Reversed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last, self.first, self.norm = nn.Linear(2, 1), nn.Linear(3, 2), nn.BatchNorm1d(2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(self.norm(self.first(x)))

    model = Reversed()
    model.norm.eval()
    assert deepest_layers(model, 0.34) == ("last",)
    assert deepest_layers(model, 0.67, X) == ("first", "norm")
    assert model.norm.num_batches_tracked == 0
    assert (model.training, model.norm.training) == (True, False)


def masked_layers_get_no_noise(kind: type[Langevin] = LangevinAdam) -> None:
    """With gradients of zero only the chosen layers move."""
    model, start = network(), network()
    optimizer = kind(layer_groups(model, ("0", "2")), sigma=0.1, generator=seeded())
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    moved = [not torch.equal(a, b) for a, b in
             zip(model.parameters(), start.parameters(), strict=True)]  # fmt: skip
    assert moved == [True] * 4 + [False] * 4, f"moved: {moved}"


@each
def test_masked_layers_get_no_noise(kind: type[Langevin]) -> None:
    masked_layers_get_no_noise(kind)


def test_masked_layers_follow_torch_bit_for_bit() -> None:
    """The last layer's gradient is fixed, so its way does not hang on the others' noise."""
    ways = []
    for sigma in (0.0, 0.5):
        first, last = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
        groups = [{"params": [first], "sigma": sigma}, {"params": [last], "sigma": 0.0}]
        optimizer = LangevinAdam(groups, generator=seeded())
        for _ in range(5):
            optimizer.zero_grad()
            (first.square() + last.square()).sum().backward()
            optimizer.step()
        ways.append((first.detach(), last.detach()))
    assert torch.equal(ways[0][1], ways[1][1])
    assert not torch.equal(ways[0][0], ways[1][0])


def test_a_parameter_without_gradient_stays() -> None:
    used, unused = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimizer = LangevinSGD([used, unused], sigma=1.0, generator=seeded())
    used.sum().backward()
    optimizer.step()
    assert torch.equal(unused.data, torch.ones(2))


def test_shared_parameters_are_grouped_once() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    groups = layer_groups(model, ("0", "1"))
    assert [len(group["params"]) for group in groups] == [3]


def _step_with(sigma: float) -> None:
    weight = nn.Parameter(torch.ones(1))
    optimizer = LangevinSGD([weight])
    optimizer.param_groups[0]["sigma"] = sigma
    weight.sum().backward()
    optimizer.step()


ONE = [nn.Parameter(torch.ones(1))]
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "sigma": (lambda: LangevinSGD(ONE, sigma=-1.0), "sigma is a finite number from 0 up, got -1.0"),
    "sigma of a group": (lambda: LangevinAdam([{"params": ONE, "sigma": math.nan}]), "got nan"),
    "sigma set later": (lambda: _step_with(-0.5), "got -0.5"),
    "capturable": (lambda: LangevinAdam(ONE, capturable=True), "cannot be capturable"),
    "share": (lambda: deepest_layers(network(), 1.2), "share is a probability"),
    "no layer": (lambda: deepest_layers(network(), 0.2), "the smallest share is 0.25"),
    "a layer that is not there": (lambda: layer_groups(network(), ["0", "7"]), "called '7'"),
    "a layer without parameters": (lambda: layer_groups(network(), ["1"]), "called '1'"),
    "no noise to schedule": (
        lambda: SigmaSchedule(torch.optim.SGD(ONE), rate_factor), "SGD has no sigma"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused(case: str) -> None:
    call, message = REFUSED[case]
    with pytest.raises(ActlasError, match=message):
        call()


def test_torch_refuses_its_own_options() -> None:
    with pytest.raises(ValueError, match="Invalid"):
        LangevinAdam(ONE, betas=(1.5, 0.9))
