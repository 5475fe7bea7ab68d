"""Watch what three activation functions do while a small network learns digits.

It prints the table, takes a few seconds, and leaves monitor.png (with the extra `plot`):

    python monitor_training.py
"""

from __future__ import annotations

import torch
from torch import nn

import actlas
from actlas.study.tasks.digits import load


def main() -> None:
    """Train, watch, and look."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), actlas.nn.create("swish"),
        nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    inputs, targets = load().train.inputs, load().train.targets
    with actlas.monitor(model, every=5) as watch:
        for _ in range(20):
            for x, y in zip(inputs.split(64), targets.split(64), strict=True):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
    print(watch.report())
    watch.plot("monitor.png")


if __name__ == "__main__":
    main()
