"""How far ReLU comes in every built-in task by the task's own recipe, and how long it takes.

    python benchmarks/tasks.py --without ptb-full,ptb-elman-full,ptb-lstm-full
    python benchmarks/tasks.py --longer 2,4,8

One process for each core, one thread each. The result goes to results/tasks.json beside this
file, run by run as they end, and from there to the page of tasks, beside what is published. With
`--longer`, the tasks that stay behind that are trained for so many times their epochs, until they
reach it, are no better for it, or would take more than `--seconds` a run.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

import actlas
from actlas.docs.tasks import reaches
from actlas.study.plan import make_plan
from actlas.study.provenance import machine, usable_cores
from actlas.study.tasks import built_in_tasks, find_task, load_data
from actlas.study.training import Phase, Record, RunSpec, train

RESULT = Path(__file__).parent / "results" / "tasks.json"
WHAT = (
    "test scores of ReLU by each task's own recipe, one score a seed, and every split of a task "
    "that has several; seconds: of a run, median"
)


def specification(name: str, seed: int, times: int = 1) -> RunSpec:
    """Return the run of a task: its optimiser, the centre of its rates, `times` its epochs."""
    task = find_task(name)
    plan = make_plan({"task": name}, name).resolved(task)
    assert plan.optimizer is not None
    assert plan.epochs is not None
    assert plan.batch_size is not None
    assert plan.weight_decay is not None
    assert plan.selection is not None
    return RunSpec(
        task=name, activation="relu", parameters=(), formula="", optimizer=plan.optimizer,
        learning_rate=task.learning_rates[plan.optimizer], weight_decay=plan.weight_decay,
        gradient_clip=plan.gradient_clip, epochs=times * plan.epochs, batch_size=plan.batch_size,
        phase=Phase.CONFIRMATION, seed=seed, selection=plan.selection,
    )  # fmt: skip


def run(name: str, seed: int, times: int = 1) -> Record:
    """Train one network of a task."""
    return train(specification(name, seed, times), find_task(name), load_data(name, None))


def seeds_of(name: str, at_least: int) -> range:
    """Return the seeds of a task: as many as asked for, and every one of its splits."""
    return range(max(at_least, 1 + len(load_data(name, None).further)))


def told(records: Iterable[Record]) -> dict[str, Any]:
    """Return what is kept of the runs of one task."""
    ordered = sorted(records, key=lambda record: record.spec.seed)
    return {
        "scores": [round(record.test, 4) for record in ordered if record.test is not None],
        "best_epochs": [record.best_epoch for record in ordered],
        "seconds": round(statistics.median(record.seconds for record in ordered), 1),
    }


def kept() -> dict[str, Any]:
    """Return the results of tasks that are kept."""
    return dict(json.loads(RESULT.read_text(encoding="utf-8"))["tasks"]) if RESULT.exists() else {}


def write(tasks: dict[str, Any]) -> None:
    """Put the results of tasks among those that are kept."""
    new = {"what": WHAT, "machine": machine(), "actlas": actlas.__version__,
           "tasks": dict(sorted({**kept(), **tasks}.items()))}  # fmt: skip
    RESULT.write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")


# ---------------------------------------------------------------- more epochs


def train_longer(
    pool: ProcessPoolExecutor, name: str, times: Iterable[int], seconds: float, seeds: int
) -> None:
    """Train a task for more epochs and keep the shortest that reaches, else the best."""
    task, before = find_task(name), kept()[name]
    best = before
    for factor in times:
        if before["seconds"] * factor > seconds:
            break
        runs = [pool.submit(run, name, seed, factor) for seed in seeds_of(name, seeds)]
        found = {"epochs": factor * task.epochs, **told(job.result() for job in runs)}
        print(f"{name}, {found['epochs']} epochs: {found['scores']}", flush=True)
        ahead = statistics.mean(found["scores"]) > statistics.mean(best["scores"])
        if ahead != task.metric.higher_is_better:
            break
        best = found
        write({name: {**before, "longer": found}})
        if reaches(task, found):
            break


def train_all(pool: ProcessPoolExecutor, names: Iterable[str], seeds: int) -> None:
    """Train tasks by their own recipes, and keep every run as it ends."""
    found: dict[str, list[Record]] = {name: [] for name in names}
    jobs = [pool.submit(run, name, seed) for name in found for seed in seeds_of(name, seeds)]
    for job in as_completed(jobs):
        record = job.result()
        name = record.spec.task
        found[name].append(record)
        score = f"{name}, seed {record.spec.seed}: {record.test}"
        print(f"{score} ({record.seconds:.0f} s)", flush=True)
        write({name: told(found[name])})


def main() -> None:
    """Train, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", default="", help="by name; all by default")
    parser.add_argument("--without", default="", help="names that are left out")
    parser.add_argument("--seeds", type=int, default=2, help="at least; every split has one")
    parser.add_argument("--longer", default="", help="times the epochs, where ReLU stays behind")
    parser.add_argument("--seconds", type=float, default=150, help="of a longer run, at most")
    given = parser.parse_args()
    named = given.tasks.split(",") if given.tasks else [task.name for task in built_in_tasks()]
    names = [name for name in named if name not in given.without.split(",")]
    with ProcessPoolExecutor(
        len(usable_cores()), get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        if not given.longer:
            train_all(pool, names, given.seeds)
            return
        times = [int(factor) for factor in given.longer.split(",")]
        for name in names:
            task = find_task(name)
            if task.published and name in kept() and not reaches(task, kept()[name]):
                train_longer(pool, name, times, given.seconds, given.seeds)


if __name__ == "__main__":
    main()
