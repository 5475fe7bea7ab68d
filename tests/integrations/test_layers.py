"""Constructors for `activation_layer=`, in torchvision and in code that looks like it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import actlas
from actlas.catalogue import Definition
from actlas.errors import ActlasError
from actlas.integrations import activation_layer
from tests.conftest import ENTRIES, over
from tests.support.peers import peer

X = torch.linspace(-2, 2, 12).reshape(2, 6)


@over([entry for entry in ENTRIES if len(entry.inputs) == 1])
def test_every_function_is_built_as_callers_build_it(entry: Definition) -> None:
    """With nothing, and with inplace alone: as timm, torchvision and others do."""
    make = activation_layer(entry.name)
    expected = actlas.get(entry.name)(X)
    torch.testing.assert_close(make()(X), expected)
    assert make(inplace=True).inplace
    assert make() is not make()


def test_torchvision_blocks() -> None:
    ops = peer("torchvision.ops")
    mlp = ops.MLP(6, [8, 4], activation_layer=activation_layer("telu"))
    conv = ops.Conv2dNormActivation(3, 5, activation_layer=activation_layer("swish", beta=2.0))
    squeeze = ops.SqueezeExcitation(5, 2, activation=activation_layer("mish"))
    assert type(mlp[1]) is actlas.nn.class_of("telu")
    assert conv[2].inplace, "torchvision asks for work in place"
    mlp(X).sum().backward()
    squeeze(conv(torch.arange(216.0).reshape(2, 3, 6, 6) / 100)).square().sum().backward()
    assert conv[2].beta.grad is not None
    assert type(squeeze.activation) is actlas.nn.class_of("mish")


class TorchLike(nn.Module):
    """What libraries do with `activation_layer`: call it once a layer, sometimes with inplace."""

    def __init__(self, activation_layer: Any = nn.ReLU, inplace: bool | None = None) -> None:
        super().__init__()
        options = {} if inplace is None else {"inplace": inplace}
        self.layers = nn.Sequential(
            nn.Linear(6, 6),
            activation_layer(**options),
            nn.Linear(6, 6),
            activation_layer(**options),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)  # type: ignore[no-any-return]


@pytest.mark.parametrize("inplace", [None, False, True])
def test_each_site_has_a_module_of_its_own(inplace: bool | None) -> None:
    make = activation_layer("prelu", num_parameters=6, init=0.1)
    model = TorchLike(make, inplace)
    model(X).sum().backward()
    first, second = model.layers[1], model.layers[3]
    assert first is not second
    assert first.weight is not second.weight
    assert first.weight.tolist() == pytest.approx([0.1] * 6)
    assert first.weight.grad is not None


def test_options_can_still_be_overridden() -> None:
    make = activation_layer("leaky_relu", negative_slope=0.2)
    assert make(negative_slope=0.3)(torch.tensor(-1.0)).item() == pytest.approx(-0.3)
    assert copy.deepcopy(make)()(torch.tensor(-1.0)).item() == pytest.approx(-0.2)
    assert activation_layer("telu") is actlas.nn.class_of("telu")
    unit = activation_layer("maxout", num_pieces=3)
    assert unit()(torch.ones(2, 6)).shape == (2, 2)


@pytest.mark.parametrize(("name", "options", "sentence"), [
    ("tellu", {}, "Did you mean 'telu'"),
    ("leaky_relu", {"negative_slop": 0.1}, "has no argument 'negative_slop'. Did you mean "
     "'negative_slope'"),
    ("maxout", {"num_piece": 3}, "Maxout has no argument 'num_piece'. Did you mean 'num_pieces'"),
    ("elu", {"alpha": "big"}, "alpha must be a number, got 'big'"),
    ("softplus", {"beta": -1.0}, "beta must be greater than 0, got -1.0"),
])  # fmt: skip
def test_bad_input_is_refused_at_once(name: str, options: Any, sentence: str) -> None:
    with pytest.raises(ActlasError, match=sentence):
        activation_layer(name, **options)
