"""What a study cannot say: sentences that follow from its tasks, its plan and its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actlas.study.command import CommandTask
from actlas.study.report.baselines import missed
from actlas.study.report.details import departures
from actlas.study.report.size_sheet import other_sizes
from actlas.study.statistics import seeds_needed
from actlas.study.store import FILE_NAME
from actlas.study.training import Recipe
from actlas.study.wording import listed

if TYPE_CHECKING:
    from actlas.study.result import Result, TaskResult


def caveats(result: Result) -> list[str]:
    """Return what may not be concluded, the gravest first; no sentence twice."""
    own = [sentence for part in result.parts for sentence in _of_task(part, result)]
    edges = [sentence for part in result.parts for sentence in _edges(part, result)]
    found = [*_changes(result), *_departures(result), *_over_tasks(result),
             *_recipes(result), *_sizes(result), *own, *_of_plan(result), *_rivals(result),
             *_seeds(result), *_short_runs(result), *edges,
             *_reconstructed(result)]  # fmt: skip
    return list(dict.fromkeys(found))


def _changes(result: Result) -> list[str]:
    if not result.changes:
        return []
    counts = listed([f"{count}" for count in result.changes])
    return [
        f"The plan was changed after {counts} runs, so not everything was fixed in advance; "
        f"{FILE_NAME} keeps every plan."
    ]


def _departures(result: Result) -> list[str]:
    found = departures(result)
    return [f"The recipe departs from the fair protocol: {'; '.join(found)}."] if found else []


def _over_tasks(result: Result) -> list[str]:
    if result.across is None:
        return []
    tasks, needed = len(result.plan.tasks), result.across.needed
    more = "" if result.across.enough_tasks else f"; a test over tasks needs {needed}"
    return [
        f"{tasks} tasks are a small sample: what holds over them need not hold on another one"
        f"{more}.",
        "The correction for many comparisons is over the functions of one task: with many tasks, "
        "a verdict on a single one is now and then chance.",
    ]


def _recipes(result: Result) -> list[str]:
    if result.interaction is None:
        return []
    looked = " Seeds were added until a verdict stood: what the recipe changes is a look back."
    return [
        "Recipes on the same data are not further tasks: what holds under all of them need not "
        "hold on other data.",
        "The correction for many comparisons is over the functions of one part, and over the "
        "changes of the recipe on one task." + looked * (result.plan.design == "adaptive"),
    ]


def _of_task(part: TaskResult, result: Result) -> list[str]:
    """Return what holds for one task, with its name where there are several."""
    sentences = [*missed(part), *part.task.network_limits, *part.task.limits]
    prefix = "" if len(result.plan.tasks) == 1 else f"{part.plan.task}: "
    return [f"{prefix}{sentence}" for sentence in sentences]


def _of_plan(result: Result) -> list[str]:
    program = any(isinstance(part.task, CommandTask) for part in result.parts)
    optimisers = listed(sorted({part.plan.optimizer or "" for part in result.parts}))
    network = "One network" if len(result.plan.tasks) == 1 else "One network for each task"
    if any(arm.network for arm in result.arms):
        network = "One network for each function"
    tried = (f"{network}, {_count(result, 'optimizer', 'optimiser')} ({optimisers}) and "
             f"{_count(result, 'schedule', 'schedule')}")  # fmt: skip
    return [
        f"{'One program with one set-up' if program else tried}: another may give another order.",
        *([] if program else _start(result)),
        "Times are those of one machine, and no verdict rests on them.",
        '"Undecided" is not "equal": more seeds can decide it.',
    ]


def _count(result: Result, key: str, what: str) -> str:
    """Return how many values of a key every task was run with, in words."""
    several = {part.part.recipe[key] for part in result.parts if key in part.part.recipe}
    return f"{len(several)} {what}s" if several else f"one {what}"


def _start(result: Result) -> list[str]:
    drawn = {part.plan.initialisation for part in result.parts}
    if Recipe.initialisation not in drawn or "framework" in drawn:
        return []
    if any(arm.is_network for arm in result.arms):
        return [_OF_NETWORKS]
    several = f"drawn by {listed(sorted(drawn))}"
    how = "scaled by each function's gain" if len(drawn) == 1 else several
    return [
        f"All start weights are {how}; with a framework's default start the order may be another."
    ]


_OF_NETWORKS = (
    "Functions start from weights scaled by their gain, networks with functions of their own from "
    "weights of their own rule: with other starts the order may be another."
)


def _sizes(result: Result) -> list[str]:
    """Return which networks are of another size than the reference's, by part."""
    return [sentence for part in result.parts for sentence in other_sizes(part, result)]


_USUAL = ("relu", "gelu", "silu")  # what a function has to beat to be worth a change


def _rivals(result: Result) -> list[str]:
    import actlas

    here = {arm.name for arm in result.arms}
    missing = [actlas.get(name).title for name in _USUAL if name not in here]
    if not missing:
        return []
    are = "are" if len(missing) > 1 else "is"
    return [
        f"{listed(missing)} {are} not among the rivals: how the functions here do against what "
        "most networks use stays open."
    ]


def _seeds(result: Result) -> list[str]:
    plan, comparisons = result.plan, len(result.arms) - 2
    needed = seeds_needed(comparisons)
    if plan.design == "adaptive":
        return [
            "Seeds were added until the intervals decided; their error holds over all looks, but "
            "a difference that stopped a function early is, on average, a little too large."
        ]
    if len(plan.seeds) >= needed:
        return []
    return [
        f"With {len(plan.seeds)} seeds and {comparisons} comparisons the corrected test cannot "
        f"reach 0.05, so no function can be called better or worse; {needed} seeds could."
    ]


def _short_runs(result: Result) -> list[str]:
    if not any(row.tuning.short for part in result.parts for row in part.table):
        return []
    return [
        "Short runs chose which learning rates were trained in full; one that learns slowly and "
        "ends well may have been dropped."
    ]


def _edges(part: TaskResult, result: Result) -> list[str]:
    where = "" if len(result.parts) == 1 else f" on {part.name}"
    return [
        f"{row.arm.title}: the best learning rate{where} is the {row.tuning.edge} one tried; a "
        "better one may lie outside the grid."
        for row in part.table
        if row.tuning.edge
    ]


def _reconstructed(result: Result) -> list[str]:
    return [
        f"{arm.title} is reconstructed, not checked against a primary source: {arm.status_reason}"
        for arm in result.arms
        if arm.status != "verified" and not arm.twin
    ]
