"""Function by recipe: what another optimiser, start or schedule does to a function's gain.

A study that runs a task under several recipes asks whether a verdict is about the function or about
the recipe. Seeds are paired over recipes as they are over functions: one seed is the same batches,
and the same start numbers wherever recipes draw them alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from actlas.study import statistics
from actlas.study.across import Line, headline
from actlas.study.analysis import Row
from actlas.study.arms import Arm
from actlas.study.statistics import Interval, Verdict
from actlas.study.statistics.intervals import tail_interval
from actlas.study.wording import listed

if TYPE_CHECKING:
    from actlas.study.result import TaskResult


_RANKED = 3  # functions from which on an order says something


@dataclass(frozen=True)
class Change:
    """What `after` in place of `before` does to a function's difference to the reference on a task.

    `interval` is that of the paired change in the metric's unit, the mean over the other keys of
    the recipe; positive means that the function gains more. The intervals of a task hold together
    at 95 %. `rows` are the function's rows before and after, one pair for each recipe that differs
    in `key` alone. The A/A arm has no verdict: it shows what chance does.
    """

    task: str
    unit: str
    key: str
    before: str
    after: str
    rows: tuple[tuple[Row, Row], ...]
    practical: float
    interval: Interval
    floor: float
    verdict: Verdict | None = None
    reason: str = ""

    @property
    def arm(self) -> Arm:
        """The function."""
        return self.rows[0][0].arm

    @property
    def recipe(self) -> str:
        """The change itself, in words."""
        return f"{self.after} instead of {self.before}"

    @property
    def reading(self) -> str:
        """What the change does to the function, in words."""
        return _READINGS[self.verdict]


# "Better" is that the function gains more after the change.
_READINGS = {
    Verdict.BETTER: "gains more",
    Verdict.WORSE: "gains less",
    Verdict.SAME: "no practical change",
    Verdict.OPEN: "undecided",
    None: "noise floor",
}


@dataclass(frozen=True)
class Interaction:
    """What recipes change: each change for each function, and what holds under all of them.

    `verdicts` are by function and speak of a study of one task: the verdict that all recipes give,
    "undecided" where they differ. `remarks` say on which functions the verdict differs, and
    for which more than that is shown.
    """

    changes: tuple[Change, ...]
    verdicts: Mapping[str, Verdict]
    remarks: tuple[str, ...]
    headline: str


@dataclass(frozen=True)
class _Contrast:
    """Two values of a key, and the parts that differ in it alone, by their places."""

    key: str
    before: str
    after: str
    pairs: tuple[tuple[int, int], ...]


def compare_recipes(parts: Sequence[TaskResult]) -> Interaction | None:
    """Return what the recipes change; None where every task was run under one.

    Args:
        parts: all of a study.
    """
    tasks: dict[str, list[TaskResult]] = {}
    for part in parts:
        tasks.setdefault(part.part.task, []).append(part)
    crossed = [group for group in tasks.values() if len(group) > 1]
    if not crossed:
        return None
    only = parts[0].task.name if len(tasks) == 1 else ""
    names = [part.part.values if only else part.label for part in parts]
    lines = [Line(rows[0].arm, rows) for rows in zip(*(part.table for part in parts), strict=True)]
    changes = [tuple(_changes(group)) for group in crossed]
    return Interaction(
        changes=tuple(change for own in changes for change in own),
        verdicts={line.arm.label: under_all(line.rows) for line in lines[2:]},
        remarks=tuple(map(_remark, crossed, changes)),
        headline=headline(lines, names, only),
    )


def under_all(rows: Sequence[Row]) -> Verdict:
    """Return the verdict that holds under every recipe: the common one, or that there is none."""
    found = {row.verdict for row in rows}
    only = found.pop()
    return Verdict.OPEN if found or only is None else only


def _changes(group: Sequence[TaskResult]) -> Iterator[Change]:
    """Yield every change of the recipe on one task, for every arm but the reference."""
    contrasts = list(_contrasts([part.part.recipe for part in group]))
    twin, *others = list(zip(*(part.table for part in group), strict=True))[1:]
    tail = 0.05 / (len(others) * len(contrasts))
    for contrast in contrasts:
        chance = change_of(twin, contrast.pairs)
        for rows in (twin, *others):
            values = change_of(rows, contrast.pairs)
            floor = statistics.noise_floor(chance[: len(values)])
            change = Change(
                task=group[0].task.name, unit=group[0].task.metric.unit, key=contrast.key,
                before=contrast.before, after=contrast.after,
                rows=tuple((rows[one], rows[other]) for one, other in contrast.pairs),
                practical=group[0].plan.practical_difference or 0.0,
                interval=tail_interval(values, tail), floor=floor,
            )  # fmt: skip
            yield change if rows is twin else _judged(change, len(values))


def _contrasts(recipes: Sequence[Mapping[str, str]]) -> Iterator[_Contrast]:
    """Yield for every key its first value against each other one.

    >>> recipes = [{"optimizer": one, "initialisation": other} for one in ("sgd", "adamw")
    ...            for other in ("own gain", "framework")]
    >>> [(found.after, found.pairs) for found in _contrasts(recipes)]
    [('adamw', ((0, 2), (1, 3))), ('framework', ((0, 1), (2, 3)))]
    """
    for key in recipes[0]:
        before, *others = dict.fromkeys(recipe[key] for recipe in recipes)
        for after in others:
            pairs = tuple(
                (recipes.index({**recipe, key: before}), place)
                for place, recipe in enumerate(recipes)
                if recipe[key] == after
            )
            yield _Contrast(key, before, after, pairs)


def change_of(rows: Sequence[Row], pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Return by how much an arm gains more after the change, seed by seed, in the metric's unit.

    Args:
        rows: those of the arm, one for each recipe.
        pairs: the places before and after the change; their mean is taken, over the seeds that all
            of them have.
    """
    values = [row.difference.values if row.difference else () for row in rows]
    shared = min(len(values[place]) for pair in pairs for place in pair)
    found = [np.subtract(values[b][:shared], values[a][:shared]) for a, b in pairs]
    return np.mean(found, axis=0)  # type: ignore[no-any-return]


def _judged(change: Change, seeds: int) -> Change:
    """Return the change with its verdict.

    The interval is corrected for the number of changes already, so no further test is asked.
    """
    verdict, reason = statistics.decide(
        change.interval, 0.0, practical=change.practical, floor=change.floor, seeds=seeds, needed=0
    )
    reason = "the interval excludes 0" if reason == "by every criterion" else reason
    return replace(change, verdict=verdict, reason=reason)


def _remark(group: Sequence[TaskResult], changes: Sequence[Change]) -> str:
    """Say on which functions the verdict differs, and for which a change of the gain is shown."""
    tables = list(zip(*(part.table for part in group), strict=True))[2:]
    other = [rows[0].arm.title for rows in tables if len({row.verdict for row in rows}) > 1]
    same = [rows[0].arm.title for rows in tables if rows[0].arm.title not in other]
    said = "every function is the same under all recipes"
    if other:
        rest = f", on {listed(same)} it is" if same else ""
        said = f"{listed(other)} is not the same under all recipes{rest}"
    found = [one.arm.title for one in changes if one.verdict in (Verdict.BETTER, Verdict.WORSE)]
    shown = listed(list(dict.fromkeys(found))) if found else "none"
    return (
        f"On {group[0].task.name} the verdict on {said}. That a recipe changes what a function "
        f"gains is shown for {shown}. {_agreements(group)}"
    ).rstrip()


def _agreements(group: Sequence[TaskResult]) -> str:
    """Say how far the order of the functions by their scores is the same under two recipes."""
    scores = [[row.score.mean for row in part.table if not row.arm.twin] for part in group]
    if len(scores[0]) < _RANKED:
        return ""
    said = []
    for contrast in _contrasts([part.part.recipe for part in group]):
        taus = [statistics.rank_correlation(scores[a], scores[b]) for a, b in contrast.pairs]
        said.append(f"{np.mean(taus):+.2f} ({contrast.after} and {contrast.before})")
    return f"The orders of the functions agree with Kendall's tau {listed(said)}."
