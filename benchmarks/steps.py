"""What a function costs in a training step of a network, beside PyTorch's own and the formula.

    python benchmarks/steps.py

Value and gradients of a whole network, timed in turns with the same network around PyTorch's
function, where it has one, and around the formula as a user would write it. The result goes to
results/steps-<machine>.json beside this file, and from there to the page of performance.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import actlas
from actlas.bench.circumstances import circumstances
from actlas.bench.peers import PEERS, Call
from actlas.bench.race import Side, quartiles, race
from actlas.bench.record import keep

RESULTS = Path(__file__).parent / "results"
FUNCTIONS = ("relu", "gelu", "silu", "mish", "telu", "serf")
Make = Callable[[], nn.Module]


class Around(nn.Module):
    """A function of a tensor as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def small_mlp(make: Make) -> tuple[nn.Module, Tensor]:
    """Return a network so small that calls cost more than arithmetic."""
    layers = [nn.Linear(20, 64), make(), nn.Linear(64, 64), make(), nn.Linear(64, 2)]
    return nn.Sequential(*layers), torch.randn(32, 20)


def mlp(make: Make) -> tuple[nn.Module, Tensor]:
    """Return the usual network for images as rows of pixels."""
    layers = [nn.Linear(784, 512), make(), nn.Linear(512, 512), make(), nn.Linear(512, 10)]
    return nn.Sequential(*layers), torch.randn(128, 784)


def transformer_mlp(make: Make) -> tuple[nn.Module, Tensor]:
    """Return the two layers that stand after the attention of a small transformer."""
    return nn.Sequential(nn.Linear(128, 512), make(), nn.Linear(512, 128)), torch.randn(16, 64, 128)


def convolutions(make: Make) -> tuple[nn.Module, Tensor]:
    """Return three convolutions, each with batch normalisation before the function."""
    sizes, layers = ((3, 32), (32, 32), (32, 64)), list[nn.Module]()
    for before, after in sizes:
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), make()]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(*layers), torch.randn(32, 3, 32, 32)


def channels_last(make: Make) -> tuple[nn.Module, Tensor]:
    """Return the same with the channels last in memory."""
    (network, x), last = convolutions(make), torch.channels_last
    return network.to(memory_format=last), x.to(memory_format=last)  # type: ignore[call-overload]


NETWORKS = {
    "MLP 20-64-64-2, batch 32": small_mlp,
    "MLP 784-512-512-10, batch 128": mlp,
    "transformer's MLP, 1,024 tokens of 128": transformer_mlp,
    "3 convolutions with batch norm, 32 images of 32 x 32": convolutions,
    "the same, channels last": channels_last,
}


def makers(name: str) -> Iterator[tuple[str, Make]]:
    """Yield what makes the function's module: actlas first, then the peers that have it."""
    yield "actlas", lambda: actlas.nn.create(name)
    for peer in ("torch", "eager"):
        function = PEERS[peer].function(actlas.get(name))
        if function is not None:
            yield peer, lambda function=function: Around(function)  # type: ignore[misc]


def step(network: nn.Module, x: Tensor) -> Call:
    """Return a training step without the optimiser's part, made once already."""

    def call() -> object:
        network.zero_grad()
        return network(x).square().mean().backward()

    call()
    return call


def measure(share: float) -> Iterator[dict[str, Any]]:
    """Yield a row for every network and function: seconds of a step, and ratios to actlas."""
    generator = np.random.default_rng(0)
    for network, build in NETWORKS.items():
        for name in FUNCTIONS:
            sides = [Side(side, step(*build(make))) for side, make in makers(name)]
            times = race(sides, share, generator)
            ratio = {side: quartiles(t / times["actlas"]) for side, t in times.items()}
            seconds = {side: quartiles(t) for side, t in times.items()}
            yield {"network": network, "function": name, "seconds": seconds, "ratio": ratio}
            print(network, name, {side: q[1] for side, q in ratio.items()}, flush=True)


def main() -> None:
    """Measure and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=0.8, help="seconds for every side")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the folder for the result")
    given = parser.parse_args()
    torch.manual_seed(0)
    record = {**circumstances(torch.get_num_threads()), "rows": list(measure(given.share))}
    print(f"written to {keep('steps', record, given.out)}")


if __name__ == "__main__":
    main()
