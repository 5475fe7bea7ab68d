"""The numbers of the report as plain tables: the same in HTML, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actlas.errors import ActlasError
from actlas.study import statistics
from actlas.study.across import Across, Line, mean_gains
from actlas.study.analysis import Row
from actlas.study.arms import Arm
from actlas.study.interaction import Change, Interaction
from actlas.study.report.budgets import orders
from actlas.study.report.candidates import in_words
from actlas.study.result import Result, TaskResult
from actlas.study.settings import said
from actlas.study.wording import Figures, chances, multiple, p_value

NONE = "-"


@dataclass(frozen=True)
class Sheet:
    """A table in plain text; the first column names the row."""

    title: str
    note: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def name_of(arm: Arm) -> str:
    """Return a function's title with what must be known of it."""
    return arm.title + " (A/A)" * arm.twin + f" [{arm.status}]" * (arm.status != "verified")


def figures_of(part: TaskResult) -> Figures:
    """Return how numbers of a task are written."""
    return Figures(part.plan.practical_difference or 1.0)


def verdict_of(row: Row | Line) -> str:
    """Return the verdict in words; the reference and its second arm have a part to play instead."""
    if row.verdict is None:
        return "noise floor" if row.arm.twin else "reference"
    return row.verdict.value


def comparison(part: TaskResult) -> Sheet:
    """Return the main table of a task."""
    figures, metric = figures_of(part), part.task.metric
    rows = [(name_of(row.arm), verdict_of(row), *_difference(row, figures),
             figures.score(row.score.mean), figures.span(row.score),
             said(row.tuning.setting, part.plan)) for row in part.table]  # fmt: skip
    return Sheet(
        f"The comparison on {part.task.title}",
        f"Test {metric.name} in {metric.unit}; difference to {part.arms[0].title}, positive = "
        f"better; differences below {part.plan.practical_difference:g} do not matter; noise floor "
        f"{figures.score(part.analysis.noise_floor)}. Chances in percent: worse / practically the "
        f"same / better. {in_words(part)}".rstrip(),
        ("function", "verdict", "difference", "interval", "d", "p (Holm)", "chances",
         metric.name, "95 % interval", "setting" if part.plan.search == "joint" else "rate"),
        tuple(rows),
    )  # fmt: skip


def _difference(row: Row, figures: Figures) -> tuple[str, ...]:
    found = row.difference
    if found is None:
        return (NONE,) * 5
    p = found.p if found.p_holm is None else found.p_holm
    interval = found.interval
    return (figures.change(interval.mean), figures.change_span(interval),
            multiple(found.effect_size), p_value(p), chances(found.chances))  # fmt: skip


def methods(part: TaskResult) -> Sheet:
    """Return what other methods say of the same differences, and how many seeds would do."""
    rows = [(name_of(row.arm), *_other_methods(row, part)) for row in part.table[1:]]
    return Sheet(
        f"Other methods on {part.task.title}",
        "The same differences without a normal distribution (BCa bootstrap, sign flips, "
        "Wilcoxon), how often a run beats one of the reference, and how many seeds would find a "
        f"difference of {part.plan.practical_difference:g} {part.task.metric.unit} in four studies "
        "of five.",
        ("function", "Student's t", "BCa bootstrap", "p (sign flips)", "p (Wilcoxon)",
         "wins", "seeds that would do"),
        tuple(rows),
    )  # fmt: skip


def _other_methods(row: Row, part: TaskResult) -> tuple[str, ...]:
    found, figures = row.difference, figures_of(part)
    assert found is not None
    sign = part.task.metric.sign
    reference = sign * np.array(part.table[0].scores)
    wins = statistics.probability_of_improvement(sign * np.array(row.scores), reference)
    bootstrap = NONE if found.bootstrap is None else figures.change_span(found.bootstrap)
    wilcoxon = NONE if found.p is None else p_value(statistics.wilcoxon(found.values).p)
    return (figures.change_span(found.interval), bootstrap, p_value(found.p), wilcoxon,
            f"{100 * wins:.0f} %", _seeds_that_would_do(row))  # fmt: skip


def _seeds_that_would_do(row: Row) -> str:
    found = row.difference
    assert found is not None
    try:
        deviation = float(np.std(found.values, ddof=1))
        return str(statistics.seeds_for(found.practical, deviation))
    except ActlasError:
        return NONE


def shorter(part: TaskResult) -> Sheet:
    """Return what a shorter training would have said; no rows where there is nothing to rank."""
    rows = [(f"{found.epochs} epochs", f"{found.agreement:+.2f}", ", ".join(found.names))
            for found in orders(part)]  # fmt: skip
    return Sheet(
        f"A shorter training on {part.task.title}",
        "Exploratory: the order of the functions by their best validation score so far, and how "
        "far it agrees with the order at the end (Kendall's tau: 1 the same, 0 unrelated, -1 "
        "reversed). Functions that make no difference change places by chance.",
        ("after", "agreement", "order, the best first"),
        tuple(rows),
    )


# ---------------------------------------------------------------- over tasks


def heat(result: Result) -> Sheet:
    """Return functions x parts: the mean difference, its interval, the verdict."""
    rows = [(name_of(rows[0].arm), *map(_heat_cell, rows)) for rows in result.rows[1:]]
    return Sheet(
        "Function by task" + " and recipe" * (result.interaction is not None),
        f"Difference to {result.arms[0].title} in the unit of each task, with its interval; "
        "positive = better.",
        ("function", *(part.label for part in result.parts)),
        tuple(rows),
    )


def _heat_cell(row: Row) -> str:
    found = row.difference
    assert found is not None
    figures = Figures(found.practical)
    ends = f"{figures.change(found.interval.low)} to {figures.change(found.interval.high)}"
    return f"{figures.change(found.interval.mean)} ({ends}), {verdict_of(row)}"


def over_tasks(across: Across) -> Sheet:
    """Return what holds over all tasks, in practical differences."""
    once = " A task counts once, as the mean over its recipes."
    return Sheet(
        "Over all tasks",
        "Mean difference over the tasks, counted in each one's practical difference. The first "
        "interval draws tasks and seeds (tasks like these), the second seeds only (these tasks)."
        + once * (len(across.parts) > len(across.tasks)),
        ("function", "verdict", "mean", "tasks like these", "these tasks", "mean rank",
         "wins : losses", "p (Wilcoxon, Holm)", "chances on a new task"),
        tuple(_line(line) for line in across.lines),
    )  # fmt: skip


def _line(line: Line) -> tuple[str, ...]:
    figures = Figures(1.0)
    spans = [
        NONE if one is None else figures.change_span(one) for one in (line.interval, line.here)
    ]
    pair = (NONE, NONE)
    if line.pair is not None:
        pair = (f"{line.pair.wins} : {line.pair.losses}", p_value(line.pair.p_holm))
    return (
        name_of(line.arm),
        verdict_of(line),
        NONE if line.interval is None else figures.change(line.interval.mean),
        *spans,
        NONE if line.rank is None else f"{line.rank:.2f}",
        *pair,
        NONE if line.chances is None else chances(line.chances),
    )


def changes(interaction: Interaction) -> Sheet:
    """Return what each change of the recipe does to each function."""
    return Sheet(
        "What the recipe changes",
        "By how much the difference to the reference is larger with one recipe than with another, "
        "seed by seed, in the unit of the task; positive = the function gains more. The intervals "
        "of a task hold together at 95 %; of several keys, the mean over the others.",
        ("function", "on", "recipe", "verdicts before", "verdicts after", "change", "interval",
         "reading"),
        tuple(_change(change) for change in interaction.changes),
    )  # fmt: skip


def _change(change: Change) -> tuple[str, ...]:
    figures = Figures(change.practical)
    verdicts = [dict.fromkeys(map(verdict_of, rows)) for rows in zip(*change.rows, strict=True)]
    return (name_of(change.arm), change.task, change.recipe, *map(" or ".join, verdicts),
            f"{figures.change(change.interval.mean)} {change.unit}",
            figures.change_span(change.interval), change.reading)  # fmt: skip


def remarks(across: Across) -> list[str]:
    """Return what the tests over tasks say, and what they cannot say."""
    tasks, functions = len(across.tasks), len(across.lines) - 1
    said = [
        f"Friedman's test that all {functions} functions rank alike: "
        f"p = {p_value(across.omnibus.p)}."
    ]
    if not across.enough_tasks:
        said.append(
            f"With {tasks} tasks and {functions - 1} comparisons Wilcoxon's test with Holm's "
            f"correction cannot reach 0.05, so no function can be called better over all tasks; "
            f"{across.needed} tasks could."
        )
    if across.robustness is None:
        said.append(
            "Leaving out a task and the chances on a new one need at least 3 tasks; here there "
            f"are {tasks}."
        )
    elif across.robustness.survives:
        said.append(
            f"{across.robustness.conclusion} has the best mean rank, whichever task or other "
            "function is left out."
        )
    else:
        breakers = ", ".join(across.robustness.breakers)
        said.append(
            f"{across.robustness.conclusion} has the best mean rank, but not without {breakers}."
        )
    return said


def scores_of(lines: Sequence[Line]) -> tuple[np.ndarray, list[str]]:
    """Return tasks x functions, mean gains, and the names: for the picture of ranks."""
    ranked = [line for line in lines if line.rank is not None]
    return mean_gains(lines[1:]), [line.arm.title for line in ranked]
