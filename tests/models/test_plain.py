"""Networks without shortcuts: sizes on their way, dropout where it belongs, padding."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from actlas.errors import ActlasError
from actlas.models.all_cnn import CIFAR_RECIPE, all_cnn
from actlas.models.densenet import DenseLayer
from actlas.models.lenet import lenet
from actlas.models.mlp import mlp
from actlas.models.resnet import resnet9
from actlas.models.vgg import PYNADA_DROPOUT, vgg


def sides(network: nn.Module, x: Tensor) -> list[int]:
    """Return the side of the image behind every convolution."""
    seen: list[int] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda *args: seen.append(args[2].shape[-1]))
    with torch.device("meta"):
        network(x)
    return seen


@pytest.mark.parametrize(
    ("base", "variant", "expected"),
    [
        ("C", "all", [32, 32, 16, 16, 16, 8, 6, 6, 6]),
        ("C", "strided", [32, 16, 16, 8, 6, 6, 6]),
        ("C", "pool", [32, 32, 16, 16, 6, 6, 6]),
        ("C", "conv_pool", [32, 32, 32, 16, 16, 16, 6, 6, 6]),
        ("A", "all", [32, 16, 16, 8, 6, 6, 6]),
        ("B", "strided", [32, 16, 16, 8, 6, 6, 6]),
    ],
)
def test_sides_of_all_cnn(base: str, variant: str, expected: list[int]) -> None:
    with torch.device("meta"):
        network = all_cnn(base, variant)
        assert sides(network, torch.empty(1, 3, 32, 32)) == expected


def test_parameters_of_all_cnn_layer_by_layer() -> None:
    with torch.device("meta"):
        layers = [m for m in all_cnn().modules() if isinstance(m, nn.Conv2d)]
    found = [sum(p.numel() for p in layer.parameters()) for layer in layers]
    assert found == [2_688, 83_040, 83_040, 166_080, 331_968, 331_968, 331_968, 37_056, 1_930]


def test_an_activation_follows_every_convolution_of_all_cnn() -> None:
    kinds = [type(m) for m in all_cnn(activation=nn.Tanh).features]
    assert kinds == [nn.Conv2d, nn.Tanh] * 9


def test_dropout_of_all_cnn_stands_at_the_input_and_behind_each_halving() -> None:
    layers = list(all_cnn(input_dropout=0.2, dropout=0.5).features)
    places = [i for i, layer in enumerate(layers) if isinstance(layer, nn.Dropout)]
    assert [layers[i].p for i in places] == [0.2, 0.5, 0.5]
    assert all(layers[i - 2].stride == (2, 2) for i in places[1:])
    assert (CIFAR_RECIPE.input_dropout, CIFAR_RECIPE.dropout) == (0.2, 0.5)


@pytest.mark.parametrize(("build", "least"), [(all_cnn, 12), (resnet9, 8)], ids=["all", "nine"])
def test_images_that_would_vanish_are_refused(
    build: Callable[..., nn.Sequential], least: int
) -> None:
    network = build().eval()
    assert network(torch.zeros(1, 3, least, least)).shape == (1, 10)
    with pytest.raises(ActlasError, match=f"multiples of 4, {least} at the least"):
        network(torch.zeros(1, 3, least - 4, least))


def test_dropout_of_the_nine_layer_vgg() -> None:
    network = vgg(9, dropout=PYNADA_DROPOUT)
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == list(PYNADA_DROPOUT)
    assert sum(isinstance(m, (nn.Conv2d, nn.Linear)) for m in network.modules()) == 9


def test_vgg_takes_multiples_of_32() -> None:
    with torch.device("meta"):
        network = vgg(9)
        assert network(torch.empty(2, 3, 64, 32)).shape == (2, 10)
    with pytest.raises(ActlasError, match="multiples of 32"):
        vgg(9)(torch.zeros(1, 3, 28, 28))


def test_lenet_pads_small_images() -> None:
    small, large = lenet(activation="telu"), lenet(image_size=32, activation="telu")
    large.load_state_dict(small.state_dict())
    x = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(small(x), large(functional.pad(x, (2, 2, 2, 2))))
    with pytest.raises(ActlasError, match="28 x 28 pixels"):
        small(torch.zeros(1, 1, 56, 56))


def test_a_dense_layer_keeps_its_input_in_front() -> None:
    layer, x = DenseLayer(6, 4, 0.0, nn.ReLU), torch.randn(2, 6, 5, 5)
    y = layer(x)
    assert y.shape == (2, 10, 5, 5)
    assert torch.equal(y[:, :6], x)


def test_an_mlp_flattens_and_refuses_other_lengths() -> None:
    network = mlp(64, (8,), 3)
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 3)
    with pytest.raises(ActlasError, match="64 numbers"):
        network(torch.zeros(2, 65))
