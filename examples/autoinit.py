"""Initialise a deep network without normalisation, and see what it does to a signal."""

from __future__ import annotations

import torch
from torch import nn

import actlas
from actlas.init import autoinit_, stability_slope


def network(name: str, depth: int = 25, width: int = 128) -> nn.Sequential:
    """Return a plain network that PyTorch has initialised."""
    blocks = [(nn.Linear(width, width), actlas.nn.create(name)) for _ in range(depth - 1)]
    return nn.Sequential(*[layer for block in blocks for layer in block], nn.Linear(width, width))


def main() -> None:
    """Compare PyTorch's start with AutoInit's, plain and with centred rows."""
    x = torch.randn(512, 128, generator=torch.Generator().manual_seed(0))
    print("function      slope   PyTorch  autoinit   centred")
    for name in ("tanh", "relu", "mish", "gelu"):
        found = []
        for options in (None, {}, {"centred": True}):
            net, seed = network(name), torch.Generator().manual_seed(1)
            if options is not None:
                report = autoinit_(net, x[:1], generator=seed, **options)
            with torch.no_grad():
                found.append(float((net(x) ** 2).mean()))
        numbers = "".join(f"{number:10.2g}" for number in (stability_slope(name), *found))
        print(name.ljust(8), numbers)
    print(report.table().row_count, "layers; the first:", report.layers[0])


if __name__ == "__main__":
    main()
