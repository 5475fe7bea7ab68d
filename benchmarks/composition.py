"""How fast the plain composition is beside PyTorch's own kernels, on the CPU in eager mode.

    python benchmarks/composition.py

Both sides of a pair run in this process, in turns and in an order drawn anew for every round;
what is reported is the ratio within a round, so that a machine that slows down slows both. The
result goes to results/composition-<machine>.json beside this file.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

import actlas
from actlas.study.provenance import machine

SIZES = (10_000, 1_000_000)
FORWARD, BOTH = "forward", "forward+backward"
SAMPLE = 1e-3  # seconds that one timing lasts at least
LEAST_ROUNDS = 5
RESULTS = Path(__file__).parent / "results"

Call = Callable[[], object]
Numbers = np.ndarray[Any, Any]
Cell = tuple[str, int, str]  # function, elements, mode


@dataclass(frozen=True)
class Row:
    """One cell: times in nanoseconds per element, their ratio, each with its quartiles."""

    function: str
    elements: int
    mode: str
    rounds: int
    actlas_ns: tuple[float, float, float]
    torch_ns: tuple[float, float, float]
    ratio: tuple[float, float, float]


def pairs() -> Iterator[tuple[str, nn.Module, nn.Module]]:
    """Yield (id, ours, PyTorch's) for every function that torch.nn computes with a kernel."""
    probe = torch.ones(1)
    for name in actlas.names("torch"):
        function = actlas.get(name)
        native = _native(function)
        if native is not None and native(probe) is not probe:  # nn.Identity computes nothing
            yield name, actlas.nn.create(name), native


def _native(function: actlas.Activation) -> nn.Module | None:
    """Return torch.nn's module of this title, at our defaults."""
    made = getattr(nn, function.title, None)
    if made is None:
        return None
    needed = set(inspect.signature(made).parameters) & set(function.parameters)
    values = {name: function.parameters[name].default for name in needed}
    return made(**values)


def forward(module: nn.Module, x: Tensor) -> Call:
    """Return the timed call without gradients, as at inference."""

    def call() -> object:
        with torch.no_grad():
            return module(x)

    return call


def forward_and_backward(module: nn.Module, x: Tensor) -> Call:
    """Return the timed call with the gradient of the input and of any parameters."""
    leaf, seed = x.clone().requires_grad_(), torch.ones_like(x)
    wanted = [leaf, *module.parameters()]
    return lambda: torch.autograd.grad(module(leaf), wanted, seed)


def calls() -> dict[Cell, tuple[Call, Call]]:
    """Return both sides of every cell, ready to be timed."""
    generator = torch.Generator().manual_seed(0)
    made: dict[Cell, tuple[Call, Call]] = {}
    for size in SIZES:
        x = 2 * torch.randn(size, generator=generator)
        for name, *sides in pairs():
            ours, theirs = sides
            made[name, size, FORWARD] = (forward(ours, x), forward(theirs, x))
            made[name, size, BOTH] = (
                forward_and_backward(ours, x), forward_and_backward(theirs, x)
            )  # fmt: skip
    return made


def seconds(call: Call, repeats: int) -> float:
    """Return the time of one call, averaged over `repeats` in a row."""
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - started) / repeats


def repeats_of(call: Call) -> int:
    """Warm a call up and return how often it must run for one timing to be long enough."""
    seconds(call, 2)
    return max(1, round(SAMPLE / seconds(call, 3)))


def measure(budget: float, generator: np.random.Generator) -> list[Row]:
    """Time all cells in rounds until `budget` seconds are used up, at least five rounds."""
    made = calls()
    sides = [(cell, side) for cell in made for side in range(2)]
    repeats = {(cell, side): repeats_of(made[cell][side]) for cell, side in sides}
    times: dict[tuple[Cell, int], list[float]] = {key: [] for key in sides}
    started = time.perf_counter()
    while len(times[sides[0]]) < LEAST_ROUNDS or time.perf_counter() - started < budget:
        for index in generator.permutation(len(sides)):
            cell, side = sides[index]
            times[cell, side].append(seconds(made[cell][side], repeats[cell, side]))
    return [_row(cell, np.array(times[cell, 0]), np.array(times[cell, 1])) for cell in made]


def _row(cell: Cell, ours: Numbers, theirs: Numbers) -> Row:
    name, size, mode = cell
    per_element = 1e9 / size
    return Row(name, size, mode, len(ours), _quartiles(ours * per_element),
               _quartiles(theirs * per_element), _quartiles(ours / theirs))  # fmt: skip


def _quartiles(values: Numbers) -> tuple[float, float, float]:
    """Return (lower quartile, median, upper quartile) to four digits."""
    low, middle, high = (float(f"{q:.4g}") for q in np.percentile(values, (25, 50, 75)))
    return low, middle, high


def record(rows: list[Row], load: tuple[float, ...]) -> dict[str, Any]:
    """Return what is written: the machine, the versions, how it was measured, the rows."""
    return {
        "what": "time of actlas's composition over time of torch.nn's kernel, float32, CPU, eager; "
        "[lower quartile, median, upper quartile] over rounds",
        "machine": machine(),
        "actlas": actlas.__version__,
        "threads": torch.get_num_threads(),
        "load_average_before_and_after": [load[0], os.getloadavg()[0]],
        "rows": [asdict(row) for row in rows],
    }


def table(rows: list[Row]) -> Table:
    """Return the ratios as a table: median and quartiles by size and mode."""
    shown = Table("function", title="time of actlas's composition / time of torch.nn's kernel")
    columns = [(size, mode) for size in SIZES for mode in (FORWARD, BOTH)]
    for size, mode in columns:
        shown.add_column("\n+ ".join([f"{size:,}", *mode.split("+")[1:]]), justify="right")
    found = {(row.function, row.elements, row.mode): row.ratio for row in rows}
    for name in dict.fromkeys(row.function for row in rows):
        ratios = [found[name, *column] for column in columns]
        shown.add_row(name, *(f"{m:.2f} ({low:.2f}-{high:.2f})" for low, m, high in ratios))
    return shown


def main() -> None:
    """Measure, print, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to measure")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the folder for the result")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    load = os.getloadavg()
    screen = Console(width=None if sys.stdout.isatty() else 100)
    with screen.status("measuring; any other work on this machine widens the quartiles"):
        rows = measure(given.seconds, np.random.default_rng(0))
    slug = re.sub(r"[^a-z0-9]+", "-", machine()["processor"].lower()).strip("-") or "unknown"
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / f"composition-{slug}.json"
    path.write_text(json.dumps(record(rows, load), indent=1) + "\n", encoding="utf-8")
    screen.print(table(rows), f"written to {path}", sep="\n")


if __name__ == "__main__":
    main()
