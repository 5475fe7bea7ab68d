"""Small multiples: one panel per function on common axes, the reference in grey behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from actlas.study.analysis import Row
from actlas.study.arms import Arm
from actlas.study.report.charts import Frame, panel
from actlas.study.report.markup import Markup, element, join
from actlas.study.report.search_sheet import basin_in_words, basin_of, rates_of
from actlas.study.report.tables import arm_name
from actlas.study.settings import said
from actlas.study.training import Record

if TYPE_CHECKING:
    from actlas.study.result import TaskResult

_BAND = (10, 90)  # percent of the runs


class OfArm(Protocol):
    """What a panel shows: something about one arm."""

    @property
    def arm(self) -> Arm:
        """Whose it is."""


Shown = TypeVar("Shown", bound=OfArm)


def grid_of(
    rows: Sequence[Shown], draw: Callable[[Shown], Markup], note: Callable[[Shown], str]
) -> Markup:
    """Return the panels of all rows side by side, each with its name and a line of text."""
    figures = [
        element(
            "figure",
            element("figcaption", element("b", arm_name(row.arm)), element("small", note(row))),
            draw(row),
        )
        for row in rows
    ]
    return element("div", *figures, class_="panels")


def curves(part: TaskResult) -> Markup:
    """Return the learning curves on the validation set."""
    by_label = {
        row.arm.label: validation_curves(part.outcome.confirmations[row.arm.label])
        for row in part.table
    }
    reference = by_label[part.table[0].arm.label]
    epochs = np.arange(1, reference.shape[1] + 1)
    span = curve_range(list(by_label.values()), part.task.metric.sign)
    frame = Frame.of((1, max(len(epochs), 2)), span, whole_x=True)

    def draw(row: Row) -> Markup:
        values = by_label[row.arm.label]
        low, high = middle_runs(values)
        marks = (
            frame.line(epochs, mean_curve(reference), "reference"),
            frame.band(epochs, low, high),
            frame.line(epochs, mean_curve(values), "main"),
        )
        return panel(frame, *marks, label=f"{row.arm.label}: learning curve", x_label="epoch")

    def note(row: Row) -> str:
        records = part.outcome.confirmations[row.arm.label]
        epochs = [record.best_epoch + 1 for record in records if not record.diverged]
        return f"best epoch: {np.median(epochs):g} (median)" if epochs else "no run came to an end"

    return grid_of(part.table, draw, note)


def validation_curves(records: Sequence[Record]) -> np.ndarray:
    """Return validation scores (runs, epochs); a run that diverged ends in NaN."""
    length = max(record.spec.epochs for record in records)
    padded = [
        [*record.validation_curve, *[np.nan] * (length - len(record.validation_curve))]
        for record in records
    ]
    return np.array(padded, dtype=float)


def mean_curve(values: np.ndarray) -> np.ndarray:
    """Return the mean over the runs that reached each epoch, NaN where none did."""
    reached = np.isfinite(values).sum(axis=0)
    return np.where(reached > 0, np.nansum(values, axis=0) / np.maximum(reached, 1), np.nan)


def middle_runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the band; the mean stands in for epochs that a run did not reach."""
    low, high = np.percentile(
        np.where(np.isfinite(values), values, mean_curve(values)), _BAND, axis=0
    )
    return low, high


def curve_range(curves: Sequence[np.ndarray], sign: int) -> tuple[float, float]:
    """Return a range that shows the later part of the curves and leaves out their steep start.

    Args:
        curves: runs x epochs for every arm.
        sign: +1 where more is better, else -1: the worst 2 % are left out.
    """
    late = [mean_curve(values)[values.shape[1] // 6 :] for values in curves]
    bands = [end[len(end) // 3 :] for values in curves for end in middle_runs(values)]
    shown = np.concatenate([*late, *bands])
    shown = shown[np.isfinite(shown)]
    if not len(shown):
        return 0.0, 1.0
    low, high = np.percentile(shown, (2, 100) if sign > 0 else (0, 98))
    margin = 0.08 * (high - low) or 1.0
    return float(low - margin), float(high + margin)


def rates(part: TaskResult) -> Markup:
    """Return the validation score against the learning rate, with the basin shaded.

    Points of a joint search are not joined: they differ in more than the rate.
    """
    metric, joint = part.task.metric, part.plan.search == "joint"
    scores = {row.arm.label: row.tuning.scores for row in part.table}
    reference = scores[part.table[0].arm.label]
    grid = rates_of(part)
    shown = [*scores.values(), *(row.tuning.short for row in part.table if row.tuning.short)]
    span = rate_range(shown, metric.sign)
    frame = Frame.of((grid[0] / 1.6, grid[-1] * 1.6), span, log_x=True)

    def draw(row: Row) -> Markup:
        own = scores[row.arm.label]
        dots = [
            frame.dot(rate, score, "chosen" if rate == row.tuning.learning_rate else "tried",
                      f"rate {rate:g}: {score:.4g}")
            for rate, score in own.items()
        ]  # fmt: skip
        found, short = basin_of(row, part), row.tuning.short
        lines = (
            frame.line(list(reference), list(reference.values()), "reference"),
            frame.line(list(short), list(short.values()), "short"),
            frame.line(list(own), list(own.values()), "main"),
        )
        early = join(*(frame.dot(rate, score, "early", f"rate {rate:g}: {score:.4g}, a short run")
                       for rate, score in short.items()))  # fmt: skip
        marks = (frame.span(found.low, found.high, "basin"), *((early,) if joint else lines))
        label = f"{row.arm.label}: validation score by learning rate"
        return panel(frame, *marks, *dots, label=label, x_label="learning rate")

    def note(row: Row) -> str:
        edge = f", the {row.tuning.edge} tried" if row.tuning.edge else ""
        width = basin_in_words(basin_of(row, part))
        return f"chosen {said(row.tuning.setting, part.plan)}{edge}; basin {width}"

    return grid_of(part.table, draw, note)


def rate_range(scores: Sequence[Mapping[float, float]], sign: int) -> tuple[float, float]:
    """Return a range around the better half of the scores: the worst rates may lie far off.

    Args:
        scores: by learning rate, for every arm.
        sign: +1 where more is better, else -1.
    """
    values = sign * np.array([value for own in scores for value in own.values()], dtype=float)
    best, middle = np.max(values), np.median(values)
    low = max(np.min(values), best - 4 * max(best - middle, 1e-9))
    margin = 0.12 * (best - low) or 1.0
    ends = sorted((sign * float(low - margin), sign * float(best + margin)))
    return ends[0], ends[1]
