"""Several tasks together: what holds over all of them, and where they disagree.

Differences are counted in each task's practical difference, so that points of accuracy and nats of
loss can stand side by side: 1 is the smallest difference that matters on that task. A task that was
run under several recipes counts once, as the mean over them: they share its data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from actlas.study import statistics
from actlas.study.analysis import Row
from actlas.study.arms import Arm
from actlas.study.statistics import Interval, JackKnife, Omnibus, Pair, Posterior, Verdict
from actlas.study.wording import listed

if TYPE_CHECKING:
    from actlas.study.result import TaskResult

NAMED = 4  # tasks: more are counted in the headline, not named
FEWEST_FOR_CHANCES = 3  # tasks: with two, nothing says how much tasks differ
_SURE = 0.95


@dataclass(frozen=True)
class Line:
    """One arm over all tasks; `rows` are those of the parts' tables.

    `gains` are the differences by task and seed, in practical differences; see `gains`.
    `interval` is the mean over tasks, in practical differences, with the hierarchical bootstrap:
    it speaks of tasks like these. `here` draws seeds only: it speaks of these tasks alone.
    `chances` are those of a new task. The reference has a rank only; the A/A arm has no rank.
    """

    arm: Arm
    rows: tuple[Row, ...]
    gains: tuple[tuple[float, ...], ...] = ()
    rank: float | None = None
    interval: Interval | None = None
    here: Interval | None = None
    pair: Pair | None = None
    chances: Posterior | None = None
    verdict: Verdict | None = None
    reason: str = ""


@dataclass(frozen=True)
class Across:
    """What a study says over its tasks: one line per arm, Friedman's test, and the answer.

    `tasks` are their names, each once; `parts` those of the columns, one for each task and recipe.
    `needed` is the number of tasks with which Wilcoxon's test, corrected, could say anything;
    `robustness` says whether the best mean rank survives without each function and each task, from
    3 tasks on.
    """

    tasks: tuple[str, ...]
    parts: tuple[str, ...]
    lines: tuple[Line, ...]
    noise_floor: float
    omnibus: Omnibus
    needed: int
    robustness: JackKnife | None
    headline: str

    @property
    def enough_tasks(self) -> bool:
        """Whether there are so many tasks that a test over tasks can confirm anything."""
        return len(self.tasks) >= self.needed


def compare_tasks(parts: Sequence[TaskResult]) -> Across:
    """Return what holds over several tasks.

    Args:
        parts: the results of at least 2 tasks, with the same arms.
    """
    generator = np.random.default_rng(0)
    tasks = {part.part.task: part.task.name for part in parts}
    reference, *others = _lines(parts)
    scores = mean_gains(others)
    ranks = [float(rank) for rank in statistics.average_ranks(scores)]
    pairs = statistics.pairwise_wilcoxon(scores, reference=0)
    floor = statistics.noise_floor([value for group in others[0].gains for value in group])
    needed = statistics.seeds_needed(len(others) - 1)
    lines = [replace(reference, rank=ranks[0]), _with_intervals(others[0], generator)]
    for found, rank, pair in zip(others[1:], ranks[1:], pairs, strict=True):
        line = _with_intervals(replace(found, rank=rank, pair=pair), generator)
        lines.append(_judged(line, floor, needed))
    names = tuple(part.label for part in parts)
    return Across(
        tasks=tuple(tasks.values()),
        parts=names,
        lines=tuple(lines),
        noise_floor=floor,
        omnibus=statistics.friedman(scores),
        needed=needed,
        robustness=_robustness(lines, scores, tuple(tasks.values())),
        headline=headline(lines, [part.task.title for part in parts]),
    )


def _lines(parts: Sequence[TaskResult]) -> list[Line]:
    """Return the rows of every arm, and what it gains; nothing is judged yet."""
    tasks = [part.part.task for part in parts]
    tables = zip(*(part.table for part in parts), strict=True)
    return [Line(rows[0].arm, rows, gains(rows, tasks)) for rows in tables]


def gains(rows: Sequence[Row], tasks: Sequence[str]) -> tuple[tuple[float, ...], ...]:
    """Return for every task the paired differences of an arm, in practical differences.

    Of a task that was run under several recipes it is their mean, seed by seed, so that it counts
    once; where an arm was stopped at different seeds, over those that all of them have.

    Args:
        rows: those of the arm, one for each part; the reference's give nothing.
        tasks: the task of each.
    """
    found: dict[str, list[np.ndarray]] = {}
    for row, task in zip(rows, tasks, strict=True):
        if row.difference is not None:
            values = np.array(row.difference.values) / row.difference.practical
            found.setdefault(task, []).append(values)
    return tuple(_mean_by_seed(group) for group in found.values())


def _mean_by_seed(several: Sequence[np.ndarray]) -> tuple[float, ...]:
    shared = min(map(len, several))
    return tuple(np.mean([values[:shared] for values in several], axis=0).tolist())


def mean_gains(lines: Sequence[Line]) -> np.ndarray:
    """Return tasks x functions, the reference first with 0.

    Args:
        lines: those of all arms but the reference, its second arm first.
    """
    others = [[float(np.mean(group)) for group in line.gains] for line in lines[1:]]
    return np.array([[0.0] * len(lines[0].gains), *others]).T


def _with_intervals(line: Line, generator: np.random.Generator) -> Line:
    values = [np.array(group) for group in line.gains]
    alike = statistics.mean_over_tasks(values)
    chances = None
    if len(values) >= FEWEST_FOR_CHANCES:
        chances = statistics.bayesian_hierarchical(values, 1.0, generator).next_task
    return replace(
        line,
        interval=statistics.hierarchical_interval(values, generator),
        here=statistics.stratified_interval(values, generator, statistic=alike),
        chances=chances,
    )


def _judged(line: Line, floor: float, needed: int) -> Line:
    verdict, reason = over_tasks(line, floor, needed)
    return replace(line, verdict=verdict, reason=reason)


def over_tasks(line: Line, floor: float, needed: int) -> tuple[Verdict, str]:
    """Return the verdict over tasks, with the reason in words.

    "Better" and "worse" need the interval over tasks, Wilcoxon's test with Holm's correction and
    the Bayesian model to agree, no task to say the opposite, and a mean above the noise floor.

    Args:
        line: with its intervals.
        floor: what chance alone does, in practical differences.
        needed: the fewest tasks with which the corrected test can pass.
    """
    interval, pair, tasks = line.interval, line.pair, len(line.gains)
    assert interval is not None
    assert pair is not None
    found = {row.verdict for row in line.rows}
    if {Verdict.BETTER, Verdict.WORSE} <= found:
        recipes = " or recipes" * (len(line.rows) > tasks)
        return Verdict.OPEN, f"the tasks{recipes} disagree"
    if -1 < interval.low and interval.high < 1 and not {Verdict.BETTER, Verdict.WORSE} & found:
        return Verdict.SAME, "the interval over tasks lies within ±1 practical difference"
    if interval.low <= 0 <= interval.high:
        return Verdict.OPEN, "the interval over tasks holds 0"
    if abs(interval.mean) <= floor:
        return Verdict.OPEN, "the difference is below the noise floor"
    if tasks < needed:
        return Verdict.OPEN, f"{tasks} tasks cannot pass the corrected test, {needed} could"
    if pair.p_holm >= 0.05:
        return Verdict.OPEN, "Wilcoxon's test does not confirm the interval"
    upwards = interval.low > 0
    chances = line.chances
    if chances is None or (chances.better if upwards else chances.worse) < _SURE:
        return Verdict.OPEN, "the chance of a new task does not confirm the interval"
    return Verdict.BETTER if upwards else Verdict.WORSE, "by every criterion"


def _robustness(
    lines: Sequence[Line], scores: np.ndarray, tasks: Sequence[str]
) -> JackKnife | None:
    """Return whether the best mean rank survives; None with too few tasks."""
    if len(tasks) < FEWEST_FOR_CHANCES:
        return None
    names = [line.arm.title for line in lines if not line.arm.twin]
    best = _first(scores, tuple(names))
    keep = names if len(names) == 2 else [best]
    return statistics.jack_knife(scores, names, tasks, _first, keep)


def _first(scores: np.ndarray, names: tuple[str, ...]) -> str:
    return names[int(np.argmin(statistics.average_ranks(scores)))]


# ---------------------------------------------------------------- in words

_PHRASES = {
    Verdict.BETTER: "better",
    Verdict.WORSE: "worse",
    Verdict.SAME: "practically the same",
    Verdict.OPEN: "undecided",
}


def headline(lines: Sequence[Line], names: Sequence[str], only: str = "") -> str:
    """Return the answer in one sentence; what differs from part to part is said part by part.

    Args:
        lines: one for each arm, the reference and its second arm first.
        names: what the parts are called; of one task alone, its recipes.
        only: its name, if there is one task alone.
    """
    groups: dict[tuple[Verdict | None, ...], list[Line]] = {}
    for line in lines[2:]:
        groups.setdefault((line.verdict, *(row.verdict for row in line.rows)), []).append(line)
    order = sorted(groups, key=lambda pattern: _interest(pattern[1:]))
    preposition = "with" if only else "on"
    clauses = [_clause(groups[pattern], names, preposition) for pattern in order]
    kind = "tasks" if len(lines[1].gains) == len(names) else "parts"
    named = listed(names) if len(names) <= NAMED else f"{len(names)} {kind}"
    return f"Compared with {lines[0].arm.title} on {only or named}: {'; '.join(clauses)}."


def _interest(verdicts: Sequence[Verdict | None]) -> int:
    """Return where a pattern of verdicts stands in the answer: what differs comes first."""
    order = list(_PHRASES)
    return min(order.index(verdict) for verdict in verdicts if verdict is not None)


def _clause(lines: Sequence[Line], tasks: Sequence[str], preposition: str) -> str:
    names = listed([line.arm.title for line in lines])
    verdict = lines[0].verdict
    if verdict in {Verdict.BETTER, Verdict.WORSE}:
        return f"{names} {_is(lines)} {verdict} over all of them"
    found = {
        kind: [task for task, row in zip(tasks, lines[0].rows, strict=True)
               if row.verdict is kind]
        for kind in _PHRASES
    }  # fmt: skip
    parts = [
        f"{_PHRASES[kind]} {preposition} {_places(places, len(tasks))}"
        for kind, places in found.items()
        if places
    ]
    return f"{names} {_is(lines)} {', '.join(parts)}"


def _is(lines: Sequence[Line]) -> str:
    return "are" if len(lines) > 1 else "is"


def _places(places: Sequence[str], tasks: int) -> str:
    if len(places) < tasks:
        return listed(places) if tasks <= NAMED else str(len(places))
    return "both" if tasks == 2 else f"all {tasks}"
