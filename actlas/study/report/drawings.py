"""What the figures show, drawn on a matplotlib figure that is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from actlas.study.aggregates import Aggregate
from actlas.study.analysis import Row
from actlas.study.report.cost_chart import Point, points, spread
from actlas.study.report.panels import (
    OfArm,
    Shown,
    curve_range,
    mean_curve,
    middle_runs,
    rate_range,
    validation_curves,
)
from actlas.study.report.profiles import AXIS
from actlas.study.report.search_sheet import basin_of, rates_of
from actlas.study.statistics import Verdict
from actlas.study.wording import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from actlas.study.result import Result, TaskResult

# Okabe and Ito's colours: told apart with any kind of colour vision
_COLOURS = {Verdict.BETTER: "#009E73", Verdict.WORSE: "#D55E00", Verdict.SAME: "#0072B2",
            Verdict.OPEN: "#E69F00", None: "#777777"}  # fmt: skip
_MAIN, _GREY, _BAND = "#0072B2", "#9a9a9a", "#e3eef4"
_COLUMNS, _PANEL = 3, (2.5, 1.9)  # small multiples: in a row, inches
_MOST_TICKS = 7  # rates that can be named below a small panel
_LETTERS = 26  # of a name: as many as fit above a panel


def intervals(figure: Figure, part: TaskResult) -> None:
    """Draw the difference of every arm to the reference, with its interval."""
    rows = [row for row in part.table if row.difference is not None]
    figure.set_size_inches(5.6, 0.9 + 0.34 * len(rows))
    axes = figure.subplots()
    practical, floor = part.plan.practical_difference or 0.0, part.analysis.noise_floor
    axes.axvspan(-practical, practical, color=_BAND, zorder=0)
    axes.axvline(0.0, color=_GREY, linewidth=0.8)
    for end in (-floor, floor):
        axes.axvline(end, color=_GREY, linewidth=0.8, linestyle=":")
    for place, row in enumerate(reversed(rows)):
        _interval(axes, row, place)
    axes.set_yticks(range(len(rows)), [_name(row) for row in reversed(rows)])
    unit = part.task.metric.unit
    axes.set_xlabel(f"difference to {part.arms[0].title}, {unit}; right is better")
    axes.set_title(part.task.title, loc="left")


def _interval(axes: Axes, row: Row, place: int) -> None:
    found = row.difference
    assert found is not None
    span, colour = found.interval, _COLOURS[row.verdict]
    axes.plot([span.low, span.high], [place, place], color=colour, linewidth=2)
    axes.plot([span.mean], [place], "o", color=colour, markersize=5)


def _name(row: OfArm) -> str:
    return shortened(row.arm.title, _LETTERS) + " (A/A)" * row.arm.twin


def curves(figure: Figure, part: TaskResult) -> None:
    """Draw the validation curves: mean and the middle 80 % of the runs."""
    found = {
        row.arm.label: validation_curves(part.outcome.confirmations[row.arm.label])
        for row in part.table
    }
    reference = next(iter(found.values()))
    epochs = np.arange(1, reference.shape[1] + 1)
    span = curve_range(list(found.values()), part.task.metric.sign)

    def draw(axes: Axes, row: Row) -> None:
        values = found[row.arm.label]
        axes.plot(epochs, mean_curve(reference), color=_GREY, linewidth=1)
        axes.fill_between(epochs, *middle_runs(values), color=_MAIN, alpha=0.18, linewidth=0)
        axes.plot(epochs, mean_curve(values), color=_MAIN)
        axes.set_ylim(*span)
        axes.locator_params(axis="x", integer=True)

    _multiples(figure, part.table, draw, "epoch", f"validation {part.task.metric.name}")


def rates(figure: Figure, part: TaskResult) -> None:
    """Draw the validation score by learning rate, with the basin shaded.

    Points of a joint search are not joined: they differ in more than the rate.
    """
    main, early, grey = ("o", ".", "none") if part.plan.search == "joint" else ("o-", ":", "-")
    scores, grid = [row.tuning.scores for row in part.table], rates_of(part)
    short = [row.tuning.short for row in part.table if row.tuning.short]
    span = rate_range([*scores, *short], part.task.metric.sign)

    def draw(axes: Axes, row: Row) -> None:
        own, basin = row.tuning.scores, basin_of(row, part)
        axes.axvspan(basin.low, basin.high, color=_BAND, zorder=0)
        axes.plot(list(scores[0]), list(scores[0].values()), color=_GREY, lw=1, linestyle=grey)
        tried = row.tuning.short
        axes.plot(list(tried), list(tried.values()), early, color=_MAIN, linewidth=1)
        axes.plot(list(own), list(own.values()), main, color=_MAIN, markersize=3)
        chosen = row.tuning.learning_rate
        axes.plot([chosen], [own[chosen]], "o", color=_MAIN, markersize=7, fillstyle="none")
        axes.set_xscale("log")
        shown = [grid[0], grid[-1]] if len(grid) > _MOST_TICKS else grid
        axes.set_xticks(shown, [f"{rate:g}" for rate in shown])
        axes.minorticks_off()
        axes.set_ylim(*span)

    _multiples(figure, part.table, draw, "learning rate", f"validation {part.task.metric.name}")


def _multiples(
    figure: Figure, rows: Sequence[Shown], draw: Callable[[Any, Shown], None], x: str, y: str
) -> None:
    """Draw one small panel for each arm."""
    lines = -(-len(rows) // _COLUMNS)
    figure.set_size_inches(_PANEL[0] * _COLUMNS, _PANEL[1] * lines)
    panels = figure.subplots(lines, _COLUMNS, squeeze=False).ravel()
    for axes, row in zip(panels, rows, strict=False):
        draw(axes, row)
        axes.set_title(_name(row), loc="left")
    for axes in panels[len(rows) :]:
        axes.set_axis_off()
    figure.supxlabel(x, fontsize=9)
    figure.supylabel(y, fontsize=9)


def cost(figure: Figure, part: TaskResult) -> None:
    """Draw the difference to the reference against the time of a training step."""
    figure.set_size_inches(5.6, 3.4)
    axes = figure.subplots()
    practical = part.plan.practical_difference or 0.0
    axes.axhspan(-practical, practical, color=_BAND, zorder=0)
    axes.axvline(1.0, color=_GREY, linewidth=0.8, linestyle=":")
    shown = points(part)
    for point in shown:
        colour = _COLOURS[point.row.verdict]
        axes.plot([point.ratio] * 2, point.ends, color=colour, linewidth=2)
        axes.plot([point.ratio], [point.gain], "o", color=colour, markersize=5)
    _names_beside(axes, shown)
    axes.set_xlabel(f"time of a step, in units of {part.arms[0].title}")
    axes.set_ylabel(f"difference, {part.task.metric.unit}")
    axes.set_title(part.task.title, loc="left")


def _names_beside(axes: Axes, shown: Sequence[Point]) -> None:
    """Write the names in a column on the right, in the order of height, joined to their points."""
    order, (low, high) = sorted(shown, key=lambda point: point.gain), axes.get_ylim()
    places = spread([point.gain for point in order], 0.06 * (high - low), low, high)
    for point, place in zip(order, places, strict=True):
        axes.annotate(
            _name(point.row), (point.ratio, point.gain), (1.04, place), fontsize=8, va="center",
            textcoords=axes.get_yaxis_transform(),
            arrowprops={"arrowstyle": "-", "color": _GREY, "linewidth": 0.5},
        )  # fmt: skip


def heat(figure: Figure, result: Result) -> None:
    """Draw functions x tasks: the mean difference in practical differences, with its interval."""
    lines = result.rows[2:]
    shown = np.array([[_size(row) for row in rows] for rows in lines])
    figure.set_size_inches(1.6 + 1.5 * shown.shape[1], 0.9 + 0.5 * shown.shape[0])
    axes = figure.subplots()
    axes.imshow(np.clip(shown, -3, 3), cmap="RdBu", vmin=-6, vmax=6, aspect="auto")
    for place, rows in enumerate(lines):
        for column, row in enumerate(rows):
            axes.text(column, place, _words(row), ha="center", va="center", fontsize=7.5)
    axes.set_xticks(range(shown.shape[1]), [part.label for part in result.parts])
    axes.set_yticks(range(len(lines)), [_name(rows[0]) for rows in lines])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("differences in practical differences; blue is better", loc="left")


def _size(row: Row) -> float:
    found = row.difference
    assert found is not None
    return found.interval.mean / found.practical


def _words(row: Row) -> str:
    found = row.difference
    assert found is not None
    low, high = (end / found.practical for end in (found.interval.low, found.interval.high))
    return f"{_size(row):+.2f}\n{low:+.2f} to {high:+.2f}"


def profiles(figure: Figure, result: Result) -> None:
    """Draw the share of runs above each threshold, all tasks together, with its band."""
    shown = result.aggregates
    reference = shown[0].profile

    def draw(axes: Axes, one: Aggregate) -> None:
        own, x = one.profile, one.profile.thresholds
        axes.axvspan(-1.0, 1.0, color=_BAND, zorder=0)
        axes.plot(x, 100 * reference.shares, color=_GREY, linewidth=1)
        axes.fill_between(x, 100 * own.low, 100 * own.high, color=_MAIN, alpha=0.18, linewidth=0)
        axes.plot(x, 100 * own.shares, color=_MAIN)
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(-3, 103)

    _multiples(figure, shown, draw, AXIS, "runs above it, %")
