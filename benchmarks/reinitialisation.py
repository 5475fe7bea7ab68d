"""Layer-wise re-initialisation on few images: 5 rounds of 10 epochs beside 50 epochs in one go.

    ACTLAS_DATA=... python benchmarks/reinitialisation.py --seeds 10

Five blocks (four convolutions with ReLU and a head) learn 500 images of Fashion-MNIST. Both arms
see the same images in the same order and take the same number of steps. What is kept: accuracy on
the 10,000 test images, the mean margin on the training images, and how much the training loss
rises when the weights are shaken by 0.1 of their size. Told with an interval, not judged: the
table of the paper (Alabdulmohsin et al. 2021, arXiv:2109.00267) could not be had.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from actlas.nn import create
from actlas.study.statistics import mean_interval
from actlas.study.tasks import Task, find_task, load_data
from actlas.training import (
    LayerwiseNetwork,
    layerwise_reinitialisation,
    margins,
    noise_robustness,
)

RESULT = Path(__file__).parent / "results" / "reinitialisation-fashion-mnist.json"
ROUNDS, EPOCHS, BATCH, RATE, NOISE = 5, 10, 50, 0.02, 0.1


@dataclass(frozen=True)
class Outcome:
    """What one network ended with."""

    accuracy: float
    margin: float
    rise: float


def blocks(width: int = 16) -> list[nn.Module]:
    """Return four convolutions, the middle two with stride 2, and a head."""
    sizes, strides = (1, width, 2 * width, 4 * width, 4 * width), (1, 2, 2, 1)
    convolutions: list[nn.Module] = [
        nn.Sequential(nn.Conv2d(i, o, 3, s, 1), create("relu"))
        for i, o, s in zip(sizes, sizes[1:], strides, strict=False)
    ]
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 10))
    return [*convolutions, head]


def trainer(x: Tensor, y: Tensor, epochs: int, seed: int) -> Callable[[nn.Module, Optimizer], None]:
    """Return a function that trains a network on, in an order of its own for every epoch."""
    order = torch.Generator().manual_seed(seed)

    def train(network: nn.Module, optimizer: Optimizer) -> None:
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
        for _ in range(epochs):
            for batch in torch.randperm(len(y), generator=order).split(BATCH):
                optimizer.zero_grad()
                nn.functional.cross_entropy(network(x[batch]), y[batch]).backward()
                optimizer.step()
            schedule.step()

    return train


def measured(network: nn.Module, known: tuple[Tensor, Tensor], task: Task, data: object) -> Outcome:
    """Return accuracy, margin and rise of the loss of a trained network."""
    test = data.test  # type: ignore[attr-defined]
    with torch.no_grad():
        parts = [network(task.transform(part)) for part in test.inputs.split(1000)]
    x, y = known
    (rise,) = noise_robustness(
        network, lambda net: nn.functional.cross_entropy(net(x), y), [NOISE],
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    accuracy = task.metric.score(torch.cat(parts), test.targets)
    return Outcome(accuracy, margins(network, x, y).mean().item(), rise.mean)


def one_seed(seed: int, images: int = 500, epochs: int = EPOCHS) -> dict[str, Outcome]:
    """Train both arms with one seed on the same images."""
    task = find_task("fashion-mnist")
    data = load_data(task.name, None)
    chosen = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))[:images]
    x, y = task.transform(data.train.inputs[chosen]), data.train.targets[chosen]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        run = trainer(x, y, epochs, seed)
        rounds, _ = layerwise_reinitialisation(
            blocks(), lambda net, optimizer, _: run(net, optimizer), _optimizer
        )
        straight = LayerwiseNetwork(blocks())
        trainer(x, y, ROUNDS * epochs, seed)(straight, _optimizer(straight.parameters()))
    arms = {"rounds": rounds, "straight": straight}
    return {name: measured(net.eval(), (x, y), task, data) for name, net in arms.items()}


def _optimizer(parameters: object) -> Optimizer:
    return SGD(parameters, RATE, momentum=0.9, weight_decay=1e-4)  # type: ignore[arg-type]


def summary(runs: list[dict[str, Outcome]]) -> dict[str, object]:
    """Return the mean of every figure in both arms, and the paired difference in accuracy."""
    differences = np.array([run["rounds"].accuracy - run["straight"].accuracy for run in runs])
    interval = mean_interval(differences)
    means = {
        arm: {name: float(np.mean([asdict(run[arm])[name] for run in runs])) for name in
              ("accuracy", "margin", "rise")}
        for arm in ("rounds", "straight")
    }  # fmt: skip
    return {"seeds": len(runs), "means": means, "difference in accuracy, points": asdict(interval)}


def main() -> None:
    """Train, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    runs = []
    for seed in range(parser.parse_args().seeds):
        runs.append(one_seed(seed))
        print(seed, *(f"{arm}: {outcome}" for arm, outcome in runs[-1].items()), flush=True)
    kept = {**summary(runs), "runs": [{arm: asdict(o) for arm, o in run.items()} for run in runs]}
    RESULT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(kept["means"], indent=1), kept["difference in accuracy, points"])


if __name__ == "__main__":
    main()
