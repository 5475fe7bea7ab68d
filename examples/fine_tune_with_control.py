"""Does PVLU help a trained network, or do the extra epochs? Both arms, on small digits."""

import copy

import torch
from torch import nn

import actlas
from actlas.study.tasks.digits import load
from actlas.training import fine_tune_with_control

DATA = load()
X, Y = DATA.train.inputs[:300], DATA.train.targets[:300]


def train(network: nn.Module, epochs: int = 20) -> None:
    """Train on, from a fresh optimiser, in the same order every time."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
    generator = torch.Generator().manual_seed(1)
    for batch in [torch.randperm(300, generator=generator)[:50] for _ in range(6 * epochs)]:
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(X[batch]), Y[batch]).backward()
        optimizer.step()


def error(network: nn.Module) -> float:
    """Return the error rate on the test set."""
    return (network(DATA.test.inputs).argmax(1) != DATA.test.targets).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    control = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    train(control, 5)
    changed = copy.deepcopy(control)
    actlas.replace(changed, {"relu": "pvlu"}, warm_start=True)
    arms = fine_tune_with_control(changed, control, train, error)
    print(f"error {arms.before:.1%}; then {arms.changed:.1%} (PVLU), {arms.control:.1%} (ReLU)")
    print(f"reduced by {arms.reduction:.1%}, by the function itself {arms.due_to_function:.1%}")
