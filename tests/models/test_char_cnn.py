"""The character-level network: its alphabet, its lengths, and convolution over one-hot vectors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from actlas.errors import ActlasError
from actlas.models import count_parameters, find_network
from actlas.models.char_cnn import ALPHABET, char_cnn, encode, frames_left


def small(**options: Any) -> Any:
    generator = torch.Generator().manual_seed(0)
    return char_cnn(frame=8, hidden=16, length=150, generator=generator, **options).eval()


def test_the_alphabet_has_70_characters_and_one_of_them_twice() -> None:
    assert len(ALPHABET) == 70
    assert len(set(ALPHABET)) == 69
    assert ALPHABET.count("-") == 2


def test_a_text_is_read_backwards_in_lower_case() -> None:
    assert encode("aZ é", 6).tolist() == [0, 0, 26, 1, 0, 0]  # é, blank, z, a, filling
    assert encode("abc", 2).tolist() == [2, 1]  # the first characters, the last one first
    assert encode("\n", 1).tolist() == [70]


@pytest.mark.parametrize(("length", "frames"), [(1014, 34), (123, 1), (122, 0), (150, 2)])
def test_the_frames_left(length: int, frames: int) -> None:
    assert frames_left(length) == frames


@pytest.mark.parametrize(("frame", "hidden", "classes"), [(256, 1024, 4), (1024, 2048, 5)])
def test_the_parameters_follow_table_1(frame: int, hidden: int, classes: int) -> None:
    convolutions = 70 * frame * 7 + frame**2 * (7 + 4 * 3) + 6 * frame
    linear = 34 * frame * hidden + hidden**2 + hidden * classes + 2 * hidden + classes
    with torch.device("meta"):
        found = count_parameters(char_cnn(frame=frame, hidden=hidden, classes=classes, length=1014))
    assert found == convolutions + linear
    assert found in find_network("char_cnn").parameters.values()


def first_frame(net: Any, tokens: Tensor) -> Tensor:
    """Return the first convolution's first frame, by looking up the weights of 7 characters."""
    convolution = net.features[0]
    total = convolution.bias.clone()
    for place, token in enumerate(tokens[:7].tolist()):
        if token:
            total += convolution.weight[:, token - 1, place]
    return total


def test_the_first_convolution_looks_up_the_weights_of_its_characters() -> None:
    net, tokens = small(), encode("the quick brown fox", 150)
    seen: list[Tensor] = []
    net.features[0].register_forward_hook(lambda *io: seen.append(io[2]))
    net(tokens[None])
    torch.testing.assert_close(seen[0][0, :, 0], first_frame(net, tokens))
    with pytest.raises(AssertionError):  # planted: the characters the other way round
        torch.testing.assert_close(seen[0][0, :, 0], first_frame(net, encode("xof", 150).flip(0)))


def test_a_short_text_is_filled_up() -> None:
    net, tokens = small(), encode("short", 150)
    torch.testing.assert_close(net(tokens[None, :20]), net(tokens[None]))


def test_start_weights_have_the_deviation_of_the_paper() -> None:
    net = char_cnn(generator=torch.Generator().manual_seed(0))
    for layer in (net.features[3], net.classifier[1]):
        assert abs(layer.weight.std().item() - 0.05) < 0.001
        assert not layer.bias.any()


@pytest.mark.parametrize(("options", "said"), [
    ({"length": 122}, "length must be 123 or more, got 122"), ({"classes": 0}, "classes must"),
    ({"frame": -8}, "frame must"), ({"dropout": -0.1}, "dropout must"),
    ({"activation": "rellu"}, "relu"),
])  # fmt: skip
def test_bad_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        char_cnn(**options)


@pytest.mark.parametrize(("tokens", "said"), [
    (torch.full((1, 150), 71), "0 to 70"), (torch.zeros(1, 151, dtype=torch.long), "1 to 150"),
    (torch.zeros(1, 70, 150), "integers of shape"),
])  # fmt: skip
def test_bad_texts_are_refused(tokens: Tensor, said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        small()(tokens)
