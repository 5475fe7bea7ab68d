"""Two encoder-decoders learn a made-up translation: the words of a sentence in reverse order."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

from actlas.models.transformer import transformer_translator
from actlas.models.translation import END, START, lstm_translator

WORDS = range(END + 1, 12)


def pairs(count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return sentences of three words and their translations, each from START to END."""
    words = torch.randint(WORDS.start, WORDS.stop, (count, 3), generator=generator)
    start, end = torch.full((count, 1), START), torch.full((count, 1), END)
    return torch.cat((start, words, end), 1), torch.cat((start, words.flip(1), end), 1)


def main() -> None:
    """Train both and translate new sentences greedily."""
    for build, function in ((lstm_translator, "tanh"), (transformer_translator, "serf")):
        generator = torch.Generator().manual_seed(0)
        net = build(function, vocabulary=WORDS.stop, dropout=0.0, generator=generator)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
        for _ in range(60):
            source, target = pairs(96, generator)
            optimizer.zero_grad()
            cross_entropy(net(source, target).flatten(0, 1), target[:, 1:].flatten()).backward()
            optimizer.step()
        source, target = pairs(100, generator)
        right = (net.eval().translate(source, longest=4) == target[:, 1:]).all(1).float().mean()
        print(f"{build.__name__} with {function}: {right:.0%} of 100 new sentences right")


if __name__ == "__main__":
    main()
