"""A character-level network learns to tell sums from sentences; prints its accuracy on new ones."""

import random

import torch
from torch.nn.functional import cross_entropy

from actlas.models.char_cnn import char_cnn, encode

WORDS = ("see", "the", "cat", "sit", "on", "a", "red", "mat", "by", "two", "dogs")


def example(draw: random.Random) -> tuple[str, int]:
    """Return a text and its class: 0 for a sentence, 1 for a sum."""
    if draw.random() < 0.5:
        return " ".join(draw.choices(WORDS, k=12)), 0
    return " + ".join(str(draw.randrange(1000)) for _ in range(9)), 1


def batch(draw: random.Random, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return encoded texts and their classes."""
    texts, classes = zip(*(example(draw) for _ in range(count)), strict=True)
    return torch.stack([encode(text, 123) for text in texts]), torch.tensor(classes)


generator = torch.Generator().manual_seed(0)
net = char_cnn("elu", 2, frame=16, hidden=16, length=123, dropout=0.0, generator=generator)
draw, optimizer = random.Random(0), torch.optim.Adam(net.parameters(), lr=0.003)
for _ in range(25):
    texts, classes = batch(draw, 32)
    optimizer.zero_grad()
    cross_entropy(net(texts), classes).backward()
    optimizer.step()
texts, classes = batch(draw, 200)
print(f"accuracy {(net(texts).argmax(1) == classes).float().mean():.1%} on 200 new texts")
