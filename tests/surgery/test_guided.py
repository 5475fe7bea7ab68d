"""Guided backpropagation: Captum's on ReLU, the rule written out for every other function."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import actlas
from actlas.errors import ActlasError
from actlas.models import find_network
from actlas.surgery import guided_backprop
from tests.support.peers import peer

FUNCTIONS = ("relu", "gelu", "telu", "tanh", "snake", "sigmoid", "prelu")


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def two_layers(function: str) -> nn.Sequential:
    net = nn.Sequential(nn.Linear(5, 8), actlas.nn.create(function), nn.Linear(8, 6),
                        actlas.nn.create(function), nn.Linear(6, 3)).double()  # fmt: skip
    for index, layer in enumerate(net[::2]):
        layer.weight.data.copy_(numbers(*layer.weight.shape, seed=index))
    return net


def written_out(net: nn.Sequential, function: str, x: Tensor, target: int) -> Tensor:
    """R_z = f'(z) max(R_y, 0), layer by layer, with the derivative's own formula."""
    slope = actlas.get(function).derivative()
    z1 = net[0](x)
    z2 = net[2](net[1](z1))
    signal = net[4].weight[target].expand(len(x), -1)
    signal = (slope(z2) * signal.clamp(min=0)) @ net[2].weight
    return (slope(z1) * signal.clamp(min=0)) @ net[0].weight


@pytest.mark.parametrize("function", FUNCTIONS)
def test_any_function_follows_the_rule(function: str) -> None:
    net, x = two_layers(function), numbers(7, 5, seed=9)
    found = guided_backprop(net, x, 1)
    torch.testing.assert_close(found, written_out(net, function, x, 1).detach())


@pytest.mark.parametrize(
    "build",
    [partial(find_network("all_cnn").build),
     partial(find_network("resnet").build, depth=8),
     partial(find_network("lenet").build, channels=3, image_size=32)],
    ids=["all_cnn", "resnet", "lenet"],
)  # fmt: skip
def test_equal_to_captum_on_relu(build: Callable[..., nn.Module]) -> None:
    captum = peer("captum.attr")
    weights = torch.Generator().manual_seed(1)  # with other weights a class may be dead
    net = build(activation=nn.ReLU, generator=weights).eval()
    x = numbers(2, 3, 32, 32).float()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it sets hooks
        theirs = captum.GuidedBackprop(net).attribute(x.clone().requires_grad_(), target=3)
    assert theirs.any()
    assert torch.equal(guided_backprop(net, x, 3), theirs)


def test_the_published_example() -> None:
    """One hidden layer of ReLU: W1ᵀ((h > 0) (w2 > 0) w2), and not one of its two relatives."""
    w1, w2 = numbers(6, 4), numbers(1, 6, seed=1)
    net = nn.Sequential(nn.Linear(4, 6, bias=False), nn.ReLU(), nn.Linear(6, 1, bias=False))
    net.double()[0].weight.data.copy_(w1)
    net[2].weight.data.copy_(w2)
    x = numbers(1, 4, seed=2)
    h = (w1 @ x[0]) > 0
    guided = w1.T @ (h * (w2[0] > 0) * w2[0])
    plain, deconvolution = w1.T @ (h * w2[0]), w1.T @ ((w2[0] > 0) * w2[0])
    found = guided_backprop(net, x, 0)[0]
    torch.testing.assert_close(found, guided, rtol=0, atol=1e-6)
    assert not torch.allclose(found, plain)
    assert not torch.allclose(found, deconvolution)


def test_signals_below_a_relu_are_not_negative() -> None:
    net, x = find_network("all_cnn").build().eval(), numbers(1, 3, 32, 32).float()
    seen: list[Tensor] = []

    def note(_: nn.Module, __: object, output: Tensor) -> None:
        output.register_hook(lambda signal: seen.append(signal))

    outputs = [m.register_forward_hook(note) for m in net.modules() if isinstance(m, nn.Conv2d)]
    guided_backprop(net, x, 0)
    assert len(seen) == len(outputs) == 9
    assert all(bool((signal >= 0).all()) for signal in seen)


def test_falling_parts_turn_the_sign() -> None:
    """Left of its minimum GELU falls: more input means less output, and the signal says so."""
    net = nn.Sequential(nn.Identity(), nn.GELU())
    found = guided_backprop(net, torch.tensor([[-2.0, -0.5, 2.0]]), lambda outputs: outputs)
    assert found.sign().tolist() == [[-1.0, 1.0, 1.0]]


def test_a_forgotten_cut_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = two_layers("gelu"), numbers(7, 5, seed=9)
    monkeypatch.setattr("actlas.surgery.guided._cut", lambda *_: None)
    assert not torch.allclose(guided_backprop(net, x, 1), written_out(net, "gelu", x, 1))


def test_the_model_is_left_as_it_was() -> None:
    net, x = two_layers("gelu"), numbers(2, 5)
    guided_backprop(net, x, torch.tensor([0, 2]))
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not any(module._forward_hooks for module in net.modules())
    with pytest.raises(RuntimeError):
        guided_backprop(net, numbers(2, 4), 0)
    assert not any(module._forward_hooks for module in net.modules())


def test_each_example_has_its_own_target() -> None:
    net, x = two_layers("telu"), numbers(2, 5)
    both = guided_backprop(net, x, torch.tensor([0, 2]))
    single = [guided_backprop(net, x[i : i + 1], k) for i, k in ((0, 0), (1, 2))]
    torch.testing.assert_close(both, torch.cat(single))


def test_inplace_functions_are_guided() -> None:
    plain, inplace = (nn.Sequential(nn.Linear(5, 8), nn.ReLU(inplace), nn.Linear(8, 3)).double()
                      for inplace in (False, True))  # fmt: skip
    inplace.load_state_dict(plain.state_dict())
    x = numbers(3, 5)
    assert torch.equal(guided_backprop(plain, x, 0), guided_backprop(inplace, x, 0))


class Calls(nn.Module):
    """Calls its activation instead of holding it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(functional.relu(self.first(x)))


def test_called_functions_are_refused_with_the_way_out() -> None:
    model = Calls()
    with pytest.raises(ActlasError, match=r'actlas\.replace\(model, \{"relu": "relu"\}'):
        guided_backprop(model, torch.zeros(1, 5), 0)
    actlas.replace(model, {"relu": "relu"}, only="functions")
    modules = nn.Sequential(model.first, nn.ReLU(), model.second)
    x = numbers(2, 5).float()
    torch.testing.assert_close(guided_backprop(model, x, 1), guided_backprop(modules, x, 1))


@pytest.mark.parametrize(
    ("model", "target", "said"),
    [
        (nn.Sequential(nn.Linear(5, 3)), 0, "no such activation module"),
        (nn.Sequential(nn.Linear(5, 3), nn.ReLU()), 3, "an index below 3, got 3"),
        (nn.Sequential(nn.Linear(5, 3), nn.ReLU()), -1, "an index below 3"),
        (nn.Sequential(nn.Linear(5, 3), nn.ReLU()), torch.tensor([0.5]), "an index below 3"),
    ],
)
def test_bad_input(model: nn.Module, target: object, said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        guided_backprop(model, torch.zeros(1, 5), target)


def test_inputs_and_targets_of_another_kind_or_shape_are_refused() -> None:
    net = two_layers("gelu")
    with pytest.raises(ActlasError, match=r"inputs must be floating point.* got torch\.int64"):
        guided_backprop(net, torch.ones(2, 5, dtype=torch.long), 0)
    words = numbers(3, 4, 5)  # outputs (3, 4, 3)
    for target in (torch.zeros(3, dtype=torch.long), torch.zeros(4, dtype=torch.long)):
        with pytest.raises(ActlasError, match=r"an index or \(3, 4\) of them, got"):
            guided_backprop(net, words, target)
    each = torch.ones(3, 4, dtype=torch.long)
    assert torch.equal(guided_backprop(net, words, each), guided_backprop(net, words, 1))


def test_classes_can_be_chosen() -> None:
    net = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 6), nn.Sigmoid(), nn.Linear(6, 3))
    x = numbers(2, 5).float()
    assert not torch.equal(guided_backprop(net, x, 0), guided_backprop(net, x, 0, only=nn.ReLU))
    with pytest.raises(ActlasError, match="no such"):
        guided_backprop(net, x, 0, only=nn.Tanh)
