"""The main job: compare activation functions on a task, honestly, and write the report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from actlas.errors import ActlasError, need_extra
from actlas.study.analysis import Analysis, Row, analyse
from actlas.study.arms import Arm, make_arms, split_activations
from actlas.study.executor import worker_pool
from actlas.study.experiment import Experiment, Outcome, code_of
from actlas.study.judging import looks
from actlas.study.networks import with_network
from actlas.study.plan import Plan, make_plan
from actlas.study.progress import Listener
from actlas.study.statistics import Verdict
from actlas.study.store import Store
from actlas.study.study_file import plan_text
from actlas.study.tasks import Task, find_task, load_data
from actlas.study.training import Record
from actlas.study.tuning import first_grid

Root = str | os.PathLike[str] | None


@dataclass(frozen=True)
class Result:
    """A finished study: its plan with all values filled in, the table, and every raw run.

    `changes` are the numbers of finished runs at which the plan was changed: none is best.
    """

    plan: Plan
    task: Task
    arms: tuple[Arm, ...]
    analysis: Analysis
    outcome: Outcome
    report_path: Path
    changes: tuple[int, ...] = ()

    @property
    def table(self) -> tuple[Row, ...]:
        """One row per arm: the reference, the A/A row, then the others as given."""
        return self.analysis.rows

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """The verdict on every function but the reference, by its name."""
        return {row.arm.label: row.verdict for row in self.table if row.verdict is not None}

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        return self.analysis.headline

    @property
    def records(self) -> tuple[Record, ...]:
        """Every run, the learning-rate search first."""
        return self.outcome.records


class StudyInterrupted(KeyboardInterrupt):
    """A study was stopped by the user; the message says what is kept and how to go on."""


def compare(
    task: str = "digits",
    activations: str | Sequence[str] = Plan.model_fields["activations"].default,
    seeds: int | Sequence[int] = 10,
    optimizer: str = "sgd",
    budget: int = 5,
    out: str | os.PathLike[str] = "out",
    data_root: Root = None,
    workers: int | None = None,
    progress: Listener | None = None,
    epochs: int | None = None,
    practical_difference: float | None = None,
    network: str | None = None,
    design: str = "fixed",
) -> Result:
    """Compare activation functions on a task, and write `report.html` and `study.db`.

    Every function gets the same budget of learning rates, chosen on the validation set, and is
    then trained on fresh seeds. For one seed, all functions see the same batches and start from
    the same standard-normal numbers, scaled by each one's gain. A second, independent arm of ReLU
    shows what chance alone does. Finished runs in `out` are used again.

    Args:
        task: "digits", another built-in task, or your own as "module:attribute".
        activations: names, with parameters where wanted: "leaky_relu(negative_slope=0.2)".
        seeds: how many seeds to confirm with, or the seeds themselves; at least 2.
        optimizer: "sgd" (momentum 0.9), "adam" or "adamw".
        budget: the most learning rates that are tried for each function.
        out: the folder for the results; made if it is not there.
        data_root: the folder with the data sets, by default the environment's ACTLAS_DATA.
        workers: processes, by default one per core; 1 works in the calling process.
        progress: called with a `Progress` after every run.
        epochs: passes over the training data, by default the task's.
        practical_difference: what is too small to matter, by default the task's.
        network: a network in place of the task's own: "wide_resnet(depth=10, width=1)",
            "timm:NAME" or "torchvision:NAME".
        design: "fixed", or "adaptive": seeds are added until the interval decides, with as strict
            an error over all looks; `seeds` are then the most.

    Raises:
        ActlasError: before any training, if an argument is wrong, data cannot be read or `out`
            cannot be written.
        StudyInterrupted: on Ctrl-C; what was finished is kept.

    Example:
        >>> result = compare(activations=["relu", "gelu"], seeds=3)  # doctest: +SKIP
        >>> result.verdicts  # doctest: +SKIP
        {'gelu': <Verdict.OPEN: 'undecided'>}
    """
    names = split_activations(activations) if isinstance(activations, str) else activations
    plan = make_plan(
        {
            "task": task, "network": network, "activations": tuple(names), "seeds": seeds,
            "optimizer": optimizer, "design": design,
            "budget": budget, "epochs": epochs, "practical_difference": practical_difference,
        }
    )  # fmt: skip
    return run_plan(plan, out=out, data_root=data_root, workers=workers, progress=progress)


def run_plan(
    plan: Plan,
    out: str | os.PathLike[str] = "out",
    data_root: Root = None,
    workers: int | None = None,
    progress: Listener | None = None,
) -> Result:
    """Run a registered plan; arguments and errors as for `compare`."""
    from actlas.study.report import write_report

    need_extra("scipy", "study")
    if workers is not None and workers < 1:
        raise ActlasError(f"workers must be at least 1, got {workers}")
    task = find_task(plan.task)
    plan = plan.resolved(task)
    first_grid(plan, task)
    arms = make_arms(plan.activations, plan.reference)
    looks(plan, len(arms) - 2)
    root = None if data_root is None else Path(data_root)
    task = with_network(task, plan.network, load_data(plan.task, root), check=True)
    folder = Path(out)
    with Store(folder) as store:
        store.keep_plan(plan_text(plan), code_of(plan))
        outcome = _run(plan, task, arms, store, root, workers, progress)
        changes = store.plan_changes()
    analysis = analyse(plan, task, arms, outcome)
    result = Result(plan, task, arms, analysis, outcome, folder / "report.html", changes)
    write_report(result)
    return result


def _run(
    plan: Plan,
    task: Task,
    arms: tuple[Arm, ...],
    store: Store,
    data_root: Path | None,
    workers: int | None,
    progress: Listener | None,
) -> Outcome:
    try:
        with worker_pool(workers) as executor:
            return Experiment(plan, task, arms, store, executor, data_root, progress).run()
    except KeyboardInterrupt:
        raise StudyInterrupted(
            f"stopped; finished runs kept in {store.path}: {len(store)}. Give the same command "
            f"again to go on from there"
        ) from None
