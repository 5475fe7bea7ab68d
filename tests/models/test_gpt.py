"""The small GPT: causality, attention and gated blocks by hand, counts, start weights."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.models import count_parameters
from actlas.models.gpt import GPT, CausalAttention, gpt, parameters_of


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def change_before(net: GPT, place: int) -> float:
    """Return how much the scores before `place` change when the tokens from it on do."""
    tokens = torch.randint(64, (2, 24), generator=seeded(1))
    other = tokens.clone()
    other[:, place:] = (other[:, place:] + 7) % 64
    with torch.no_grad():
        return (net(tokens) - net(other))[:, :place].abs().max().item()


@pytest.mark.parametrize("gated", [False, True], ids=["plain", "gated"])
def test_future_tokens_do_not_change_past_scores(gated: bool) -> None:
    net = gpt("telu", gated=gated, generator=seeded()).double()
    for place in (1, 9, 23):
        assert change_before(net, place) < 1e-14


def test_attention_that_sees_the_future_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    attend = nn.functional.scaled_dot_product_attention
    monkeypatch.setattr(
        nn.functional, "scaled_dot_product_attention",
        lambda *qkv, is_causal, dropout_p: attend(*qkv, dropout_p=dropout_p),
    )  # fmt: skip
    assert change_before(gpt(generator=seeded()).double(), 9) > 1e-6


def by_hand(attention: CausalAttention, x: Tensor) -> Tensor:
    """Return attention as its formula says, head by head with a softmax over what went before."""
    width = x.shape[-1]
    size = width // attention.heads
    query, key, value = attention.inward(x).split(width, -1)
    heads = []
    for start in range(0, width, size):
        q, k, v = (part[..., start : start + size] for part in (query, key, value))
        scores = q @ k.mT / math.sqrt(size)
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        heads.append(scores.masked_fill(later, -math.inf).softmax(-1) @ v)
    return attention.outward(torch.cat(heads, -1))


def test_attention_is_its_formula() -> None:
    attention = CausalAttention(12, 3).double()
    x = torch.randn(2, 9, 12, dtype=torch.float64, generator=seeded())
    torch.testing.assert_close(attention(x), by_hand(attention, x))


@pytest.mark.parametrize("activation", ["mish", lambda: nn.Mish()], ids=["name", "factory"])
def test_a_gated_block_is_its_formula(activation: Any) -> None:
    net = gpt(activation, gated=True, generator=seeded()).double()
    block: Any = net.blocks[0].feed_forward
    x = torch.randn(5, 64, dtype=torch.float64, generator=seeded(1))
    up, gate, down = (getattr(block, f"{name}_proj").weight for name in ("up", "gate", "down"))
    expected = (nn.functional.mish(x @ gate.T) * (x @ up.T)) @ down.T
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("gated", [False, True], ids=["plain", "gated"])
@pytest.mark.parametrize("sizes", [(64, 64, 64, 2, 4), (100, 32, 24, 3, 2), (11, 5, 6, 1, 1)])
def test_the_count_formula(sizes: tuple[int, ...], gated: bool) -> None:
    *counted, _ = sizes
    names = ("vocabulary", "context", "width", "layers", "heads")
    with torch.device("meta"):
        net = gpt(**dict(zip(names, sizes, strict=True)), gated=gated)
    assert count_parameters(net) == parameters_of(*counted, gated=gated)


def test_the_smallest_gpt_2_has_its_published_size() -> None:
    with torch.device("meta"):
        net = gpt(vocabulary=50_257, context=1024, width=768, layers=12, heads=12)
    assert count_parameters(net) == 124_439_808


def test_a_gated_block_has_about_as_many_weights_as_a_plain_one() -> None:
    plain, gated = (parameters_of(64, 64, 96, 4, gated=g) for g in (False, True))
    assert abs(gated / plain - 1) < 0.01


def test_start_weights() -> None:
    net = gpt(width=128, layers=8, generator=seeded())
    assert abs(net.tokens.weight.std().item() - 0.02) < 0.001
    block: Any = net.blocks[3]
    assert abs(block.attention.inward.weight.std().item() - 0.02) < 0.001
    for end in (block.attention.outward, block.feed_forward[-1]):
        assert abs(end.weight.std().item() - 0.02 / 4) < 0.0003  # 16 branches
        assert not end.bias.any()


def test_generation_follows_the_likeliest_token_and_forgets() -> None:
    net = gpt(context=8, generator=seeded()).eval()
    start = torch.randint(64, (2, 3), generator=seeded(1))
    text = net.generate(start, 9)
    assert torch.equal(text[:, :3], start)
    for place in range(3, 12):
        before = text[:, max(0, place - 8) : place]
        assert torch.equal(net(before)[:, -1].argmax(-1), text[:, place])


@pytest.mark.parametrize(("options", "said"), [
    ({"width": 10, "heads": 4}, "width must be a multiple of heads, got 10 and 4"),
    ({"context": 0}, "context must"), ({"layers": -1}, "layers must"), ({"heads": 0}, "heads must"),
    ({"activation": "gelo"}, "gelu"), ({"dropout": 2}, "dropout must"),
    ({"activation": "gelo", "gated": True}, "gelu"),
])  # fmt: skip
def test_bad_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        gpt(**options)


@pytest.mark.parametrize(("tokens", "said"), [
    (torch.zeros(1, 65, dtype=torch.long), "1 to 64 tokens, got 65"),
    (torch.full((1, 4), 99), "0 to 63"),
])  # fmt: skip
def test_bad_tokens_are_refused(tokens: Tensor, said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        gpt()(tokens)
