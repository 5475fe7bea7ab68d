"""What `actlas.monitor` adds to a training step of a small CNN.

    python benchmarks/monitor.py

The same network is trained twice in this process, watched and alone, in blocks of steps that take
turns in an order drawn anew for every round. What is reported is the ratio of the two times
within a round, so that a machine that slows down slows both; and, as the spread that chance alone
makes, the ratio of two networks that nobody watches. The result goes to
results/monitor-<machine>.json beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

import actlas
from actlas.study.provenance import machine

BATCH, IMAGE, CLASSES = 64, 28, 10
LIMIT = 1.05  # a watched step takes less than 5 % longer
RESULTS = Path(__file__).parent / "results"
Step = Callable[[], None]
ACTIVATIONS = ("relu", "gelu", "swish")  # PyTorch's kernels, and one that learns its shape


@dataclass(frozen=True)
class Row:
    """One cell: milliseconds a step, and ratios [lower quartile, median, upper quartile]."""

    activation: str
    every: int
    rounds: int
    alone_ms: tuple[float, float, float]
    watched: tuple[float, float, float]
    chance: tuple[float, float, float]


def network(activation: str) -> nn.Module:
    """Return the small CNN, with three sites."""
    native = {"relu": nn.ReLU, "gelu": nn.GELU}.get(activation)
    make = native or (lambda: actlas.nn.create(activation))
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), make(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), make(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 49, 64), make(), nn.Linear(64, CLASSES),
    )  # fmt: skip


def stepper(model: nn.Module) -> Step:
    """Return one training step on fixed data."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(BATCH, 1, IMAGE, IMAGE, generator=generator)
    y = torch.randint(0, CLASSES, (BATCH,), generator=generator)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def seconds(step: Step, count: int, context: AbstractContextManager[Any]) -> float:
    """Return the time of one of `count` steps, the context's entry and exit among them."""
    started = time.perf_counter()
    with context:
        for _ in range(count):
            step()
    return (time.perf_counter() - started) / count


def measure(activation: str, every: int, budget: float, generator: np.random.Generator) -> Row:
    """Time the three arms in rounds until `budget` seconds are used up, at least seven rounds."""
    models = {arm: network(activation) for arm in ("alone", "watched", "again")}
    steps = {arm: stepper(model) for arm, model in models.items()}
    watch = actlas.monitor(models["watched"], every=every)
    contexts = {"alone": nullcontext(), "watched": watch, "again": nullcontext()}
    times: dict[str, list[float]] = {arm: [] for arm in models}
    count = 2 * every
    for arm in models:
        seconds(steps[arm], count, contexts[arm])
    started = time.perf_counter()
    while len(times["alone"]) < 7 or time.perf_counter() - started < budget:
        for arm in generator.permutation(list(models)):
            times[arm].append(seconds(steps[arm], count, contexts[arm]))
    alone, watched, again = (np.array(times[arm]) for arm in ("alone", "watched", "again"))
    return Row(activation, every, len(alone), _quartiles(1e3 * alone),
               _quartiles(watched / alone), _quartiles(again / alone))  # fmt: skip


def _quartiles(values: np.ndarray[Any, Any]) -> tuple[float, float, float]:
    low, middle, high = (float(f"{q:.4g}") for q in np.percentile(values, (25, 50, 75)))
    return low, middle, high


def record(rows: list[Row], load: tuple[float, ...]) -> dict[str, Any]:
    """Return what is written: how it was measured, where, and the rows."""
    return {
        "what": "time of a watched training step over time of an unwatched one, small CNN, batch "
        f"{BATCH}, float32, CPU, eager; [lower quartile, median, upper quartile] over rounds; "
        "chance: the same ratio of two unwatched networks",
        "limit": LIMIT,
        "machine": machine(),
        "actlas": actlas.__version__,
        "threads": torch.get_num_threads(),
        "load_average_before_and_after": [load[0], os.getloadavg()[0]],
        "rows": [asdict(row) for row in rows],
    }


def table(rows: list[Row]) -> Table:
    """Return the ratios as a table."""
    shown = Table("activation", "every", "ms a step", "watched / alone", "chance",
                  title="What watching adds to a training step")  # fmt: skip
    for row in rows:
        ratios = [f"{m:.3f} ({low:.3f}-{high:.3f})" for low, m, high in (row.watched, row.chance)]
        shown.add_row(row.activation, str(row.every), f"{row.alone_ms[1]:.1f}", *ratios)
    return shown


def main() -> None:
    """Measure, print, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to measure")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_argument("--every", type=int, default=10, help="observe one step in so many")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the folder for the result")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    load, generator = os.getloadavg(), np.random.default_rng(0)
    each = given.seconds / len(ACTIVATIONS)
    rows = [measure(name, given.every, each, generator) for name in ACTIVATIONS]
    slug = re.sub(r"[^a-z0-9]+", "-", machine()["processor"].lower()).strip("-") or "unknown"
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / f"monitor-{slug}.json"
    path.write_text(json.dumps(record(rows, load), indent=1) + "\n", encoding="utf-8")
    Console().print(table(rows), f"written to {path}", sep="\n")


if __name__ == "__main__":
    main()
