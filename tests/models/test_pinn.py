"""Networks for differential equations: the start, the slopes, derivatives on known solutions."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import actlas
from actlas.catalogue import Definition
from actlas.errors import ActlasError
from actlas.facts import facts_of
from actlas.models import count_parameters
from actlas.models.pinn import (
    ADAPTIVE,
    PINN,
    _vanishes,
    burgers_residual,
    heat_residual,
    need_derivatives,
    partials,
    pinn,
)
from actlas.nn import create
from tests.conftest import ENTRIES


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def made(**options: Any) -> PINN:
    return pinn(width=6, layers=3, generator=seeded(), **options).double()


def points(count: int = 40) -> Tensor:
    return torch.rand(count, 2, dtype=torch.float64, generator=seeded(1)) * 2 - 1


# ---------------------------------------------------------------- the start


@pytest.mark.parametrize("rowdy", [0, 9])
@pytest.mark.parametrize("scale", [1.0, 5.0, 10.0, 17.0])
@pytest.mark.parametrize("adaptive", ADAPTIVE)
def test_the_network_starts_as_the_plain_one(adaptive: str, scale: float, rowdy: int) -> None:
    x = points()
    plain, net = made(), made(adaptive=adaptive, scale=scale, rowdy=rowdy)
    largest = (net(x) - plain(x)).abs().max().item()
    assert largest < 1e-6  # the slopes are made in single precision: n (1/n) = 1 + 6e-8


def test_at_the_usual_scale_single_precision_starts_bit_for_bit() -> None:
    x = points().float()
    for adaptive in ADAPTIVE:
        assert torch.equal(made(adaptive=adaptive, rowdy=3).float()(x), made().float()(x))


@pytest.mark.parametrize(("adaptive", "count"), [
    ("none", 0), ("global", 1), ("layer", 3), ("neuron", 18)])  # fmt: skip
def test_the_number_of_slopes_and_waves(adaptive: str, count: int) -> None:
    plain = count_parameters(made())
    assert count_parameters(made(adaptive=adaptive)) == plain + count
    assert count_parameters(made(adaptive=adaptive, rowdy=4)) == plain + count + 3 * 2 * 4


def test_the_parameters_of_the_burgers_example() -> None:
    assert count_parameters(pinn()) == 2 * 20 + 20 + 7 * (20 * 20 + 20) + 20 + 1 == 3021


# ---------------------------------------------------------------- slopes and waves


def test_one_layer_is_its_formula() -> None:
    net = pinn("tanh", inputs=1, width=4, layers=1, adaptive="neuron", scale=5.0, rowdy=2,
               generator=seeded()).double()  # fmt: skip
    with torch.no_grad():
        net.slopes[0].copy_(torch.tensor([0.1, 0.2, 0.3, 0.4]))
        net.amplitudes[0].copy_(torch.tensor([0.05, -0.02]))
        net.frequencies[0].copy_(torch.tensor([0.3, 0.7]))
    x = torch.linspace(-1, 1, 9, dtype=torch.float64)[:, None]
    z = x @ net.linears[0].weight.T
    waves = 5 * 0.05 * torch.sin(5 * net.frequencies[0][0] * z)
    waves = waves - 5 * net.amplitudes[0][1].neg() * torch.sin(2 * 5 * net.frequencies[0][1] * z)
    hidden = torch.tanh(5 * net.slopes[0] * z) + waves
    torch.testing.assert_close(net(x), hidden @ net.linears[1].weight.T, rtol=1e-7, atol=1e-7)


def test_the_gradient_of_a_slope() -> None:
    """d/da f(n a z) = n z f'(n a z)."""
    net = pinn("tanh", inputs=1, width=1, layers=1, adaptive="layer", generator=seeded()).double()
    x = torch.tensor([[0.7]], dtype=torch.float64)
    net(x).backward()
    z, out = net.linears[0].weight.item() * 0.7, net.linears[1].weight.item()
    expected = out * 10 * z * (1 - math.tanh(z) ** 2)
    assert net.slopes[0].grad.item() == pytest.approx(expected, rel=1e-6)


def test_with_an_amplitude_of_zero_a_frequency_has_no_gradient() -> None:
    net = made(rowdy=2)
    net(points()).sum().backward()
    assert all(p.grad.any() for p in net.amplitudes)
    assert not any(p.grad.any() for p in net.frequencies)


def recovery(slopes: list[list[float]], divide: bool = True) -> float:
    """Return S(a) of the paper; without `divide`, the sum of the released code."""
    total = sum(math.exp(sum(layer) / len(layer)) for layer in slopes)
    return 1 / (total / len(slopes) if divide else total)


@pytest.mark.parametrize(("adaptive", "slopes"), [
    ("layer", [[0.1], [0.5], [-0.2]]),
    ("neuron", [[0.1] * 6, [0.5, 0.7, 0.1, 0.0, 0.2, 0.9], [-0.2] * 5 + [2.0]]),
])  # fmt: skip
def test_slope_recovery_is_the_formula_of_the_paper(
    adaptive: str, slopes: list[list[float]]
) -> None:
    net = made(adaptive=adaptive)
    assert made(adaptive=adaptive).slope_recovery().item() == pytest.approx(math.exp(-0.1))
    with torch.no_grad():
        for slope, values in zip(net.slopes, slopes, strict=True):
            slope.copy_(torch.tensor(values))
    found = net.slope_recovery()
    assert found.item() == pytest.approx(recovery(slopes), rel=1e-6)
    assert found.item() != pytest.approx(recovery(slopes, divide=False), rel=0.1)  # planted
    found.backward()
    assert all((slope.grad < 0).all() for slope in net.slopes)  # descent makes slopes grow


# ---------------------------------------------------------------- derivatives


def heat(p: Tensor) -> Tensor:
    """Solves u_t = 0.1 u_xx."""
    return torch.exp(-0.1 * math.pi**2 * p[:, 1:]) * torch.sin(math.pi * p[:, :1])


def shock(p: Tensor) -> Tensor:
    """A wave that solves Burgers' equation with viscosity 0.05: u = v - a tanh(a (x - v t)/2nu)."""
    v, a = 0.4, 0.7
    return v - a * torch.tanh(a * (p[:, :1] - v * p[:, 1:]) / 0.1)


EQUATIONS = {
    "heat": (lambda u, p: heat_residual(u, p, 0.1), heat),
    "burgers": (lambda u, p: burgers_residual(u, p, 0.05), shock),
}


@pytest.mark.parametrize(("residual", "solution"), EQUATIONS.values(), ids=EQUATIONS)
def test_the_residual_of_a_solution_is_zero(
    residual: Callable[[Any, Tensor], Tensor], solution: Callable[[Tensor], Tensor]
) -> None:
    assert residual(solution, points()).abs().max() < 1e-13
    assert residual(lambda p: solution(p) + p[:, :1] ** 2, points()).abs().max() > 0.05
    with pytest.raises(AssertionError):  # planted: x and t change places
        assert residual(lambda p: solution(p.flip(1)), points()).abs().max() < 1e-3


def test_partial_derivatives_of_a_polynomial() -> None:
    x, t = (column[:, None] for column in points().unbind(1))
    u, u_x, u_xt, u_xxx, u_tt = partials(
        lambda p: p[:, :1] ** 3 * p[:, 1:] ** 2, points(), (), (0,), (0, 1), (0, 0, 0), (1, 1)
    )
    expected = (x**3 * t**2, 3 * x**2 * t**2, 6 * x**2 * t, 6 * t**2, 2 * x**3)
    for found, value in zip((u, u_x, u_xt, u_xxx, u_tt), expected, strict=True):
        torch.testing.assert_close(found, value)


@pytest.mark.parametrize("activation", ["tanh", "sin", "silu", "gelu"])
def test_derivatives_of_a_network_are_its_differences(activation: str) -> None:
    net = made(activation=activation, adaptive="layer", rowdy=2)
    with torch.no_grad():
        for amplitude in net.amplitudes:
            amplitude.fill_(0.02)
    x, h = points(10), 1e-4
    step = torch.tensor([[h, 0.0]], dtype=torch.float64)
    u_x, u_xx = partials(net, x, (0,), (0, 0))
    right, here, left = net(x + step), net(x), net(x - step)
    torch.testing.assert_close(u_x, (right - left) / (2 * h), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(u_xx, (right - 2 * here + left) / h**2, rtol=1e-4, atol=1e-5)


def test_a_residual_trains_every_weight_and_slope() -> None:
    net = made(adaptive="neuron", rowdy=1)
    (heat_residual(net, points()).square().mean() + net.slope_recovery()).backward()
    learned = dict(net.named_parameters())
    without = {name for name, p in learned.items() if p.grad is None or not p.grad.any()}
    assert without == {"linears.3.bias", *(f"frequencies.{k}" for k in range(3))}


# ---------------------------------------------------------------- which functions fit

SINGLE = [entry for entry in ENTRIES if len(entry.inputs) == 1]


def straight(entry: Definition) -> bool:
    """Say whether second differences vanish but at a few kinks: the pieces are straight."""
    y = actlas.get(entry.name)(np.linspace(-8.003, 8.001, 4001))
    bend = np.abs(y[2:] - 2 * y[1:-1] + y[:-2])
    return int((bend > 1e-11).sum()) <= 16


def test_exactly_the_functions_of_straight_pieces_are_refused() -> None:
    refused = {entry.name for entry in SINGLE if _vanishes(create(entry.name), 2)}
    assert refused == {entry.name for entry in SINGLE if straight(entry)}
    assert 10 < len(refused) < len(SINGLE) - 60


@pytest.mark.parametrize("entry", SINGLE[::9], ids=lambda entry: entry.name)
def test_facts_decide(entry: Definition, recwarn: pytest.WarningsRecorder) -> None:
    if straight(entry):
        with pytest.raises(ActlasError, match="almost everywhere"):
            need_derivatives(create(entry.name), 2)
        return
    warnings.simplefilter("always")
    need_derivatives(create(entry.name), 2)
    told = facts_of(entry).smoothness in ("discontinuous", "C^0", "C^1")
    assert len(recwarn) == told


def test_refusal_and_warning_say_why() -> None:
    with pytest.raises(ActlasError, match=r"of order 2 of ReLU.* is 0 almost everywhere"):
        pinn("relu")
    for factory in (nn.ReLU, lambda: nn.LeakyReLU(0.2)):
        with pytest.raises(ActlasError, match="order 2"):
            pinn(factory)
    with pytest.warns(UserWarning, match=r"is C\^1, and an equation of order 2 wants C\^2"):
        pinn("elu")
    with pytest.warns(UserWarning, match=r"is C\^0, and an equation of order 1"):
        pinn("relu", order=1)  # its first derivative is there
    pinn("relu", order=0)  # regression


def test_a_function_is_looked_at_and_left_as_it_was() -> None:
    function = nn.Sequential(nn.Tanh(), nn.Linear(1, 1))
    need_derivatives(function, 2)
    assert {parameter.dtype for parameter in function.parameters()} == {torch.float32}


def test_with_waves_a_rectifier_is_let_through() -> None:
    net = made(activation="relu", rowdy=2)
    heat_residual(net, points()).square().mean().backward()
    assert any(p.grad is not None and p.grad.any() for p in net.amplitudes)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(("options", "said"), [
    ({"width": 0}, "width must"), ({"layers": -2}, "layers must"), ({"scale": 0.5}, "1 or more"),
    ({"adaptive": "layers"}, "Did you mean 'layer'"), ({"rowdy": -1}, "rowdy must"),
    ({"order": -1}, "order"), ({"order": 1.5}, "order"), ({"activation": "tahn"}, "tanh"),
])  # fmt: skip
def test_bad_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        pinn(**options)


def test_bad_calls_are_refused() -> None:
    with pytest.raises(ActlasError, match=r"shape \(N, 2\)"):
        pinn()(torch.zeros(4, 3))
    with pytest.raises(ActlasError, match="slope recovery needs"):
        pinn(adaptive="global").slope_recovery()
    with pytest.raises(ActlasError, match="coordinates must lie in 0 to 1"):
        partials(pinn(), torch.zeros(4, 2), (2,))
    with pytest.raises(ActlasError, match=r"must give \(4, 1\), got \(4, 2\)"):
        partials(pinn(outputs=2), torch.zeros(4, 2), (0,))
