"""Does the reference reach what others report for the data? The same words in every form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actlas.study.report.content import figures_of

if TYPE_CHECKING:
    from actlas.study.result import TaskResult


def reached(part: TaskResult) -> bool | None:
    """Return whether the reference's mean test score reaches the published one; None without one.

    `Published.reached_by` has the rule.
    """
    published = part.task.published
    if published is None:
        return None
    return published.reached_by(part.table[0].score.mean, part.task.metric)


def missed(part: TaskResult) -> list[str]:
    """Return what a study cannot say of a task on which the reference stays behind."""
    if reached(part) is not False:
        return []
    return [f"{_scores(part)}: the study says little about well-trained networks."]


def told(part: TaskResult) -> str:
    """Return how the reference stands to the published score, for the details of a report."""
    if part.task.published is None:
        return "none is known for these data and this metric"
    return _scores(part) if reached(part) else "not reached, see what the study cannot say"


def _scores(part: TaskResult) -> str:
    published, metric = part.task.published, part.task.metric
    assert published is not None
    found = figures_of(part).score(part.table[0].score.mean)
    under = "".join(f", {value}" for value in part.part.recipe.values())
    return (
        f"{part.arms[0].title}{under} reaches a mean test {metric.name} of {found} {metric.unit}, "
        f"{published.score:g} are published ({published.origin})"
    )
