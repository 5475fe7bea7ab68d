"""Elman, LSTM and GRU networks with any function learn one sentence; prints their perplexities."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

from actlas.models.recurrent import elman_lm, gru_lm, lstm_lm

TEXT = "the quick brown fox jumps over the lazy dog. " * 4
LETTERS = sorted(set(TEXT))


def main() -> None:
    """Train the three networks on pieces of the text and let them go on from its start."""
    text = torch.tensor([LETTERS.index(letter) for letter in TEXT])
    pieces = text.unfold(0, 17, 4)
    for build, function in ((elman_lm, "telu"), (lstm_lm, "tanh"), (gru_lm, "softsign")):
        generator = torch.Generator().manual_seed(0)
        model = build(function, vocabulary=len(LETTERS), hidden=48, layers=1, dropout=0.0,
                      generator=generator)  # fmt: skip
        optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
        for _ in range(40):
            optimizer.zero_grad()
            loss = cross_entropy(model(pieces[:, :-1]).flatten(0, 1), pieces[:, 1:].flatten())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        said = [text[None, :4]]
        for _ in range(24):
            said.append(model(torch.cat(said, 1))[:, -1:].argmax(-1))
        words = "".join(LETTERS[letter] for letter in torch.cat(said, 1)[0])
        print(f"{build.__name__:8} with {function:8} perplexity {loss.exp():.2f}: {words}")


if __name__ == "__main__":
    main()
