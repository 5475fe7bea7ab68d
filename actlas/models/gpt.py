"""A small GPT: a decoder-only transformer with plain or gated feed-forward blocks."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.models._parts import checked_probability
from actlas.models._registry import ActivationFactory, activation_factory, network
from actlas.models._tokens import need_sizes, need_tokens
from actlas.nn.gated import hidden_width
from actlas.nn.structured.gated_mlp import GatedMLP

_PAPER = Paper("Radford et al.", 2019, title="Language Models are Unsupervised Multitask Learners",
               url="https://openai.com/index/better-language-models")  # fmt: skip


class CausalAttention(nn.Module):
    """Self-attention in which a place sees itself and what stands before it.

    Args:
        width: size of a token's vector.
        heads: number of heads, a divisor of `width`.
        dropout: on the attention weights while training.

    Shape: (N, T, width) -> the same.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        need_sizes("CausalAttention", width=width, heads=heads)
        if width % heads:
            raise ActlasError(f"CausalAttention: width must be a multiple of heads, got {width} "
                              f"and {heads}")  # fmt: skip
        self.heads, self.dropout = heads, dropout
        self.inward = nn.Linear(width, 3 * width)
        self.outward = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        split = self.inward(x).unflatten(-1, (3, self.heads, -1)).transpose(1, 3)
        query, key, value = split.unbind(2)  # each (N, heads, T, width / heads)
        mixed = functional.scaled_dot_product_attention(
            query, key, value, is_causal=True, dropout_p=self.dropout if self.training else 0.0
        )
        return self.outward(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class FactoryGate(nn.Module):
    """f(g) u for a function f that has no name in the catalogue: a class or a factory."""

    def __init__(self, function: nn.Module) -> None:
        super().__init__()
        self.function = function

    def forward(self, gate: Tensor, linear: Tensor) -> Tensor:
        return self.function(gate) * linear  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention and a feed-forward block, each behind a layer norm and beside a shortcut."""

    def __init__(self, width: int, heads: int, feed_forward: nn.Module, dropout: float) -> None:
        super().__init__()
        self.attention_norm, self.norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = CausalAttention(width, heads, dropout)
        self.feed_forward = feed_forward
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.attention_norm(x)))
        return x + self.dropout(self.feed_forward(self.norm(x)))  # type: ignore[no-any-return]


class GPT(nn.Module):
    """Embeddings of tokens and places, blocks, a norm, and scores by the token embedding.

    Build it with `gpt`. Shape: tokens (N, T) with T <= context -> scores (N, T, vocabulary).
    """

    def __init__(self, vocabulary: int, context: int, width: int, blocks: list[Block]) -> None:
        super().__init__()
        self.context = context
        self.tokens = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(context, width)
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        need_tokens("gpt", tokens, self.tokens.num_embeddings, self.context)
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.norm(self.blocks(self.tokens(tokens) + self.places(places)))
        return functional.linear(x, self.tokens.weight)

    @torch.no_grad()
    def generate(self, tokens: Tensor, steps: int) -> Tensor:
        """Return `tokens` followed by the likeliest next token, `steps` times.

        What lies further back than the context is forgotten. Call `eval()` first, or dropout takes
        part.
        """
        need_sizes("GPT.generate", steps=steps)
        for _ in range(steps):
            scores = self(tokens[:, -self.context :])[:, -1]
            tokens = torch.cat((tokens, scores.argmax(-1, keepdim=True)), 1)
        return tokens

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw weights: N(0, 0.02²), divided by √(2 blocks) where a branch ends; biases 0."""
        ends = [part for block in self.blocks for part in _ends(block)]
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                scale = 0.02 / math.sqrt(len(ends)) if module in ends else 0.02
                nn.init.normal_(module.weight, 0, scale, generator=generator)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)


def _ends(block: nn.Module) -> list[nn.Module]:
    """Return the linear layers of a block whose output is added to the shortcut."""
    last = [part for part in block.feed_forward.modules() if isinstance(part, nn.Linear)][-1]  # type: ignore[union-attr]
    return [block.attention.outward, last]  # type: ignore[union-attr, list-item]


def _feed_forward(width: int, activation: Any, gated: bool) -> nn.Module:
    make: ActivationFactory = activation_factory(activation)
    if not gated:
        return nn.Sequential(nn.Linear(width, 4 * width), make(), nn.Linear(4 * width, width))
    if isinstance(activation, str):
        return GatedMLP(width, gate=activation)
    block = GatedMLP(width)
    block.act = FactoryGate(make())  # type: ignore[assignment]
    return block


def parameters_of(
    vocabulary: int, context: int, width: int, layers: int, gated: bool = False
) -> int:
    """Return how many numbers a GPT learns, activations without parameters aside.

    With width d: vocabulary d + context d, per block 4d² + 4d for attention, 4d for two norms and
    8d² + 5d for the plain feed-forward block (3d h with h = `hidden_width(d)` for the gated one,
    which has no biases), and 2d for the last norm. The scores reuse the token embedding.

    >>> parameters_of(50257, 1024, 768, 12)  # the smallest GPT-2
    124439808
    """
    forward = 3 * width * hidden_width(width) if gated else 8 * width**2 + 5 * width
    block = 4 * width**2 + 8 * width + forward
    return (vocabulary + context + 2) * width + layers * block


@network(id="gpt", title="GPT", paper=_PAPER, takes="tokens", input=(32,), aliases=("gpt2",),
         parameters={"": parameters_of(64, 64, 64, 2),
                     "vocabulary=50257, context=1024, width=768, layers=12, heads=12": 124_439_808},
         deviations=("Dropout is 0 by default and does not follow the embeddings.",))  # fmt: skip
def gpt(
    activation: Any = "gelu", vocabulary: int = 64, context: int = 64, width: int = 64,
    layers: int = 2, heads: int = 4, gated: bool = False, dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> GPT:  # fmt: skip
    """Decoder-only transformer in the form of GPT-2, with plain or gated feed-forward blocks.

    Args:
        activation: of the feed-forward blocks; in a gated one, of the gate half.
        vocabulary: number of tokens.
        context: the longest sequence.
        width: size of a token's vector.
        layers: number of blocks.
        heads: attention heads, a divisor of `width`.
        gated: f(W_g x) W_u x in place of f(W x), two thirds as wide (Shazeer 2020, equation 6).
        dropout: on attention weights and branches while training.
        generator: random state of the weights; None takes PyTorch's.

    Raises:
        ActlasError: for sizes below 1, heads that do not divide the width, an unknown function.

    Source: Radford et al. 2019, section 2.3.

    >>> gpt("telu", gated=True)(torch.zeros(2, 9, dtype=torch.long)).shape
    torch.Size([2, 9, 64])
    """
    need_sizes("gpt", vocabulary=vocabulary, context=context, width=width, layers=layers)
    share = checked_probability(dropout, "gpt: dropout")
    blocks = [Block(width, heads, _feed_forward(width, activation, gated), share)
              for _ in range(layers)]  # fmt: skip
    net = GPT(vocabulary, context, width, blocks)
    net.reset_parameters(generator)
    return net
