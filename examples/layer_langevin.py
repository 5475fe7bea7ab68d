"""Train a deep plain network on digits with noise on no layer, the deepest third, all layers."""

from __future__ import annotations

import torch
from torch import nn

import actlas
from actlas.study.tasks.digits import load
from actlas.training import LangevinAdam, SigmaSchedule, deepest_layers, layer_groups, sigma_factor


def main() -> None:
    """Train three times from the same weights; "deepest" are the layers nearest the input."""
    data = load()
    (x, y), (test_x, test_y) = ((part.inputs, part.targets) for part in (data.train, data.test))
    for share, sigma in ((1.0, 0.0), (0.34, 2e-3), (1.0, 2e-3)):
        layers = [m for _ in range(8) for m in (nn.Linear(64, 64), actlas.nn.create("telu"))]
        model = nn.Sequential(*layers, nn.Linear(64, 10))
        actlas.init.autoinit_(model, x[:1], generator=torch.Generator().manual_seed(0))
        noisy = deepest_layers(model, share)
        optimizer = LangevinAdam(layer_groups(model, noisy), lr=1e-3, sigma=sigma,
                                 generator=torch.Generator().manual_seed(1))  # fmt: skip
        falling = SigmaSchedule(optimizer, lambda step: sigma_factor(step, scale=100))
        for epoch in range(6):
            order = torch.randperm(len(y), generator=torch.Generator().manual_seed(epoch))
            for index in order.split(64):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(x[index]), y[index])
                loss.backward()
                optimizer.step()
                falling.step()
        right = (model(test_x).argmax(1) == test_y).float().mean()
        print(f"sigma {sigma:g} on {len(noisy):2} layers: loss {loss:.4f}, accuracy {right:.3f}")


if __name__ == "__main__":
    main()
