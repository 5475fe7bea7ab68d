"""Convolutional network of Kim for the classification of sentences, with learned word vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.models._parts import checked_probability
from actlas.models._registry import ActivationFactory, activation_factory, network
from actlas.models._start import start_
from actlas.models._tokens import need_sizes, need_tokens

PADDING = 0

_PAPER = Paper("Kim", 2014, arxiv="1408.5882", title="Convolutional Neural Networks for Sentence "
               "Classification")  # fmt: skip


class TextCNN(nn.Module):
    """Convolutions of several widths over words, the largest output of each, a linear layer.

    Build it with `text_cnn`. Shape: tokens (N, T) -> scores (N, classes). Padding at the end
    changes nothing: only places that begin at a word count.
    """

    def __init__(
        self, make: ActivationFactory, vocabulary: int, classes: int, embedding: int,
        filters: int, widths: Sequence[int], dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.widths = tuple(widths)
        self.words = nn.Embedding(vocabulary, embedding, padding_idx=PADDING)
        self.convolutions = nn.ModuleList(nn.Conv1d(embedding, filters, k) for k in widths)
        self.activations = nn.ModuleList(make() for _ in widths)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(len(widths) * filters, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        need_tokens("text_cnn", tokens, self.words.num_embeddings)
        words, real = self.words(tokens).mT, (tokens != PADDING)[:, None]
        largest = []
        for width, convolution, activation in zip(
            self.widths, self.convolutions, self.activations, strict=True
        ):
            found = activation(convolution(functional.pad(words, (0, width - 1))))
            lowest = torch.finfo(found.dtype).min
            largest.append(found.masked_fill(~real, lowest).amax(-1))
        seen = torch.where(real.any(-1), torch.cat(largest, 1), 0)  # a sentence without words
        return self.classifier(self.dropout(seen))  # type: ignore[no-any-return]


@network(id="text_cnn", title="Sentence CNN", paper=_PAPER, takes="tokens", input=(20,),
         aliases=("kim_cnn", "sentence_cnn"),
         parameters={"vocabulary=18765, embedding=300, filters=100": 5_990_402},
         deviations=("Places that begin beyond the last word do not count; the published code lets "
                     "padding take part.",
                     "The norm of the last layer's weights is not held to 3."))  # fmt: skip
def text_cnn(
    activation: Any = "relu", vocabulary: int = 64, classes: int = 2, embedding: int = 32,
    filters: int = 16, widths: Sequence[int] = (3, 4, 5), dropout: float = 0.5,
    generator: torch.Generator | None = None,
) -> TextCNN:  # fmt: skip
    """Classifier of sentences by one layer of convolutions over learned word vectors.

    Args:
        activation: after each convolution.
        vocabulary: number of tokens; token 0 is padding. 18,765 for the film reviews of the paper.
        classes: number of classes.
        embedding: size of a word's vector; 300 in the paper.
        filters: channels of each convolution; 100 there.
        widths: words that the convolutions span.
        dropout: before the linear layer.
        generator: random state of the weights; None takes PyTorch's.

    Word vectors start as U(±0.25), as in the published code; the padding's is 0.

    Raises:
        ActlasError: for sizes below 1, no width, or an unknown function.

    Source: Kim 2014, section 2, the variant CNN-rand.

    >>> text_cnn("mish")(torch.zeros(5, 7, dtype=torch.long)).shape
    torch.Size([5, 2])
    """
    need_sizes("text_cnn", vocabulary=vocabulary, classes=classes, embedding=embedding,
               filters=filters, **{f"widths[{at}]": k for at, k in enumerate(widths)})  # fmt: skip
    if not widths:
        raise ActlasError("text_cnn: widths must name one width or more, got none")
    share = checked_probability(dropout, "text_cnn: dropout")
    make = activation_factory(activation)
    net = TextCNN(make, vocabulary, classes, embedding, filters, widths, share)
    nn.init.uniform_(net.words.weight, -0.25, 0.25, generator=generator)
    with torch.no_grad():
        net.words.weight[PADDING] = 0
    return start_(net, make(), generator)
