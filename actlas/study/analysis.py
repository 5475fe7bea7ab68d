"""From finished runs to the table: one row per arm, and the headline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from actlas.study import judging, statistics
from actlas.study.arms import Arm
from actlas.study.experiment import Outcome
from actlas.study.plan import Plan
from actlas.study.statistics import Interval, Posterior, Verdict
from actlas.study.tasks import Task
from actlas.study.tuning import Tuning
from actlas.study.wording import Figures, listed


@dataclass(frozen=True)
class Difference:
    """How an arm differs from the reference, seed by seed; positive means better.

    `practical` is what is too small to matter. `chances` come from the Bayesian t-test with that
    as region of equivalence. An adaptive study judges by its intervals alone: its p-values and its
    bootstrap interval (BCa) would not hold over all looks.
    """

    values: tuple[float, ...]
    practical: float
    interval: Interval
    chances: Posterior
    bootstrap: Interval | None
    effect_size: float | None
    noise_floors: float | None
    p: float | None
    p_holm: float | None


@dataclass(frozen=True)
class Row:
    """One arm of the table.

    `scores` are the test scores in the order of the plan's seeds. The reference has no
    difference; the noise floor's row has one, but no verdict.
    """

    arm: Arm
    tuning: Tuning
    scores: tuple[float, ...]
    score: Interval
    diverged: int
    difference: Difference | None = None
    verdict: Verdict | None = None
    reason: str = ""


@dataclass(frozen=True)
class Analysis:
    """The table of a study, its noise floor in the metric's unit, and its answer in a sentence."""

    rows: tuple[Row, ...]
    noise_floor: float
    headline: str


def analyse(plan: Plan, task: Task, arms: Sequence[Arm], outcome: Outcome) -> Analysis:
    """Return the table of a finished study.

    Args:
        plan: the resolved plan.
        task: gives the metric and its direction.
        arms: the reference, its twin, then the others.
        outcome: the runs by the arms' labels.
    """
    scores = {arm.label: _test_scores(outcome, arm) for arm in arms}
    reference, twin, *others = arms
    improvements = {
        arm.label: task.metric.sign
        * (scores[arm.label] - scores[reference.label][: len(scores[arm.label])])
        for arm in (twin, *others)
    }
    floor = statistics.noise_floor(improvements[twin.label].tolist())
    differences = _differences(improvements, [arm.label for arm in others], floor, plan)
    judged = {
        arm.label: _judged(
            improvements[arm.label], improvements[twin.label], differences[arm.label], plan, others
        )
        for arm in others
    }
    rows = tuple(_row(arm, scores, differences, judged, outcome) for arm in arms)
    figures = Figures(plan.practical_difference or 1.0)
    return Analysis(rows, floor, headline(rows, task, figures))


def _test_scores(outcome: Outcome, arm: Arm) -> np.ndarray:
    return np.array([record.test for record in outcome.confirmations[arm.label]], dtype=float)


def _differences(
    improvements: Mapping[str, np.ndarray], family: Sequence[str], floor: float, plan: Plan
) -> dict[str, Difference]:
    """Return the differences by label; Holm's correction is over `family`, without the A/A arm."""
    generator = np.random.default_rng(0)
    p = {label: statistics.sign_flip_p(values, generator) for label, values in improvements.items()}
    corrected = dict(zip(family, statistics.holm([p[label] for label in family]), strict=True))
    practical = plan.practical_difference or 0.0
    found = {}
    for label, values in improvements.items():
        single = label not in family  # the A/A arm is compared with nothing
        interval = (
            statistics.mean_interval(values)
            if single
            else judging.interval(values, plan, len(family))
        )
        fixed = single or plan.design == "fixed"
        found[label] = Difference(
            values=tuple(values.tolist()),
            practical=practical,
            interval=interval,
            chances=statistics.correlated_t(values, practical),
            bootstrap=statistics.bootstrap_interval(values, generator) if fixed else None,
            effect_size=statistics.cohen_dz(values),
            noise_floors=interval.mean / floor if floor > 0 else None,
            p=p[label] if fixed else None,
            p_holm=corrected.get(label) if plan.design == "fixed" else None,
        )
    return found


def _judged(
    values: np.ndarray, twin: np.ndarray, difference: Difference, plan: Plan, others: Sequence[Arm]
) -> tuple[Verdict, str]:
    found, reason = judging.verdict(values, twin, plan, len(others), difference.p_holm or 0.0)
    small = abs(difference.interval.mean) < difference.practical
    if small and found in (Verdict.BETTER, Verdict.WORSE):
        reason += f"; the mean is smaller than the {difference.practical:g} that matters"
    return found, reason


def _row(
    arm: Arm,
    scores: Mapping[str, np.ndarray],
    differences: Mapping[str, Difference],
    judged: Mapping[str, tuple[Verdict, str]],
    outcome: Outcome,
) -> Row:
    verdict, reason = judged.get(arm.label, (None, ""))
    return Row(
        arm=arm,
        tuning=outcome.tunings[arm.label],
        scores=tuple(scores[arm.label].tolist()),
        score=statistics.mean_interval(scores[arm.label].tolist()),
        diverged=sum(record.diverged for record in outcome.confirmations[arm.label]),
        difference=differences.get(arm.label),
        verdict=verdict,
        reason=reason,
    )


def headline(rows: Sequence[Row], task: Task, figures: Figures) -> str:
    """Return the study's answer in one sentence."""
    better, worse, same, undecided = (
        [row for row in rows if row.verdict is verdict]
        for verdict in (Verdict.BETTER, Verdict.WORSE, Verdict.SAME, Verdict.OPEN)
    )
    reference = rows[0].arm.title
    if not (better or worse or undecided):
        return f"On {task.title}, {_names(same)} and {reference} make no practical difference."
    parts = [f"no function is shown to be better than {reference}"]
    if better:
        changes = _with_changes(better, task, figures)
        parts = [f"{changes} {_verb(better, 'is', 'are')} better than {reference}"]
    if worse:
        parts.append(f"{_with_changes(worse, task, figures)} {_verb(worse, 'is', 'are')} worse")
    if same:
        parts.append(f"{_names(same)} {_verb(same, 'makes', 'make')} no practical difference")
    if undecided:
        parts.append(f"{_names(undecided)} {_verb(undecided, 'remains', 'remain')} undecided")
    return f"On {task.title}, {'; '.join(parts)}."


def _verb(rows: Sequence[Row], singular: str, plural: str) -> str:
    return plural if len(rows) > 1 else singular


def _names(rows: Sequence[Row]) -> str:
    return listed([row.arm.title for row in rows])


def _with_changes(rows: Sequence[Row], task: Task, figures: Figures) -> str:
    changes = [row.difference.interval.mean for row in rows if row.difference]
    return listed(
        [
            f"{row.arm.title} ({figures.change(change)} {task.metric.unit})"
            for row, change in zip(rows, changes, strict=True)
        ]
    )
