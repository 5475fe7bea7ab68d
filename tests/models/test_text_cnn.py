"""The sentence network: its size, its places, and that padding takes no part."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from actlas.errors import ActlasError
from actlas.models.text_cnn import text_cnn


def small(**options: Any) -> Any:
    return text_cnn(**{"generator": torch.Generator().manual_seed(0), **options}).eval()


def by_hand(net: Any, tokens: Tensor) -> Tensor:
    """Return the scores of one sentence, convolution by convolution, window by window."""
    seen = []
    for convolution, activation in zip(net.convolutions, net.activations, strict=True):
        width = convolution.kernel_size[0]
        words = torch.cat((net.words.weight[tokens], torch.zeros(width, 32)))
        sums = [(convolution.weight * words[at : at + width].T).sum((1, 2)) + convolution.bias
                for at in range(len(tokens))]  # fmt: skip
        seen.append(activation(torch.stack(sums)).amax(0))
    return net.classifier.weight @ torch.cat(seen) + net.classifier.bias


@pytest.mark.parametrize("name", ["relu", "softplus", "tanh"])
def test_it_computes_what_it_says(name: str) -> None:
    net, tokens = small(activation=name), torch.tensor([9, 3, 17, 5])
    torch.testing.assert_close(net(tokens[None])[0], by_hand(net, tokens))
    with pytest.raises(AssertionError):  # planted: the words the other way round
        torch.testing.assert_close(net(tokens[None])[0], by_hand(net, tokens.flip(0)))


@pytest.mark.parametrize("name", ["relu", "softplus"])
def test_padding_changes_nothing(name: str) -> None:
    """Also for functions that are not 0 at 0, where empty places would win the maximum."""
    net, tokens = small(activation=name), torch.tensor([[9, 3, 17, 5]])
    wider = torch.nn.functional.pad(tokens, (0, 6))
    torch.testing.assert_close(net(wider), net(tokens))


def test_a_sentence_without_words_is_the_bias() -> None:
    net = small(activation="softplus")
    torch.testing.assert_close(net(torch.zeros(1, 6, dtype=torch.long))[0], net.classifier.bias)


def test_word_vectors_start_as_published() -> None:
    words = small(vocabulary=500).words.weight
    assert not words[0].any()
    assert 0.24 < words.abs().max() <= 0.25


@pytest.mark.parametrize(
    ("options", "said"),
    [({"widths": ()}, "one width or more"), ({"widths": (3, 0)}, r"widths\[1\]"),
     ({"classes": 0}, "classes")],
)  # fmt: skip
def test_impossible_sizes(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        small(**options)
