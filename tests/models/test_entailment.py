"""The two-tower model: the four views, one tower for both sentences, padding."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from actlas.errors import ActlasError
from actlas.models.entailment import compare, two_tower


def made(**options: Any) -> Any:
    generator = torch.Generator().manual_seed(0)
    return two_tower("serf", vocabulary=30, generator=generator, **options).double().eval()


def pairs(length: int = 7) -> Tensor:
    return torch.randint(1, 30, (4, 2, length), generator=torch.Generator().manual_seed(1))


def test_the_four_views_by_hand() -> None:
    u, v = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, 3.0]])
    assert compare(u, v).tolist() == [[1, -2, 0.5, 3, 0.5, 5, 0.5, -6]]


def test_both_sentences_go_through_the_same_tower() -> None:
    net, x = made(), pairs()
    seen: list[Tensor] = []
    net.classifier.register_forward_hook(lambda *io: seen.append(io[1][0]))
    net(x)
    net(x.flip(1))
    u, v, apart, product = seen[0].chunk(4, -1)
    torch.testing.assert_close(seen[1], torch.cat((v, u, apart, product), -1))


def test_a_sentence_differs_from_itself_by_nothing() -> None:
    net, x = made(), pairs()[:, 0]
    u = net.tower(x)
    assert not compare(u, u).chunk(4, -1)[2].any()
    torch.testing.assert_close(net(x, x), net(torch.stack((x, x), 1)))


def test_padding_at_the_end_changes_nothing() -> None:
    net, x = made(), pairs()
    padded = torch.cat((x, torch.zeros(4, 2, 5, dtype=torch.long)), -1)
    torch.testing.assert_close(net(padded), net(x))


def test_a_sentence_without_words_is_zero() -> None:
    assert not made().tower(torch.zeros(2, 5, dtype=torch.long)).any()


def test_the_order_of_words_matters() -> None:
    net, x = made(), pairs()[:, 0]
    assert (net.tower(x) - net.tower(x.flip(1))).abs().max() > 1e-6


def test_both_ways_are_read_and_the_largest_output_is_taken() -> None:
    tower, x = made().tower, pairs()[:, 0]
    forth = tower.forth(tower.words(x))[0].amax(1)
    back = tower.back(tower.words(x.flip(1)))[0].amax(1)
    torch.testing.assert_close(tower(x), torch.cat((forth, back), 1))
    wrong = tower.back(tower.words(x))[0].amax(1)  # planted: the way back reads forwards
    with pytest.raises(AssertionError):
        torch.testing.assert_close(tower(x), torch.cat((forth, wrong), 1))


@pytest.mark.parametrize(("options", "said"), [
    ({"vocabulary": 0}, "vocabulary must"), ({"layers": 0}, "layers must"),
    ({"hidden": -1}, "hidden must"), ({"dropout": 7}, "dropout must"),
    ({"activation": "tahn"}, "tanh"),
])  # fmt: skip
def test_bad_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        two_tower(**options)


@pytest.mark.parametrize(("x", "said"), [
    (torch.ones(4, 7).long(), "pairs must be"), (torch.ones(4, 3, 7).long(), "pairs must be"),
    (torch.full((4, 2, 7), 30), "premise: tokens must lie in 0 to 29"),
    (torch.ones(4, 2, 7), "integers"),
])  # fmt: skip
def test_bad_pairs_are_refused(x: Tensor, said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        made()(x)
