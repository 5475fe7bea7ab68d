"""Two-tower model of entailment: one encoder reads both sentences, a classifier compares them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.models._cells import LSTMCell, Recurrent
from actlas.models._parts import checked_probability
from actlas.models._registry import activation_factory, network
from actlas.models._tokens import need_sizes, need_tokens, pytorch_start_

PADDING = 0

_PAPER = Paper("Conneau et al.", 2017, arxiv="1705.02364", title="Supervised Learning of Universal "
               "Sentence Representations from Natural Language Inference Data")  # fmt: skip


def compare(u: Tensor, v: Tensor) -> Tensor:
    """Return (u, v, |u - v|, u v), the four views of two sentences, along the last dimension.

    >>> compare(torch.tensor([1.0, 2.0]), torch.tensor([3.0, -1.0]))
    tensor([ 1.,  2.,  3., -1.,  2.,  3.,  3., -2.])
    """
    return torch.cat((u, v, (u - v).abs(), u * v), -1)


class Tower(nn.Module):
    """A sentence as one vector: an LSTM each way, and the largest output over its words.

    Args:
        vocabulary: number of tokens; token 0 is padding.
        embedding: size of a word's vector.
        hidden: size of each LSTM's state.
        state: function of the LSTMs' cells.

    Shape: tokens (N, T) -> (N, 2 hidden). Padding at the end changes nothing.
    """

    def __init__(self, vocabulary: int, embedding: int, hidden: int, state: Any) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, embedding, padding_idx=PADDING)
        self.forth = Recurrent([LSTMCell(embedding, hidden, state)])
        self.back = Recurrent([LSTMCell(embedding, hidden, state)])

    def forward(self, tokens: Tensor) -> Tensor:
        words, real = self.words(tokens), tokens != PADDING
        forth = self.forth(words, real=real)[0]
        back = self.back(words.flip(1), real=real.flip(1))[0].flip(1)
        both = torch.cat((forth, back), -1)
        lowest = torch.finfo(both.dtype).min
        largest = both.masked_fill(~real[..., None], lowest).amax(1)
        return torch.where(real.any(1, keepdim=True), largest, 0)  # a sentence without words


class TwoTower(nn.Module):
    """A tower for both sentences, and a classifier of `compare`.

    Build it with `two_tower`. Shape: pairs of tokens (N, 2, T), premise and hypothesis, or two
    tensors (N, T) -> scores (N, classes).
    """

    def __init__(self, tower: Tower, classifier: nn.Sequential) -> None:
        super().__init__()
        self.tower, self.classifier = tower, classifier

    def forward(self, premise: Tensor, hypothesis: Tensor | None = None) -> Tensor:
        if hypothesis is None:
            if premise.ndim != 3 or premise.shape[1] != 2:
                raise ActlasError(f"two_tower: pairs must be (N, 2, T), or two tensors (N, T), got "
                                  f"{tuple(premise.shape)}")  # fmt: skip
            premise, hypothesis = premise.unbind(1)
        count = self.tower.words.num_embeddings
        need_tokens("two_tower: premise", premise, count)
        need_tokens("two_tower: hypothesis", hypothesis, count)
        return self.classifier(compare(self.tower(premise), self.tower(hypothesis)))  # type: ignore[no-any-return]


@network(id="two_tower", title="Two-tower entailment", paper=_PAPER, takes="tokens",
         input=(2, 12), aliases=("entailment", "infersent"),
         deviations=("The classifier has one hidden layer with the function; the published code is "
                     "linear there by default.",
                     "Word vectors are learned; the paper takes GloVe's."))  # fmt: skip
def two_tower(
    activation: Any = "tanh", vocabulary: int = 64, classes: int = 3, embedding: int = 32,
    hidden: int = 32, layers: int = 1, width: int = 64, dropout: float = 0.0,
    state: Any = "tanh", generator: torch.Generator | None = None,
) -> TwoTower:  # fmt: skip
    """Classifier of sentence pairs into entailment, contradiction and neutral.

    Args:
        activation: of the classifier's hidden layers.
        vocabulary: number of tokens; token 0 is padding.
        classes: number of classes.
        embedding: size of a word's vector; 300 in the paper.
        hidden: size of each LSTM's state; 2048 there.
        layers: hidden layers of the classifier, 1 or more.
        width: of these layers; 512 there.
        dropout: after them.
        state: function of the LSTMs' cells.
        generator: random state of the weights; None takes PyTorch's.

    Raises:
        ActlasError: for sizes below 1 or an unknown function; when called, for tokens outside the
            vocabulary.

    Source: Conneau et al. 2017, section 3.1 (figure 1) and section 3.2.2.

    >>> two_tower("serf")(torch.zeros(5, 2, 7, dtype=torch.long)).shape
    torch.Size([5, 3])
    """
    need_sizes("two_tower", vocabulary=vocabulary, classes=classes, embedding=embedding,
               hidden=hidden, layers=layers, width=width)  # fmt: skip
    share = checked_probability(dropout, "two_tower: dropout")
    make = activation_factory(activation)
    parts: list[nn.Module] = []
    for size in [8 * hidden, *[width] * (layers - 1)]:
        parts += [nn.Linear(size, width), make(), nn.Dropout(share)]
    tower = Tower(vocabulary, embedding, hidden, state)
    net = pytorch_start_(TwoTower(tower, nn.Sequential(*parts, nn.Linear(width, classes))),
                         generator)  # fmt: skip
    for way in (tower.forth, tower.back):
        way.cells[0].reset_parameters(generator)  # type: ignore[operator]
    return net
