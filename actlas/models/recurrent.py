"""Small language models on Elman, LSTM and GRU layers with free functions (see `_cells.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from actlas.catalogue import Paper
from actlas.models._cells import Cell, ElmanCell, GRUCell, LSTMCell, Recurrent, State
from actlas.models._registry import network
from actlas.models._tokens import need_sizes, need_tokens

__all__ = [
    "Cell", "ElmanCell", "GRUCell", "LSTMCell", "LanguageModel", "Recurrent", "State", "elman_lm",
    "gru_lm", "lstm_lm",
]  # fmt: skip

_ELMAN = Paper("Elman", 1990, title="Finding Structure in Time", venue="Cognitive Science 14(2)",
               doi="10.1207/s15516709cog1402_1")  # fmt: skip
_LSTM = Paper("Hochreiter and Schmidhuber", 1997, title="Long Short-Term Memory",
              venue="Neural Computation 9(8)", doi="10.1162/neco.1997.9.8.1735")  # fmt: skip
_GRU = Paper("Cho et al.", 2014, arxiv="1406.1078", title="Learning Phrase Representations using "
             "RNN Encoder-Decoder for Statistical Machine Translation")  # fmt: skip
_TWO_BIASES = ("Every cell has two biases, as torch.nn.RNN has; the code released with TeLU "
               "(arXiv:2412.20269) has one, which is the same function.")  # fmt: skip


class LanguageModel(nn.Module):
    """Embedding, recurrent layers and a linear layer that scores the next token.

    `forward(tokens)` returns the scores, (N, T) -> (N, T, vocabulary); `read` also takes and
    returns states, for text that is read in pieces.
    """

    def __init__(self, vocabulary: int, embedding: int, cells: Sequence[Cell], dropout: float):
        super().__init__()
        need_sizes("LanguageModel", vocabulary=vocabulary, embedding=embedding)
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.layers = Recurrent(cells, dropout)
        self.dropout = nn.Dropout(dropout)
        self.decoder = nn.Linear(cells[-1].hidden, vocabulary)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw all weights: U(±0.1) for embedding and decoder, the cells' own rule for cells."""
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1, generator=generator)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1, generator=generator)
        nn.init.zeros_(self.decoder.bias)
        for cell in self.layers.cells:
            cell.reset_parameters(generator)  # type: ignore[operator]

    def read(
        self, tokens: Tensor, states: Sequence[State] | None = None
    ) -> tuple[Tensor, list[State]]:
        """Return the scores of the next tokens and the states after the last one."""
        need_tokens("LanguageModel", tokens, self.embedding.num_embeddings)
        outputs, last = self.layers(self.dropout(self.embedding(tokens)), states)
        return self.decoder(self.dropout(outputs)), last

    def forward(self, tokens: Tensor) -> Tensor:
        return self.read(tokens)[0]


def _language_model(
    cell: type[Cell], vocabulary: int, embedding: int, hidden: int, layers: int, dropout: float,
    generator: torch.Generator | None, *functions: Any,
) -> LanguageModel:  # fmt: skip
    need_sizes(cell.__name__, vocabulary=vocabulary, embedding=embedding, layers=layers)
    widths = [embedding, *[hidden] * layers]
    cells = [cell(inside, hidden, *functions) for inside in widths[:-1]]
    model = LanguageModel(vocabulary, embedding, cells, dropout)
    model.reset_parameters(generator)
    return model


@network(id="elman_lm", title="Elman language model", paper=_ELMAN, takes="tokens", input=(16,),
         aliases=("elman",), deviations=(_TWO_BIASES,),
         parameters={"vocabulary=10000, embedding=450, hidden=650": 12_572_600})  # fmt: skip
def elman_lm(
    activation: Any = "tanh", vocabulary: int = 64, embedding: int = 32, hidden: int = 64,
    layers: int = 2, dropout: float = 0.2, generator: torch.Generator | None = None,
) -> LanguageModel:  # fmt: skip
    """Language model of Elman layers, as TeLU's paper trains it on Penn Treebank.

    Args:
        activation: of the state.
        vocabulary: number of tokens; 10,000 in the paper.
        embedding: size of a token's vector; 450 there.
        hidden: size of the state; 650 there.
        layers: number of recurrent layers.
        dropout: on the embedding and every layer's outputs.
        generator: random state of the weights; None takes PyTorch's.

    Raises:
        ActlasError: for sizes below 1, a dropout outside [0, 1) or an unknown function.

    >>> elman_lm("telu")(torch.zeros(2, 7, dtype=torch.long)).shape
    torch.Size([2, 7, 64])
    """
    return _language_model(ElmanCell, vocabulary, embedding, hidden, layers, dropout, generator,
                           activation)  # fmt: skip


@network(id="lstm_lm", title="LSTM language model", paper=_LSTM, takes="tokens", input=(16,),
         aliases=("lstm",),
         parameters={"vocabulary=10000, embedding=450, hidden=650": 17_260_400},
         deviations=("The files released for TeLU's LSTM have their gates commented out and are "
                     "Elman networks; this one has the gates.",))  # fmt: skip
def lstm_lm(
    activation: Any = "tanh", vocabulary: int = 64, embedding: int = 32, hidden: int = 64,
    layers: int = 2, dropout: float = 0.2, gate: Any = "sigmoid",
    generator: torch.Generator | None = None,
) -> LanguageModel:  # fmt: skip
    """Language model of LSTM layers with any function of the state.

    The arguments are those of `elman_lm`, and `gate`, the function of the three gates.
    """
    return _language_model(LSTMCell, vocabulary, embedding, hidden, layers, dropout, generator,
                           activation, gate)  # fmt: skip


@network(id="gru_lm", title="GRU language model", paper=_GRU, takes="tokens", input=(16,),
         aliases=("gru",),
         parameters={"vocabulary=10000, embedding=450, hidden=650": 15_697_800},
         deviations=("The reset gate multiplies after the matrix, as in torch.nn.GRU; the paper "
                     "has it before.",))  # fmt: skip
def gru_lm(
    activation: Any = "tanh", vocabulary: int = 64, embedding: int = 32, hidden: int = 64,
    layers: int = 2, dropout: float = 0.2, gate: Any = "sigmoid",
    generator: torch.Generator | None = None,
) -> LanguageModel:  # fmt: skip
    """Language model of GRU layers with any function of the candidate.

    The arguments are those of `elman_lm`, and `gate`, the function of the two gates.
    """
    return _language_model(GRUCell, vocabulary, embedding, hidden, layers, dropout, generator,
                           activation, gate)  # fmt: skip
