"""The folder of a study: what is in it, how far it is, and its report from the runs alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from actlas.errors import ActlasError
from actlas.study.arms import Arm, make_arms
from actlas.study.experiment import Experiment, networks_of
from actlas.study.networks import renamed
from actlas.study.plan import Plan
from actlas.study.recipes import Part
from actlas.study.result import Result, TaskResult, make_result, part_result
from actlas.study.sizes import SIZES, read_sizes
from actlas.study.store import FILE_NAME, OLD_NAME, Store
from actlas.study.study_file import plan_from_text
from actlas.study.tasks import find_task
from actlas.study.training import Phase, RunSpec
from actlas.study.tuning import first_settings, trained_in_full


@dataclass(frozen=True)
class Count:
    """How far a phase is.

    `bound` is "at least" for the search, which may be widened, and "at most" for the confirmation
    of an adaptive study; empty where `planned` is the exact number.
    """

    finished: int
    running: int
    planned: int
    bound: str = ""

    @property
    def total(self) -> str:
        """The number of planned runs in words.

        >>> Count(3, 0, 28, "at most").total
        'at most 28'
        """
        return f"{self.bound} {self.planned}".strip()


@contextmanager
def existing(folder: Path, url: str | None = None, read_only: bool = False) -> Iterator[Store]:
    """Open the store in a folder, or at a URL; ActlasError if there is none.

    Args:
        folder: that of the study.
        url: where the runs are, if not in the folder.
        read_only: nothing is written; but the runs of an earlier version's file are taken over.
    """
    if url is None and not any((folder / name).is_file() for name in (FILE_NAME, OLD_NAME)):
        raise ActlasError(f"there is no study in {folder}: no {FILE_NAME} is there")
    only_old = url is None and not (folder / FILE_NAME).is_file()
    with Store(url or folder, read_only=read_only and not only_old) as store:
        yield store


def stored_plan(store: Store) -> Plan:
    """Return the plan that the store was made for, with all values filled in."""
    text = store.recall("plan")
    if text is None:
        raise ActlasError(
            f"{store.name} does not say which study it belongs to; give its plan to "
            f"`actlas study run` with the same --out"
        )
    return plan_from_text(text, store.name)


def progress_of(store: Store) -> dict[Phase, Count]:
    """Return how far the study is in each phase."""
    counts = [_progress_on(store, one, code) for _, one, code in _parts(store)]
    return {phase: _summed([count[phase] for count in counts]) for phase in Phase}


def _parts(store: Store) -> list[tuple[Part, Plan, str | None]]:
    """Return every part, its plan, and the code that made its runs."""
    plan, codes = stored_plan(store), store.recall("code")
    each = [None] * len(plan.parts) if codes is None else codes.split(",")
    return [(part, plan.on(part.name), code) for part, code in zip(plan.parts, each, strict=True)]


def _progress_on(store: Store, plan: Plan, code: str | None) -> dict[Phase, Count]:
    """Return how far the study is with one part."""
    arms = make_arms(plan.activations, plan.reference)
    tried = first_settings(plan, find_task(plan.task))
    planned = {
        Phase.TUNING: len(arms) * trained_in_full(plan.search, len(tried)) * len(plan.tuning_seeds),
        Phase.CONFIRMATION: len(arms) * len(plan.seeds),
    }
    each = [store.counts(wanted) for wanted in _wanted(plan, arms, code)]
    bounds = {Phase.TUNING: "at least", Phase.CONFIRMATION: "at most" * (plan.design == "adaptive")}
    return {
        phase: Count(sum(one[phase][0] for one in each), sum(one[phase][1] for one in each),
                     planned[phase], bounds[phase])
        for phase in Phase
    }  # fmt: skip


def _summed(counts: list[Count]) -> Count:
    finished, running, planned = zip(
        *((count.finished, count.running, count.planned) for count in counts), strict=True
    )
    return Count(sum(finished), sum(running), sum(planned), counts[0].bound)


def _wanted(plan: Plan, arms: Iterable[Arm], code: str | None) -> list[dict[str, object]]:
    """Return what a plan fixes for its runs, by the names of `RunSpec`: once for each network."""
    shared = {field.name for field in fields(RunSpec)} & set(Plan.model_fields)
    free = {"weight_decay", "shape_rate"} if plan.search == "joint" else set()
    fixed = {name: getattr(plan, name) for name in shared - free}
    fixed |= {"epochs": plan.trained_epochs} | ({} if code is None else {"code": code})
    found: list[dict[str, object]] = []
    for arm in arms:
        if (one := {**fixed, **arm.brings}) not in found:
            found.append(one)
    return found


def read_result(folder: Path, url: str | None = None) -> Result:
    """Return the result of a finished study and write its report anew; nothing is trained.

    The runs are those of the code that made them, whatever the code is now.

    Args:
        folder: where the study was written.
        url: where its runs are, if not in the folder.

    Raises:
        ActlasError: if there is no study, or runs are missing.
    """
    from actlas.study.report import write_report

    with existing(folder, url, read_only=url is not None) as store:
        plan = stored_plan(store)
        parts = tuple(_read_part(store, *one) for one in _parts(store))
        result = make_result(plan, parts, folder / "report.html", store.plan_changes())
    folder.mkdir(parents=True, exist_ok=True)
    write_report(result)
    return result


def _read_part(store: Store, part: Part, plan: Plan, code: str | None) -> TaskResult:
    """Return the result of one part from its runs."""
    arms = make_arms(plan.activations, plan.reference)
    task = renamed(find_task(plan.task), *networks_of(arms, plan))
    outcome = Experiment(plan, task, arms, store, None, None, None, recorded=code).run()
    sizes = read_sizes(store.recall(SIZES)).get(part.name, {})
    return part_result(part, plan, task, arms, outcome, sizes)
