"""A two-tower model learns whether a sentence follows from another, in a world of sets of words."""

import torch
from torch.nn.functional import cross_entropy

from actlas.models.entailment import two_tower

ANSWERS = ("follows", "neither", "contradicts")


def pairs(count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return pairs whose hypothesis repeats a word, has a new one, or denies (1) one."""
    order = torch.rand(count, 18, generator=generator).argsort(1) + 2
    answers = torch.randint(3, (count,), generator=generator)
    hypothesis = torch.zeros(count, 4, dtype=torch.long)
    hypothesis[:, 0] = (answers == 2).long() + (answers != 2) * 2
    hypothesis[:, 1] = torch.where(answers == 1, order[:, 5], order[:, 0])
    premise = order[:, :4].gather(1, torch.rand(count, 4, generator=generator).argsort(1))
    return torch.stack((premise, hypothesis), 1), answers


generator = torch.Generator().manual_seed(0)
net = two_tower("serf", vocabulary=20, embedding=16, hidden=16, generator=generator)
optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
for _ in range(60):
    x, answers = pairs(256, generator)
    optimizer.zero_grad()
    cross_entropy(net(x), answers).backward()
    optimizer.step()
x, answers = pairs(500, generator)
found = net(x).argmax(1)
for number, name in enumerate(ANSWERS):
    right = (found == number)[answers == number].float().mean()
    print(f"{name:11} {right:.0%} right")
