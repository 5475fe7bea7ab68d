"""Encoder-decoder for translation after Dubey et al., and what every translator shares.

Sentences are padded tokens: PADDING fills up, START comes first in a target, END last.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.models._cells import LSTMCell, Recurrent, State
from actlas.models._parts import checked_probability
from actlas.models._registry import ActivationFactory, activation_factory, network
from actlas.models._tokens import need_sizes, need_tokens, pytorch_start_

PADDING, START, END = 0, 1, 2

_DUBEY = Paper("Dubey et al.", 2022, arxiv="2109.14545", title="Activation Functions in Deep "
               "Learning: A Comprehensive Survey and Benchmark")  # fmt: skip


class Translator(nn.Module):
    """What both translators share: the vocabularies, their checks, and greedy decoding.

    `forward(source, target)` returns the scores of target[:, 1:], each place knowing what stands
    before it: (N, S), (N, T) -> (N, T - 1, target vocabulary). Without a target the network reads
    its own likeliest words, for as many steps as the source has tokens.
    """

    vocabularies: tuple[int, int]

    def check(self, source: Tensor, target: Tensor | None) -> None:
        """Raise ActlasError unless source and target are sentences of the two vocabularies."""
        name = type(self).__name__
        need_tokens(f"{name}: source", source, self.vocabularies[0])
        if target is None:
            return
        need_tokens(f"{name}: target", target, self.vocabularies[1])
        if len(target) != len(source) or target.shape[1] < 2:
            shapes = f"{tuple(target.shape)} for sources {tuple(source.shape)}"
            raise ActlasError(
                f"{name}: every source needs a target of 2 or more tokens, got {shapes}"
            )

    def starts(self, source: Tensor) -> Tensor:
        """Return one START for each source, (N, 1)."""
        return source.new_full((len(source), 1), START)

    def greedy(self, source: Tensor, longest: int) -> tuple[Tensor, Tensor]:
        """Return the scores and the words of `longest` steps that follow the likeliest word."""
        raise NotImplementedError

    @torch.no_grad()
    def translate(self, source: Tensor, longest: int = 50) -> Tensor:
        """Return the likeliest words one by one, (N, longest); PADDING follows an END.

        Call `eval()` first, or dropout takes part.

        Args:
            source: (N, S) tokens.
            longest: number of words at most, 1 or more.
        """
        need_sizes(type(self).__name__, longest=longest)
        self.check(source, None)
        words = self.greedy(source, longest)[1]
        ended = (words == END).cumsum(1) - (words == END).long()  # ENDs before this place
        return words.masked_fill(ended > 0, PADDING)


class Words(nn.Sequential):
    """Embedding, activation, dropout: the only place of the function in Dubey et al."""

    def __init__(self, vocabulary: int, width: int, make: ActivationFactory, dropout: float):
        embedding = nn.Embedding(vocabulary, width)
        super().__init__(embedding, make(), nn.Dropout(dropout))


class LSTMTranslator(Translator):
    """An LSTM reads the source; a second one starts from its state and writes the target.

    Build it with `lstm_translator`.
    """

    def __init__(
        self, vocabularies: tuple[int, int], words: tuple[Words, Words],
        readers: tuple[Recurrent, Recurrent], hidden: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.vocabularies = vocabularies
        self.source_words, self.target_words = words
        self.encoder, self.decoder = readers
        self.scores = nn.Linear(hidden, vocabularies[1])

    def forward(
        self,
        source: Tensor,
        target: Tensor | None = None,
        teacher_forcing: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return scores, see Translator.

        Args:
            source: (N, S) tokens.
            target: (N, T) tokens from START to END, or None.
            teacher_forcing: probability with which a step reads the target's word and not the
                word found before; drawn once a step for the whole batch, 0.5 in the paper.
            generator: random state of these draws.
        """
        self.check(source, target)
        if target is None:
            return self.greedy(source, source.shape[1])[0]
        if not 0 <= teacher_forcing <= 1:
            raise ActlasError(f"LSTMTranslator: teacher_forcing must be a probability in [0, 1], "
                              f"got {teacher_forcing!r}")  # fmt: skip
        return self._follow(self.read(source), target, teacher_forcing, generator)

    def read(self, source: Tensor) -> list[State]:
        """Return the state of the encoder after the last word of each sentence."""
        states: list[State] = self.encoder(self.source_words(source), real=source != PADDING)[1]
        return states

    def write(self, words: Tensor, states: list[State]) -> tuple[Tensor, list[State]]:
        """Return the scores after each of the words, (N, T) -> (N, T, vocabulary), and states."""
        outputs, states = self.decoder(self.target_words(words), states)
        return self.scores(outputs), states

    def _follow(
        self, states: list[State], target: Tensor, share: float, generator: torch.Generator | None
    ) -> Tensor:
        if share == 1:
            return self.write(target[:, :-1], states)[0]
        place = None if generator is None else generator.device
        found, word = [], target[:, :1]
        for step in range(1, target.shape[1]):
            scores, states = self.write(word, states)
            found.append(scores)
            told = bool(torch.rand((), generator=generator, device=place) < share)
            word = target[:, step : step + 1] if told else scores.argmax(-1)
        return torch.cat(found, 1)

    def greedy(self, source: Tensor, longest: int) -> tuple[Tensor, Tensor]:
        states, word = self.read(source), self.starts(source)
        found, words = [], []
        for _ in range(longest):
            scores, states = self.write(word, states)
            word = scores.argmax(-1)
            found.append(scores)
            words.append(word)
        return torch.cat(found, 1), torch.cat(words, 1)


@network(id="lstm_translator", title="LSTM encoder-decoder", paper=_DUBEY, takes="tokens",
         input=(12,), aliases=("seq2seq",),
         deviations=("The encoder's state stops at the last word; the published code reads the "
                     "padding too.",))  # fmt: skip
def lstm_translator(
    activation: Any = "relu", vocabulary: int = 64, target_vocabulary: int | None = None,
    embedding: int = 32, hidden: int = 64, layers: int = 1, dropout: float = 0.5,
    state: Any = "tanh", generator: torch.Generator | None = None,
) -> LSTMTranslator:  # fmt: skip
    """Encoder-decoder of two LSTMs with the function after the two embeddings, as published.

    Args:
        activation: after the embeddings of source and target, the only places in the paper.
        vocabulary: tokens of the source language, PADDING, START and END among them.
        target_vocabulary: of the target language; None takes the same number.
        embedding: size of a word's vector; 300 in the paper.
        hidden: size of the LSTMs' states; 1024 there.
        layers: of each LSTM.
        dropout: after the embeddings and between the layers of an LSTM.
        state: the function of the LSTMs' cells.
        generator: random state of the weights; None takes PyTorch's.

    Raises:
        ActlasError: for sizes below 1, vocabularies below 4 or an unknown function.

    Source: Dubey et al. 2022, the language experiment, and its released notebooks.

    >>> net = lstm_translator("selu", vocabulary=9)
    >>> net.eval().translate(torch.tensor([[1, 5, 4, 2]]), longest=3).shape
    torch.Size([1, 3])
    """
    both = checked_vocabularies("lstm_translator", vocabulary, target_vocabulary)
    need_sizes("lstm_translator", embedding=embedding, hidden=hidden, layers=layers)
    share = checked_probability(dropout, "lstm_translator: dropout")
    make = activation_factory(activation)
    source, target = (Words(count, embedding, make, share) for count in both)
    inside = [embedding, *[hidden] * (layers - 1)]
    encoder, decoder = (Recurrent([LSTMCell(size, hidden, state) for size in inside], share)
                        for _ in range(2))  # fmt: skip
    net = pytorch_start_(LSTMTranslator(both, (source, target), (encoder, decoder), hidden),
                         generator)  # fmt: skip
    for cell in (*encoder.cells, *decoder.cells):
        cell.reset_parameters(generator)  # type: ignore[operator]
    return net


def checked_vocabularies(network: str, source: int, target: int | None) -> tuple[int, int]:
    """Return the sizes of both vocabularies; ActlasError unless each has room for a word."""
    both = source, source if target is None else target
    need_sizes(network, vocabulary=both[0], target_vocabulary=both[1])
    if min(both) <= END + 1:
        raise ActlasError(f"{network}: a vocabulary holds padding, start, end and a word, 4 or "
                          f"more, got {min(both)}")  # fmt: skip
    return both
