"""Autoencoders of small digits with three functions: how well two numbers tell a digit."""

from __future__ import annotations

import torch
from torch import nn

from actlas.models.autoencoder import autoencoder
from actlas.study import find_task


def main() -> None:
    """Train each on the same digits, and print what is lost on digits it has not seen."""
    data = find_task("digits").data(None)
    x, test = data.train.inputs, data.test.inputs
    print(f"the mean digit     error {(test - x.mean(0)).square().mean():.3f}")
    for name in ("relu", "tanh", "telu"):
        generator = torch.Generator().manual_seed(0)
        net = autoencoder(name, inputs=64, widths=(64, 32, 2), generator=generator)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
        for _ in range(40):
            for batch in torch.randperm(len(x), generator=generator).split(100):
                optimizer.zero_grad()
                nn.functional.mse_loss(net(x[batch]), x[batch]).backward()
                optimizer.step()
        with torch.no_grad():
            print(f"{name:18} error {nn.functional.mse_loss(net(test), test):.3f}")


if __name__ == "__main__":
    main()
