"""Train a residual network on digits with and without stochastic depth; count the branches."""

from __future__ import annotations

import torch
from torch import nn

from actlas.models import find_network
from actlas.study.tasks.digits import load
from actlas.training import stochastic_depth_


def main() -> None:
    """Train twice for the same number of epochs."""
    data = load()
    (x, y), (test_x, test_y) = (
        (part.inputs.view(-1, 1, 8, 8), part.targets) for part in (data.train, data.test)
    )
    for survival in (1.0, 0.5):
        model = find_network("resnet").build(
            14, channels=1, activation="swish", generator=torch.Generator().manual_seed(0)
        )
        depth = stochastic_depth_(model, survival, generator=torch.Generator().manual_seed(1))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
        for epoch in range(2):
            order = torch.randperm(len(y), generator=torch.Generator().manual_seed(epoch))
            for index in order.split(96):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model.train()(x[index]), y[index]).backward()
                optimizer.step()
        with torch.no_grad():
            right = (model.eval()(test_x).argmax(1) == test_y).float().mean()
        batches, ran = depth.batches[0], sum(depth.executed)
        print(f"survival {survival}: {ran / batches:.2f} of {len(depth.gates)} branches per batch "
              f"({depth.expected:.2f} expected), accuracy {right:.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
