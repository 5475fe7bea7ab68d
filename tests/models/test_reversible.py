"""The reversible chain: its inverse, its gradients, its memory, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.models._reversible import ARITHMETICS, MomentumChain, arithmetic_of
from actlas.models.mocapsnet import CapsuleLayer
from actlas.training.stochastic_depth import StochasticBranch
from tests.models.memory import peak_bytes, saved_bytes


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def layers(depth: int, dtype: torch.dtype = torch.float64, size: int = 8) -> list[nn.Module]:
    """Return capsule layers with weights so large that their capsules have lengths near 1/2."""
    made: list[nn.Module] = []
    for place in range(depth):
        layer = CapsuleLayer(size, 8, size, 8, generator=seeded(place)).to(dtype)
        with torch.no_grad():
            layer.weight.mul_(100)
        made.append(layer)
    return made


def inputs(dtype: torch.dtype = torch.float64, size: int = 8) -> Tensor:
    return torch.randn(4, size, 8, generator=seeded(99), dtype=dtype)


# ------------------------------------------------------------------------------------ the inverse


@torch.no_grad()
def error_of_undoing(
    arithmetic: str, depth: int, gamma: float, dtype: torch.dtype = torch.float64
) -> float:
    """Return the largest error of x after `depth` layers forward and back."""
    chain, x = layers(depth, dtype), inputs(dtype)
    rule = arithmetic_of(arithmetic, gamma, depth)
    state = first = rule.start(x)
    for layer in chain:
        state = rule.advance(state, layer(rule.read(state[0], dtype)))
    for layer in reversed(chain):
        before = rule.before(state)
        state = rule.retreat(state, before, layer(rule.read(before, dtype)))
    error = rule.read(state[0], torch.float64) - rule.read(first[0], torch.float64)
    return float(error.abs().max())


def undone(error: float) -> bool:
    """Say whether a chain counts as undone: to a few roundings of a float32 near 1."""
    return error < 1e-6


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("gamma", [0.9, 0.99])
def test_whole_numbers_undo_a_hundred_layers_exactly(gamma: float, dtype: torch.dtype) -> None:
    assert error_of_undoing("exact", 100, gamma, dtype) == 0


def test_whole_numbers_undo_a_small_gamma_while_the_rest_fits() -> None:
    assert error_of_undoing("exact", 60, 0.5) == 0
    assert error_of_undoing("exact", 17, 0.1) == 0


def test_float64_undoes_a_hundred_layers_to_single_precision() -> None:
    error = error_of_undoing("float64", 100, 0.9)
    assert undone(error), error
    assert error > 1e-12  # the growth gamma^-100 = 4e4 is seen, and harmless


def test_float32_does_not_undo_a_hundred_layers() -> None:
    """The check above can fail: single precision must, and at 20 layers nearly holds."""
    assert not undone(error_of_undoing("float32", 100, 0.9, torch.float32))
    assert error_of_undoing("float32", 100, 0.9, torch.float32) > 1e-2
    assert error_of_undoing("float32", 20, 0.9, torch.float32) < 1e-4


# ------------------------------------------------------------------------------- value, gradients


def by_the_definition(chain: MomentumChain, x: Tensor) -> Tensor:
    """Return the chain's value from v' = g v + (1 - g) f(x), x' = x + v' in plain words."""
    v = torch.zeros_like(x)
    for layer in chain.layers:
        v = chain.gamma * v + (1 - chain.gamma) * layer(x)
        x = x + v
    return x


def gradients(chain: nn.Module, x: Tensor, *, defined: bool = False) -> list[Tensor]:
    x = x.clone().requires_grad_()
    y: Tensor = by_the_definition(chain, x) if defined else chain(x)  # type: ignore[arg-type]
    weights = torch.linspace(-1, 2, y.numel(), dtype=y.dtype).view_as(y)
    return [y.detach(), *torch.autograd.grad((y * weights).sum(), [x, *chain.parameters()])]


@pytest.mark.parametrize("arithmetic", [*ARITHMETICS, "plain"])
@pytest.mark.parametrize("gamma", [0.5, 0.9])
def test_values_and_gradients_are_those_of_plain_autograd(arithmetic: str, gamma: float) -> None:
    reversible = arithmetic != "plain"
    how = arithmetic if reversible else "exact"
    chain = MomentumChain(layers(8), gamma, reversible=reversible, arithmetic=how)
    found, expected = gradients(chain, inputs()), gradients(chain, inputs(), defined=True)
    bound = 2e-4 if arithmetic == "float32" else 1e-9
    for one, other in zip(found, expected, strict=True):
        assert float((one - other).abs().max() / other.abs().max()) < bound


def worst(found: list[Tensor], truth: list[Tensor]) -> float:
    """Return the largest relative error of value and gradients."""
    return max(float((a - b).norm() / b.norm()) for a, b in zip(found, truth, strict=True))


def test_a_hundred_layers_in_single_precision_lose_no_more_than_plain_autograd() -> None:
    x, depth = inputs(torch.float32, 4), 100
    wide = MomentumChain(layers(depth, torch.float32, 4), 0.9, reversible=False).double()
    truth = gradients(wide, x.double())
    chain = MomentumChain(layers(depth, torch.float32, 4), 0.9)
    plain = worst(gradients(MomentumChain(chain.layers, 0.9, reversible=False), x), truth)
    assert worst(gradients(chain, x), truth) < 1.5 * plain < 2e-3
    chain.arithmetic = "float32"  # planted: the state in single precision
    assert worst(gradients(chain, x), truth) > 0.1


def test_frozen_layers_and_an_input_without_gradient() -> None:
    chain = MomentumChain(layers(3))
    chain.layers[1].requires_grad_(False)
    chain(inputs()).sum().backward()
    assert [layer.weight.grad is None for layer in chain.layers] == [False, True, False]


def test_without_gradients_the_value_is_the_same() -> None:
    chain, x = MomentumChain(layers(4)), inputs()
    with torch.no_grad():
        torch.testing.assert_close(chain(x), chain(x.requires_grad_()), rtol=0, atol=1e-11)


def test_layers_run_again_under_the_autocast_of_their_forward_pass() -> None:
    seen = []
    chain = MomentumChain([nn.Linear(8, 8) for _ in range(3)])
    for layer in chain.layers:
        layer.register_forward_hook(lambda _, __, y: seen.append(y.dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = chain(torch.randn(4, 8, generator=seeded()))
    y.sum().backward()
    assert y.dtype == torch.float32
    assert seen == [torch.bfloat16] * 6


# ----------------------------------------------------------------------------------------- memory


def bytes_at(depth: int, *, reversible: bool = True, arithmetic: str = "exact") -> int:
    chain = MomentumChain(layers(depth), reversible=reversible, arithmetic=arithmetic)
    x = inputs().requires_grad_()
    return saved_bytes(lambda: chain(x), list(chain.parameters()))


@pytest.mark.parametrize(("arithmetic", "per_number"), [("exact", 24), ("float64", 16)])
def test_memory_does_not_grow_with_the_depth(arithmetic: str, per_number: int) -> None:
    at = {depth: bytes_at(depth, arithmetic=arithmetic) for depth in (1, 4, 16)}
    assert set(at.values()) == {per_number * inputs().numel()}


def test_plain_autograd_keeps_every_layer() -> None:
    """The count is able to grow: kept layers cost four times as much at four times the depth."""
    small, large = bytes_at(4, reversible=False), bytes_at(16, reversible=False)
    assert 3.9 < large / small < 4.1
    assert small > 10 * bytes_at(4)


@pytest.mark.parametrize("reversible", [True, False], ids=["reversible", "plain"])
def test_the_peak_of_forward_and_backward_is_one_layer(reversible: bool) -> None:
    peaks = []
    for depth in (4, 16):
        # weights without gradients: what is kept for them is the weights themselves
        chain = MomentumChain(layers(depth), reversible=reversible).requires_grad_(False)
        x = inputs().requires_grad_()
        peaks.append(peak_bytes(lambda chain=chain, x=x: chain(x)))  # type: ignore[misc]
    assert (peaks[0] == peaks[1]) == reversible, peaks
    assert reversible or peaks[1] > 3.5 * peaks[0]


# ----------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("gamma", [0, 1, 1.5, -0.1, float("nan"), True, "0.9", None])
def test_a_gamma_outside_its_interval_is_refused(gamma: object) -> None:
    with pytest.raises(ActlasError, match="gamma must be a number above 0 and below 1"):
        MomentumChain(layers(2), gamma)  # type: ignore[arg-type]


def test_what_cannot_be_undone_is_refused() -> None:
    shared = nn.Linear(4, 4)
    for made, part in [
        ([shared, shared], "must not share weights"),
        ([], "at least one layer"),
    ]:
        with pytest.raises(ActlasError, match=part):
            MomentumChain(made)  # type: ignore[arg-type]
    with pytest.raises(ActlasError, match=r"gamma=0.5 can undo 61 layers, got 100"):
        MomentumChain(layers(100, size=2), 0.5)
    with pytest.raises(ActlasError, match="Did you mean 'float64' or 'float32'"):
        MomentumChain(layers(2), arithmetic="float46")


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.Dropout(0.1), "draws random numbers"),
        (nn.RReLU(), "draws random numbers"),
        (StochasticBranch(nn.Linear(4, 4), 0.5, seeded()), "draws random numbers"),
        (nn.BatchNorm1d(4), "changes a buffer"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else value,
)
def test_what_would_be_another_value_when_run_again_is_refused(
    layer: nn.Module, reason: str
) -> None:
    """Whatever draws or counts, in training alone and in the reversible form alone."""
    x = torch.randn(3, 4, generator=seeded()).requires_grad_()
    chain = MomentumChain([nn.Sequential(nn.Linear(4, 4), layer)])
    with pytest.raises(ActlasError, match=reason):
        chain.train()(x)
    chain.eval()(x).sum().backward()
    MomentumChain(chain.layers, reversible=False).train()(x).sum().backward()


@pytest.mark.parametrize("reversible", [True, False], ids=["reversible", "plain"])
def test_small_steps_in_half_precision_add_up(reversible: bool) -> None:
    """Each of 60 layers adds less than a half rounds to; state and gradients keep their sum."""
    made = [nn.Linear(4, 4, bias=False) for _ in range(60)]
    for layer in made:
        nn.init.eye_(layer.weight).data.mul_(2**-9)
    chain, x = MomentumChain(made, 0.9, reversible=reversible), torch.rand(3, 4, generator=seeded())
    x = x.bfloat16()
    truth = gradients(chain.double(), x.double())[:2]
    assert worst(truth, [x.double(), truth[1]]) > 0.05  # how far the steps go
    found = [value.double() for value in gradients(chain.bfloat16(), x)[:2]]
    with torch.no_grad():
        found[:0] = [chain(x).double()]
    assert worst(found, [truth[0], *truth]) < 0.01


def test_numbers_that_do_not_fit_are_refused() -> None:
    chain = MomentumChain([nn.Linear(4, 4)])
    for x in (torch.full((1, 4), float("nan")), torch.full((1, 4), 5000.0)):
        with pytest.raises(ActlasError, match="finite values below 4096"):
            chain(x)
    assert MomentumChain([nn.Linear(4, 4)], arithmetic="float64")(torch.full((1, 4), 5000.0)).all()


def test_weights_that_change_before_backward_are_refused() -> None:
    chain = MomentumChain(layers(2))
    y = chain(inputs())
    with torch.no_grad():
        chain.layers[0].weight.add_(1)
    with pytest.raises(ActlasError, match="changed between"):
        y.sum().backward()
