"""The main job: compare activation functions on a task, honestly, and write the report."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from actlas.errors import ActlasError, need_extra
from actlas.study.arms import Arm, make_arms, need_different
from actlas.study.command import CommandTask, need_no_network
from actlas.study.executors import opened
from actlas.study.experiment import Experiment, code_of, networks_of, run_each
from actlas.study.judging import looks
from actlas.study.matching import matched_plan
from actlas.study.networks import renamed, with_network
from actlas.study.plan import Plan, make_plan
from actlas.study.progress import Listener
from actlas.study.recipes import Part
from actlas.study.result import Result, make_result, part_result
from actlas.study.sizes import SIZES, Size, size_of, written
from actlas.study.store import Store
from actlas.study.study_file import plan_text
from actlas.study.tasks import Task, check_cuts, find_task, load_data
from actlas.study.training.devices import device_of
from actlas.study.tuning import first_settings

Root = str | os.PathLike[str] | None


class StudyInterrupted(KeyboardInterrupt):
    """A study was stopped by the user; the message says what is kept and how to go on."""


def compare(
    task: str | Sequence[str] = "digits",
    activations: str | Sequence[str] = Plan.model_fields["activations"].default,
    seeds: int | Sequence[int] | None = None,
    optimizer: str | Sequence[str] | None = None,
    budget: int | None = None,
    out: str | os.PathLike[str] = "out",
    data_root: Root = None,
    workers: int | None = None,
    progress: Listener | None = None,
    epochs: int | None = None,
    practical_difference: float | None = None,
    network: str | None = None,
    design: str | None = None,
    search: str | None = None,
    reference: str = "relu",
    device: str | None = None,
) -> Result:
    """Compare activation functions on a task, and write `report.html` and `study.db`.

    Every function gets the same budget of settings, chosen on the validation set, and fresh
    seeds until its interval decides. For one seed, all functions see the same batches and start
    from the same normal numbers, scaled by each one's gain. A second, independent arm of ReLU
    shows what chance alone does. Finished runs in `out` are used again.

    Args:
        task: a built-in one, or your own as "module:attribute"; several as a list.
        activations: names, with parameters or a network where wanted: "telu in mlp(hidden=(96,))".
        seeds: the most seeds to confirm with, by default 20, or the seeds themselves; at least 2.
        optimizer: "sgd" (momentum 0.9), "adam" or "adamw", by default the task's; several as a
            list: every task is then run with each of them.
        budget: the most settings that are tried for each function, by default 5 learning rates.
        out: the folder for the results; made if it is not there.
        data_root: the folder with the data sets, by default the environment's ACTLAS_DATA.
        workers: processes, by default one per core; 1 works in the calling process.
        progress: called with a `Progress` after every run.
        design, search, epochs, practical_difference, device: as in `Plan`.
        network: a network in place of the task's own: "wide_resnet(depth=10, width=1)",
            "timm:NAME" or "torchvision:NAME".
        reference: the function that the others are compared with.

    Raises:
        ActlasError: before any training, if an argument is wrong, data cannot be read or `out`
            cannot be written.
        StudyInterrupted: on Ctrl-C; what was finished is kept.

    Example:
        >>> result = compare(activations=["relu", "gelu"], seeds=3)  # doctest: +SKIP
        >>> result.verdicts  # doctest: +SKIP
        {'gelu': <Verdict.OPEN: 'undecided'>}
    """
    plan = make_plan(
        {
            "task": task, "network": network, "activations": activations, "reference": reference,
            "seeds": seeds, "optimizer": optimizer, "design": design, "search": search,
            "budget": budget, "epochs": epochs, "practical_difference": practical_difference,
            "device": device,
        }
    )  # fmt: skip
    return run_plan(plan, out=out, data_root=data_root, workers=workers, progress=progress)


def run_plan(
    plan: Plan,
    out: str | os.PathLike[str] = "out",
    data_root: Root = None,
    workers: int | None = None,
    progress: Listener | None = None,
    store: str | None = None,
    executor: str = "local",
    batched: str = "measured",
) -> Result:
    """Run a registered plan; arguments and errors as for `compare`, and three of its own.

    Args:
        store: a URL of PostgreSQL, for runners on many hosts; by default `study.db` in `out`.
        executor: who trains: "local", "dask", "dask:ADDRESS", "ray", "ray:ADDRESS", or "slurm"
            with options, "slurm:partition=gpu,timeout_min=60".
        batched: whether the runs of a function are trained as one model: "measured" takes the
            faster way, "always", or "never", which repeats a study to the last bit.
    """
    from actlas.study.report import write_report

    need_extra("scipy", "study")
    if workers is not None and workers < 1:
        raise ActlasError(f"workers must be at least 1, got {workers}")
    if executor == "local" and device_of(plan.device).type != "cpu":
        workers = workers or 1  # several would take turns on it
    root = None if data_root is None else Path(data_root)
    plan = matched_plan(plan, root)
    arms = make_arms(plan.activations, plan.reference)
    problems = _problems(plan, arms, root)
    plan = plan.frozen([problem.plan for problem in problems])
    looks(plan, len(arms) - 2)
    folder = Path(out)
    with Store(store or folder) as runs, _resources(executor, workers, folder, runs) as pool:
        runs.keep_plan(plan_text(plan), ",".join(problem.code for problem in problems))
        runs.remember(SIZES, written({one.part.name: one.sizes for one in problems}))
        outcomes = run_each(
            Experiment(one.plan, one.task, arms, runs, pool, root, progress, folder,
                       batched=batched, name=one.part.name)
            for one in problems
        )  # fmt: skip
        changes = runs.plan_changes()
    parts = tuple(
        part_result(one.part, one.plan, one.task, arms, outcome, one.sizes)
        for one, outcome in zip(problems, outcomes, strict=True)
    )
    result = make_result(plan, parts, folder / "report.html", changes)
    write_report(result)
    return result


@dataclass(frozen=True)
class _Problem:
    """A part with its plan filled in, its task, its code's hash, and how large its networks are."""

    part: Part
    plan: Plan
    task: Task
    code: str
    sizes: Mapping[str, Size]


def _problems(plan: Plan, arms: Sequence[Arm], root: Path | None) -> list[_Problem]:
    """Return what is to be run for every part.

    One task after the other, since the data of one alone are kept: they are read once for all.
    """
    tasks: dict[str, Task] = {}
    for name in plan.tasks:
        task = find_task(name)
        if any(task.name == other.name for other in tasks.values()):
            raise ActlasError(f"the task {task.name!r} is named twice: {', '.join(plan.tasks)}")
        tasks[name] = task
    resolved = [(part, plan.on(part.name).resolved(tasks[part.task])) for part in plan.parts]
    for part, one in resolved:
        first_settings(one, tasks[part.task])
    return [_problem(part, one, tasks[part.task], arms, root) for part, one in resolved]


def _problem(
    part: Part, plan: Plan, task: Task, arms: Sequence[Arm], root: Path | None
) -> _Problem:
    need_different([arm for arm in arms if not arm.twin], plan.network)
    networks, sizes = networks_of(arms, plan), {}
    if isinstance(task, CommandTask):
        need_no_network(arms)
    else:
        sizes = dict(_sizes(part, plan, task, arms, root))
    return _Problem(part, plan, renamed(task, *networks), code_of(plan, root, networks), sizes)


def _sizes(
    part: Part, plan: Plan, task: Task, arms: Sequence[Arm], root: Path | None
) -> Iterator[tuple[str, Size]]:
    """Yield every arm's label and the size of its network, which is checked on two examples."""
    data = load_data(part.task, root)
    check_cuts(task, data, plan.splits)
    fitted: dict[tuple[str | None, bool], Task] = {}
    for arm in arms:
        network = arm.network or plan.network
        kind = network, arm.is_network
        if kind not in fitted:
            fitted[kind] = with_network(task, network, data, own=arm.is_network, check=True)
        yield arm.label, size_of(arm, fitted[kind], data)


@contextmanager
def _resources(
    executor: str, workers: int | None, folder: Path, store: Store
) -> Iterator[Executor | None]:
    """Give who trains; a Ctrl-C meanwhile ends with a sentence on what is kept."""
    try:
        with opened(executor, workers, folder) as pool:
            yield pool
    except KeyboardInterrupt:
        raise StudyInterrupted(
            f"stopped; finished runs kept in {store.name}: {len(store)}. Give the same command "
            f"again to go on from there"
        ) from None
