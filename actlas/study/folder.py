"""The folder of a study: what is in it, how far it is, and its report from the runs alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from actlas.errors import ActlasError
from actlas.study.analysis import analyse
from actlas.study.arms import make_arms
from actlas.study.comparison import Result
from actlas.study.experiment import Experiment
from actlas.study.plan import Plan
from actlas.study.store import FILE_NAME, OLD_NAME, Store
from actlas.study.study_file import plan_from_text
from actlas.study.tasks import find_task
from actlas.study.training import Phase, RunSpec
from actlas.study.tuning import first_grid


@dataclass(frozen=True)
class Count:
    """How far a phase is.

    `planned` is the least for the search, which may be widened, and the most for the confirmation
    of an adaptive study.
    """

    finished: int
    running: int
    planned: int


@contextmanager
def existing(folder: Path) -> Iterator[Store]:
    """Open the store in a folder; ActlasError if there is none."""
    if not any((folder / name).is_file() for name in (FILE_NAME, OLD_NAME)):
        raise ActlasError(f"there is no study in {folder}: no {FILE_NAME} is there")
    with Store(folder) as store:
        yield store


def stored_plan(store: Store) -> Plan:
    """Return the plan that the store was made for, with all values filled in."""
    text = store.recall("plan")
    if text is None:
        raise ActlasError(
            f"{store.path} does not say which study it belongs to; give its plan to "
            f"`actlas study run` with the same --out"
        )
    return plan_from_text(text, str(store.path))


def progress_of(store: Store) -> dict[Phase, Count]:
    """Return how far the study is in each phase."""
    plan = stored_plan(store)
    task = find_task(plan.task)
    arms = len(make_arms(plan.activations, plan.reference))
    planned = {
        Phase.TUNING: arms * len(first_grid(plan, task)) * len(plan.tuning_seeds),
        Phase.CONFIRMATION: arms * len(plan.seeds),
    }
    code = store.recall("code")
    found = store.counts(_settings(plan) | ({} if code is None else {"code": code}))
    return {phase: Count(*found[phase], planned[phase]) for phase in Phase}


def _settings(plan: Plan) -> dict[str, object]:
    """Return what a plan fixes for every one of its runs, by the names of `RunSpec`."""
    shared = {field.name for field in fields(RunSpec)} & set(Plan.model_fields)
    return {name: getattr(plan, name) for name in shared}


def read_result(folder: Path) -> Result:
    """Return the result of a finished study and write its report anew; nothing is trained.

    The runs are those of the code that made them, whatever the code is now.

    Args:
        folder: where the study was written.

    Raises:
        ActlasError: if there is no study, or runs are missing.
    """
    from actlas.study.report import write_report

    with existing(folder) as store:
        plan = stored_plan(store)
        task = find_task(plan.task)
        arms = make_arms(plan.activations, plan.reference)
        outcome = Experiment(
            plan, task, arms, store, None, None, None, recorded=store.recall("code")
        ).run()
        changes = store.plan_changes()
    analysis = analyse(plan, task, arms, outcome)
    result = Result(plan, task, arms, analysis, outcome, folder / "report.html", changes)
    write_report(result)
    return result
