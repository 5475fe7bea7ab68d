"""Layer-wise re-initialisation on 100 digits, beside one run of the same length."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import Adam, Optimizer

from actlas.nn import create
from actlas.study.tasks.digits import load
from actlas.training import LayerwiseNetwork, layerwise_reinitialisation, margins, noise_robustness

DATA = load()
X, Y = (part[:100] for part in (DATA.train.inputs, DATA.train.targets))


def blocks() -> list[nn.Module]:
    """Return three hidden layers and a head."""
    return [*(nn.Sequential(nn.Linear(64, 64), create("elu")) for _ in range(3)), nn.Linear(64, 10)]


def train(network: nn.Module, optimizer: Optimizer, steps: int = 60) -> None:
    """Train on all digits at once."""
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(X), Y).backward()
        optimizer.step()


if __name__ == "__main__":
    torch.manual_seed(0)
    rounds, history = layerwise_reinitialisation(blocks(), lambda n, o, _: train(n, o), Adam)
    straight = LayerwiseNetwork(blocks())
    train(straight, Adam(straight.parameters()), 60 * len(history))
    for name, net in (("rounds", rounds), ("straight", straight)):
        right = (net(DATA.test.inputs).argmax(1) == DATA.test.targets).float().mean()
        rise = noise_robustness(net, lambda n: nn.functional.cross_entropy(n(X), Y), [0.2])[0].mean
        margin = margins(net, X, Y).mean()
        print(f"{name:9} accuracy {right:.3f}, margin {margin:.1f}, loss rises {rise:.4f}")
