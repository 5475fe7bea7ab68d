"""A small GPT with plain and with gated blocks learns to continue number sequences."""

import torch
from torch.nn.functional import cross_entropy

from actlas.models import count_parameters
from actlas.models.gpt import gpt

NUMBERS = 17


def sequences(count: int, generator: torch.Generator) -> torch.Tensor:
    """Return sequences a, a + d, a + 2 d, ... modulo NUMBERS with d up to 3, (count, 12)."""
    first = torch.randint(NUMBERS, (count, 1), generator=generator)
    step = torch.randint(1, 4, (count, 1), generator=generator)
    return (first + step * torch.arange(12)) % NUMBERS


def main() -> None:
    """Train both and see how many sequences they continue rightly after three numbers."""
    for function, gated in (("gelu", False), ("telu", True)):
        generator = torch.Generator().manual_seed(0)
        net = gpt(
            function, vocabulary=NUMBERS, context=12, width=32, gated=gated, generator=generator
        )
        optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
        for _ in range(70):
            x = sequences(128, generator)
            optimizer.zero_grad()
            cross_entropy(net(x[:, :-1]).flatten(0, 1), x[:, 1:].flatten()).backward()
            optimizer.step()
        new = sequences(200, generator)
        right = (net.generate(new[:, :3], 9) == new).all(1).float().mean()
        print(f"{function}, {gated=}, {count_parameters(net):,} parameters: {right:.0%} right")


if __name__ == "__main__":
    main()
