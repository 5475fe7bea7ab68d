"""One perceptron, three neurons: ordinary, maxout and PyNADA, with what they cost and learn."""

from __future__ import annotations

import torch
from torch import nn

from actlas.models import count_parameters, find_network
from actlas.study import find_task


def main() -> None:
    """Train each for the same steps on small digits."""
    data = find_task("digits").data(None)
    (x, y), test = (data.train.inputs, data.train.targets), data.test
    for name, options in {
        "mlp": {"hidden": (32,), "activation": "telu"},
        "pynada_mlp": {"hidden": (32,), "activation": "relu"},
        # The other two have no dropout either; torch would draw it from its global random state.
        "maxout_mlp": {"hidden": (32,), "input_dropout": 0.0, "dropout": 0.0},
    }.items():
        entry, generator = find_network(name), torch.Generator().manual_seed(0)
        net = entry.build(inputs=64, classes=10, generator=generator, **options)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
        for _ in range(10):
            for batch in torch.randperm(len(y), generator=generator).split(64):
                optimizer.zero_grad()
                nn.functional.cross_entropy(net.train()(x[batch]), y[batch]).backward()
                optimizer.step()
        with torch.no_grad():
            right = (net.eval()(test.inputs).argmax(1) == test.targets).float().mean()
        print(f"{name:11} {count_parameters(net):6,} parameters, {right:.0%} right")


if __name__ == "__main__":
    main()
