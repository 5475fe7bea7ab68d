"""Language models and translators as networks of a study: what each next token costs.

All scores of a vocabulary for all places would not fit into memory, and only that of the right
token counts. So text and answer stand side by side in one tensor, and the network gives back one
number for each place: the surprise -log p(token), in nats. The targets say which places count.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from actlas.errors import ActlasError
from actlas.models.translation import PADDING, Translator
from actlas.study.tasks._protocol import Metric, Split


class NextToken(nn.Module):
    """Gives the surprise of a network at each next token.

    Args:
        network: scores of the next tokens, (N, T) -> (N, T, vocabulary), each from what stands
            before it alone; with a source, called with both and the answer from its START on, as
            translators are.
        source: how many columns are the source; 0 for a language model.

    Shape: tokens (N, source + T + 1) -> nats (N, T).
    """

    def __init__(self, network: nn.Module, source: int = 0) -> None:
        super().__init__()
        if isinstance(network, Translator) and not source:
            raise ActlasError("a translator reads a text to its end before it answers, a language "
                              "model may not")  # fmt: skip
        self.network, self.source = network, source

    def forward(self, tokens: Tensor) -> Tensor:
        source, text = tokens[:, : self.source], tokens[:, self.source :]
        scores = self.network(source, text) if self.source else self.network(text[:, :-1])
        wanted = text[:, 1:]
        if scores.ndim != 3 or scores.shape[:2] != wanted.shape:
            raise ActlasError(f"scores of the next tokens must be (N, T, vocabulary) with N, T = "
                              f"{tuple(wanted.shape)}, got {tuple(scores.shape)}")  # fmt: skip
        costs = functional.cross_entropy(scores.flatten(0, 1), wanted.flatten(), reduction="none")
        return costs.view_as(wanted)


def reading(source: int) -> Callable[[nn.Module], nn.Module]:
    """Return what turns a translator into a NextToken; its source has so many columns."""

    def adapt(network: nn.Module) -> nn.Module:
        if not isinstance(network, Translator):
            raise ActlasError(f"a translator is needed, got {type(network).__name__}")
        return NextToken(network, source)

    return adapt


def telling(tokens: Tensor, source: int = 0) -> Split:
    """Return examples for `NextToken`: a place counts, 1, unless its token is PADDING, 0.

    >>> telling(torch.tensor([[1, 7, 2, 0]])).targets
    tensor([[1., 1., 0.]])
    """
    return Split(tokens, (tokens[:, source + 1 :] != PADDING).float())


def told(tokens: Tensor) -> Split:
    """Return examples for `NextToken` in which every place counts and no token is PADDING."""
    return Split(tokens, torch.ones(tokens[:, 1:].shape))


def mean_surprise(costs: Tensor, counts: Tensor) -> Tensor:
    """Return the mean of the costs that count, in nats per token.

    >>> mean_surprise(torch.tensor([[1.0, 3.0, 9.0]]), torch.tensor([[1.0, 1.0, 0.0]]))
    tensor(2.)
    """
    return (costs * counts).sum() / counts.sum()


def perplexity(vocabulary: int) -> Metric:
    """Return exp(mean surprise); that of guessing evenly is as bad as it gets.

    >>> round(perplexity(100).score(torch.full((1, 2), math.log(8.0)), torch.ones(1, 2)), 3)
    8.0
    """

    def score(costs: Tensor, counts: Tensor) -> float:
        nats = mean_surprise(costs.double(), counts.double()).item()
        return min(math.exp(min(nats, math.log(vocabulary))), float(vocabulary))

    return Metric("perplexity", "points", score, worst=float(vocabulary), higher_is_better=False)


def bits_per_token(name: str, vocabulary: int) -> Metric:
    """Return the mean surprise in bits; that of guessing evenly is as bad as it gets."""

    def score(costs: Tensor, counts: Tensor) -> float:
        nats = mean_surprise(costs.double(), counts.double()).item()
        return min(nats / math.log(2), math.log2(vocabulary))

    return Metric(name, "bits", score, worst=math.log2(vocabulary), higher_is_better=False)
