"""Runs per second of the study's trainer, beside PyTorch scripts that do the same work.

    python benchmarks/trainer.py
    python benchmarks/trainer.py --device cuda

Four ways train the same number of networks on the same data for the same steps, in turns, in an
order drawn anew for every round:

- plain: a script as a user writes it: a DataLoader, default threads, one run after another;
- by hand, one by one: a tight loop without a DataLoader, one thread, one process per core;
- by hand, stacked: `torch.func.stack_module_state`, vmap and grad, one process per core;
- actlas: units from the scheduler, in the worker processes of a study.

What is reported are ratios of runs per second within a round: actlas over plain, and over the
better of the two ways by hand. On an accelerator all ways share it, 32 networks are trained, and
by hand means one process. Fashion-MNIST is read from --data-root or ACTLAS_DATA; without it
the digits take its place. The result goes to results/trainer-<machine>.json beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

import actlas
from actlas.machine import machine, usable_cores
from actlas.study import Data, Split, Task, find_task
from actlas.study.executor import run_all
from actlas.study.processes import Processes
from actlas.study.scheduling import Scheduler
from actlas.study.training import Phase, Record, RunSpec
from actlas.study.training.devices import described, device_of
from actlas.study.training.ways import Way, fastest_way

HERE = Path(__file__).parent
MOMENTUM, CLIP, RATE = 0.9, 1.0, 0.05
ACTIVATION = "gelu"  # PyTorch has a kernel of its own for it: the scripts lack nothing
STACK = 8  # runs of one model
MANY = 32  # runs on an accelerator


def _some(name: str, examples: int) -> Task:
    """Return a built-in task on its first examples; ActlasError if its data are not there."""
    task = find_task(name)

    def data(root: Path | None) -> Data:
        whole = task.data(root)
        train, rest = whole.train, whole.validation
        small = Split(rest.inputs[:300], rest.targets[:300])
        return Data(Split(train.inputs[:examples], train.targets[:examples]), small, small)

    return replace(task, name=f"some {name}", data=data)


def _small_cnn(activation: Callable[[], nn.Module]) -> nn.Module:
    """Return a CNN for 8 x 8 digits, for a machine without Fashion-MNIST."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3, padding=1), activation(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1), activation(), nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip


DIGITS = find_task("digits")
DIGITS_CNN = replace(DIGITS, name="digits-cnn", network=_small_cnn)
FASHION_MLP = _some("fashion-mnist-mlp", 6_400)
FASHION_CNN = _some("fashion-mnist-cnn", 1_280)


@dataclass(frozen=True)
class Workload:
    """A network and how often it is trained; `attribute` names its task in this file."""

    title: str
    attribute: str
    runs: int
    epochs: int


def workloads(root: Path | None, device: str) -> list[Workload]:
    """Return the workloads: with Fashion-MNIST where it is, with the digits alone elsewhere."""
    found = [Workload("digits MLP 64-64-10", "DIGITS", 16, 10)]
    if root is None or not (root / "fashion-mnist").is_dir():
        found += [Workload("digits CNN, 2 convolutions", "DIGITS_CNN", 8, 2)]
    else:
        found += [
            Workload("Fashion-MNIST MLP 784-128-128-10", "FASHION_MLP", 16, 1),
            Workload("Fashion-MNIST CNN, 2 convolutions", "FASHION_CNN", 8, 1),
        ]
    return found if device == "cpu" else [replace(work, runs=MANY) for work in found]


@dataclass(frozen=True)
class Job:
    """What a script needs to know."""

    attribute: str
    epochs: int
    seeds: tuple[int, ...]
    root: Path | None
    device: str


@cache
def problem(attribute: str, root: Path | None, device: str) -> tuple[Task, Data]:
    """Return a task and its data as the network takes them, read once per process."""
    task: Task = globals()[attribute]
    data = task.data(root)
    parts = (Split(task.transform(part.inputs).to(device), part.targets.to(device))
             for part in (data.train, data.validation, data.test))  # fmt: skip
    return task, Data(*parts)


def plain(job: Job) -> list[float]:
    """Train as a user's script does; return the validation accuracies."""
    task, data = problem(job.attribute, job.root, "cpu")
    found = []
    for seed in job.seeds:
        torch.manual_seed(seed)
        network = task.network(nn.GELU).to(job.device)
        train = torch.utils.data.TensorDataset(data.train.inputs, data.train.targets)
        loader = torch.utils.data.DataLoader(train, batch_size=task.batch_size, shuffle=True)
        optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=MOMENTUM)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, job.epochs * len(loader))
        for _ in range(job.epochs):
            network.train()
            for inputs, targets in loader:
                optimizer.zero_grad()
                outputs = network(inputs.to(job.device))
                loss = nn.functional.cross_entropy(outputs, targets.to(job.device))
                loss.backward()
                nn.utils.clip_grad_norm_(network.parameters(), CLIP)
                optimizer.step()
                schedule.step()
            network.eval()
            accuracy = share_right(network, problem(job.attribute, job.root, job.device)[1])
        found.append(accuracy)
    return found


def share_right(network: nn.Module, data: Data) -> float:
    """Return the part of the validation set that a network gets right."""
    with torch.no_grad():
        right = network(data.validation.inputs).argmax(1) == data.validation.targets
    return float(right.float().mean())


def one_by_one(job: Job) -> list[float]:
    """Train in a tight loop: batches by index, the fused optimiser."""
    task, data = problem(job.attribute, job.root, job.device)
    found = []
    for seed in job.seeds:
        torch.manual_seed(seed)
        network = task.network(nn.GELU).to(job.device)
        parameters = list(network.parameters())
        optimizer = torch.optim.SGD(parameters, lr=RATE, momentum=MOMENTUM, fused=True)
        for _ in range(job.epochs):
            order = torch.randperm(len(data.train)).to(job.device)
            for batch in order.split(task.batch_size):
                optimizer.zero_grad()
                outputs = network(data.train.inputs[batch])
                nn.functional.cross_entropy(outputs, data.train.targets[batch]).backward()
                nn.utils.clip_grad_norm_(parameters, CLIP)
                optimizer.step()
            accuracy = share_right(network, data)
        found.append(accuracy)
    return found


def stacked(job: Job) -> list[float]:
    """Train all runs as one model, as the tutorial on model ensembling does."""
    task, data = problem(job.attribute, job.root, job.device)
    networks = []
    for seed in job.seeds:
        torch.manual_seed(seed)
        networks.append(task.network(nn.GELU).to(job.device))
    weights, _ = stack_module_state(networks)
    velocities = {name: torch.zeros_like(value) for name, value in weights.items()}
    base = networks[0]

    def outputs_of(own: dict[str, Tensor], inputs: Tensor) -> Tensor:
        result: Tensor = functional_call(base, own, (inputs,))
        return result

    def loss_of(own: dict[str, Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs_of(own, inputs), targets)

    step = vmap(grad_and_value(loss_of))
    with torch.no_grad():
        for _ in range(job.epochs):
            orders = torch.stack([torch.randperm(len(data.train)) for _ in networks])
            for batch in orders.to(job.device).split(task.batch_size, dim=1):
                gradients, _ = step(weights, data.train.inputs[batch], data.train.targets[batch])
                squares = [g.flatten(1).square().sum(1) for g in gradients.values()]
                scale = (CLIP / (torch.stack(squares).sum(0).sqrt() + 1e-6)).clamp(max=1.0)
                for name, gradient in gradients.items():
                    own = scale.view(-1, *[1] * (gradient.ndim - 1))
                    velocities[name].mul_(MOMENTUM).addcmul_(gradient, own)
                    weights[name].sub_(velocities[name], alpha=RATE)
            shared = vmap(outputs_of, in_dims=(0, None))(weights, data.validation.inputs)
            right = shared.argmax(-1) == data.validation.targets
    return right.float().mean(1).tolist()


def specs(work: Workload, device: str) -> list[RunSpec]:
    """Return the runs as a study has them."""
    task: Task = globals()[work.attribute]
    return [
        RunSpec(
            task=f"{Path(__file__).stem}:{work.attribute}", activation=ACTIVATION, parameters=(),
            formula="", optimizer="sgd", learning_rate=RATE, weight_decay=0.0, gradient_clip=CLIP,
            epochs=work.epochs, batch_size=task.batch_size, phase=Phase.TUNING, seed=seed,
            device=device,
        )
        for seed in range(work.runs)
    ]  # fmt: skip


def parts(work: Workload, root: Path | None, size: int, device: str) -> list[Job]:
    """Return the runs in jobs of some size."""
    seeds = tuple(range(work.runs))
    return [Job(work.attribute, work.epochs, seeds[i : i + size], root, device)
            for i in range(0, work.runs, size)]  # fmt: skip


def by_hand(
    script: Callable[[Job], list[float]], jobs: Sequence[Job], pool: Processes
) -> list[float]:
    """Run the jobs in the worker processes, one thread each."""
    futures = [pool.submit(script, job) for job in jobs]
    return [accuracy for future in futures for accuracy in future.result()]


def way_of(work: Workload, root: Path | None, runs: int, device: str) -> Way:
    """Return what the trainer takes for the faster way, as a longer study would measure it."""
    task: Task = globals()[work.attribute]
    return fastest_way(specs(work, device)[:runs], task, task.data(root))


def ours(
    work: Workload, scheduler: Scheduler, root: Path | None, pool: Processes, device: str
) -> list[float]:
    """Train as a study does, with the way that was measured before."""
    units = scheduler.units(specs(work, device))
    found = list(run_all(units, pool, root, HERE))
    failed = [one for one in found if not isinstance(one, Record)]
    if failed:
        raise SystemExit(str(failed[0]))
    return [one.validation / 100 for one in found if isinstance(one, Record)]


def measure(
    work: Workload, rounds: int, root: Path | None, pool: Processes, device: str
) -> dict[str, Any]:
    """Time the four ways in rounds; return seconds, accuracies and ratios."""
    generator = np.random.default_rng(0)
    each = min(STACK, -(-work.runs // len(usable_cores()))) if device == "cpu" else work.runs
    chosen = pool.submit(way_of, work, root, each, device).result()
    scheduler = Scheduler("always" if chosen.together else "never", pool, root, print)
    ways: dict[str, Callable[[], list[float]]] = {
        "plain": partial(plain, parts(work, root, work.runs, device)[0]),
        "by hand, one by one": partial(by_hand, one_by_one, parts(work, root, 1, device), pool),
        "by hand, stacked": partial(by_hand, stacked, parts(work, root, each, device), pool),
        "actlas": partial(ours, work, scheduler, root, pool, device),
    }
    accuracies = {way: float(np.mean(run())) for way, run in ways.items()}  # and warms everything
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in generator.permutation(list(ways)):
            started = time.perf_counter()
            ways[way]()
            seconds[way].append(time.perf_counter() - started)
    took = {way: np.array(values) for way, values in seconds.items()}
    hands = [took[way] for way in ways if way.startswith("by hand")]
    return {
        **asdict(work), "rounds": rounds, "way": chosen.reason, "accuracy": accuracies,
        "runs_per_second": {way: _quartiles(work.runs / took[way]) for way in ways},
        "over_plain": _quartiles(took["plain"] / took["actlas"]),
        "over_best_by_hand": _quartiles(np.minimum(*hands) / took["actlas"]),
    }  # fmt: skip


def _quartiles(values: np.ndarray[Any, Any]) -> tuple[float, float, float]:
    low, middle, high = (float(f"{q:.4g}") for q in np.percentile(values, (25, 50, 75)))
    return low, middle, high


def record(rows: list[dict[str, Any]], load: tuple[float, ...], device: str) -> dict[str, Any]:
    """Return what is written: how it was measured, where, and the rows."""
    return {
        "what": "runs per second, and ratios of it: [lower quartile, median, upper quartile] over "
        f"rounds; SGD with momentum, gradients clipped, float32, {device}",
        "machine": machine() | described(device_of(device)),
        "actlas": actlas.__version__,
        "threads_of_the_plain_script": torch.get_num_threads(),
        "load_average_before_and_after": [load[0], os.getloadavg()[0]],
        "rows": rows,
    }


def table(rows: list[dict[str, Any]]) -> Table:
    """Return the ratios as a table."""
    ways = ("plain", "one by one", "stacked", "actlas", "/ plain", "/ best by hand")
    shown = Table("network", *ways, title="Runs per second")
    for row in rows:
        medians = [f"{values[1]:.3g}" for values in row["runs_per_second"].values()]
        ratios = [f"{m:.2f} ({low:.2f}-{high:.2f})" for low, m, high in
                  (row["over_plain"], row["over_best_by_hand"])]  # fmt: skip
        shown.add_row(row["title"], *medians, *ratios)
    return shown


def main() -> None:
    """Measure, print, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help="cpu, or an accelerator as cuda")
    parser.add_argument("--rounds", type=int, default=5, help="how often each way is timed")
    parser.add_argument("--data-root", type=Path, help="the folder with Fashion-MNIST")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="for the result")
    given = parser.parse_args()
    found = given.data_root or os.environ.get("ACTLAS_DATA")
    root = None if found is None else Path(found).resolve()
    out = given.out.resolve()
    os.chdir(HERE)  # where the workers find this file as a module
    sys.path.insert(0, str(HERE))
    device, load = given.device, os.getloadavg()
    pool = Processes(len(usable_cores()) if device == "cpu" else 1)
    try:
        rows = [measure(work, given.rounds, root, pool, device) for work in workloads(root, device)]
    finally:
        pool.terminate()
        pool.shutdown()
    where = described(device_of(device)).get("device", machine()["processor"])
    slug = re.sub(r"[^a-z0-9]+", "-", where.lower()).strip("-") or "unknown"
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"trainer-{slug}.json"
    path.write_text(json.dumps(record(rows, load, device), indent=1) + "\n", encoding="utf-8")
    Console().print(table(rows), f"written to {path}", sep="\n")


if __name__ == "__main__":
    import trainer  # by its name, under which the workers know it

    trainer.main()
