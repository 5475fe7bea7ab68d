"""Networks of logical units: what comes out of a layer, and the parity of four bits."""

from __future__ import annotations

import itertools

import torch
from torch import nn

from actlas.models import count_parameters
from actlas.models.logic import logic_mlp

BITS = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=4)))
PARITY = (BITS.prod(1) > 0).float()


def learned(seed: int, **options: object) -> bool:
    """Say whether a network with six pre-activations learns the parity of four bits."""
    draws = torch.Generator().manual_seed(seed)
    net = logic_mlp(inputs=4, classes=1, hidden=(6,), generator=draws, **options)
    optimiser = torch.optim.Adam(net.parameters(), 0.03)
    for _ in range(100):
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(net(BITS)[:, 0], PARITY).backward()
        optimiser.step()
    return bool(((net(BITS)[:, 0] > 0).float() == PARITY).all())


def main() -> None:
    """Print parameters of the paper's shape, and how often small ones learn parity."""
    for options in ({"mode": "partition"}, {"mode": "duplicate"}, {"activation": "relu"}):
        right = sum(learned(seed, **options) for seed in range(4))
        print(f"{options}: {count_parameters(logic_mlp(**options)):,} parameters for digits; "
              f"{right} of 4 small ones learn parity")  # fmt: skip


if __name__ == "__main__":
    main()
