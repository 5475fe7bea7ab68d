"""The transformer of Vaswani et al. as an encoder-decoder for translation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.models._parts import checked_probability
from actlas.models._registry import activation_factory, network
from actlas.models._tokens import need_sizes
from actlas.models.translation import PADDING, Translator, checked_vocabularies

_VASWANI = Paper("Vaswani et al.", 2017, arxiv="1706.03762", title="Attention Is All You Need")


class Writer(nn.TransformerDecoderLayer):
    """torch.nn's layer, whose copies keep their activation.

    A copy of nn.TransformerDecoderLayer made by copy.deepcopy or pickle silently goes back to ReLU
    if its activation is a module (PyTorch 2.13).
    """

    def __setstate__(self, state: dict[str, Any]) -> None:
        nn.Module.__setstate__(self, state)


class TransformerTranslator(Translator):
    """Attention over the source and over what is written so far.

    Build it with `transformer_translator`.
    """

    def __init__(
        self, vocabularies: tuple[int, int], width: int, longest: int, dropout: float,
        readers: Sequence[nn.Module], writers: Sequence[nn.Module],
    ) -> None:  # fmt: skip
        super().__init__()
        self.vocabularies, self.width, self.longest = vocabularies, width, longest
        self.source_words, self.target_words = (nn.Embedding(n, width) for n in vocabularies)
        self.register_buffer("places", sinusoids(longest, width), persistent=False)
        self.dropout = nn.Dropout(dropout)
        self.encoder, self.decoder = nn.ModuleList(readers), nn.ModuleList(writers)
        self.scores = nn.Linear(width, vocabularies[1])

    def _embed(self, words: Tensor, table: nn.Module) -> Tensor:
        if words.shape[1] > self.longest:
            raise ActlasError(f"TransformerTranslator: sentences must have 1 to {self.longest} "
                              f"tokens, got {words.shape[1]}")  # fmt: skip
        places: Tensor = self.places[: words.shape[1]]  # type: ignore[index]
        return self.dropout(table(words) * math.sqrt(self.width) + places)  # type: ignore[no-any-return]

    def forward(self, source: Tensor, target: Tensor | None = None) -> Tensor:
        """Return scores, see Translator."""
        self.check(source, target)
        if target is None:
            return self.greedy(source, source.shape[1])[0]
        return self.write(target[:, :-1], self.read(source), source == PADDING)

    def read(self, source: Tensor) -> Tensor:
        """Return one vector for each word of the source."""
        x, padding = self._embed(source, self.source_words), _open(source == PADDING)
        for layer in self.encoder:
            x = layer(x, src_key_padding_mask=padding)
        return x

    def write(self, words: Tensor, read: Tensor, padding: Tensor) -> Tensor:
        """Return the scores after each of the words, which see only what stands before them."""
        future = torch.ones(2 * [words.shape[1]], dtype=torch.bool, device=words.device).triu(1)
        x, unread = self._embed(words, self.target_words), _open(padding)
        for layer in self.decoder:
            x = layer(x, read, tgt_mask=future, memory_key_padding_mask=unread)
        return self.scores(x)  # type: ignore[no-any-return]

    def greedy(self, source: Tensor, longest: int) -> tuple[Tensor, Tensor]:
        read, words = self.read(source), self.starts(source)
        for _ in range(longest):
            scores = self.write(words, read, source == PADDING)
            words = torch.cat((words, scores[:, -1:].argmax(-1)), 1)
        return scores, words[:, 1:]


def _open(padding: Tensor) -> Tensor:
    """Return the mask of what is not attended to; a sentence of padding alone keeps its first."""
    first = torch.arange(padding.shape[1], device=padding.device) == 0
    return padding & ~(padding.all(1, keepdim=True) & first)


def sinusoids(longest: int, width: int) -> Tensor:
    """Return the places as waves, (longest, width): sine in even, cosine in odd columns.

    Source: Vaswani et al. 2017, section 3.5.

    >>> sinusoids(2, 4)[1]
    tensor([0.8415, 0.5403, 0.0100, 0.9999])
    """
    steps = torch.arange(0, width, 2, dtype=torch.float64) / width
    angles = torch.arange(longest)[:, None] * 10_000.0**-steps
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)[:, :width].float()


@network(id="transformer_translator", title="Transformer encoder-decoder", paper=_VASWANI,
         takes="tokens", input=(12,), aliases=("transformer",),
         deviations=("Embeddings and scores do not share weights.",
                     "Decoding is greedy; the paper searches with a beam of 4."))  # fmt: skip
def transformer_translator(
    activation: Any = "relu", vocabulary: int = 64, target_vocabulary: int | None = None,
    width: int = 32, layers: int = 2, heads: int = 4, hidden: int | None = None,
    dropout: float = 0.1, longest: int = 128, generator: torch.Generator | None = None,
) -> TransformerTranslator:  # fmt: skip
    """Transformer for translation with any function in its feed-forward blocks.

    Args:
        activation: of the feed-forward blocks.
        vocabulary, target_vocabulary: as of `lstm_translator`.
        width: size of a word's vector; 512 in the paper's base model.
        layers: blocks of encoder and of decoder; 6 there.
        heads: attention heads, a divisor of `width`; 8 there.
        hidden: width of the feed-forward blocks; None takes four times `width`.
        dropout: on embeddings, attention and branches.
        longest: the longest sentence.
        generator: random state of the weights (Xavier uniform); None takes PyTorch's.

    Raises:
        ActlasError: for sizes below 1, vocabularies below 4, heads that do not divide the width,
            or an unknown function.

    Source: Vaswani et al. 2017, sections 3.1 to 3.5, with the layers of torch.nn.
    """
    both = checked_vocabularies("transformer_translator", vocabulary, target_vocabulary)
    wide = 4 * width if hidden is None else hidden
    need_sizes("transformer_translator", width=width, layers=layers, heads=heads, hidden=wide,
               longest=longest)  # fmt: skip
    if width % heads:
        raise ActlasError(f"transformer_translator: width must be a multiple of heads, got {width} "
                          f"and {heads}")  # fmt: skip
    share = checked_probability(dropout, "transformer_translator: dropout")
    make = activation_factory(activation)
    sizes, rest = (width, heads, wide, share), {"batch_first": True}
    readers = [nn.TransformerEncoderLayer(*sizes, make(), **rest) for _ in range(layers)]
    for reader in readers:  # the fused kernel takes every nn.GELU for the exact one
        reader.activation_relu_or_gelu = 0
    writers = [Writer(*sizes, make(), **rest) for _ in range(layers)]
    net = TransformerTranslator(both, width, longest, share, readers, writers)
    return _xavier_(net, generator)


def _xavier_(
    net: TransformerTranslator, generator: torch.Generator | None
) -> TransformerTranslator:
    for module in net.modules():
        if isinstance(module, nn.MultiheadAttention):
            nn.init.xavier_uniform_(module.in_proj_weight, generator=generator)
            nn.init.zeros_(module.in_proj_bias)
        elif isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, generator=generator)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, 0, module.embedding_dim**-0.5, generator=generator)
    return net
