"""The two tables with charts in them: the comparison, and every single run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actlas.study.across import Line
from actlas.study.analysis import Difference, Row
from actlas.study.arms import Arm
from actlas.study.interaction import Change
from actlas.study.report import charts
from actlas.study.report.content import NONE, Sheet, figures_of, verdict_of
from actlas.study.report.markup import Child, Markup, element, join
from actlas.study.report.scale import Scale, covering
from actlas.study.statistics import Interval, Posterior, Verdict
from actlas.study.wording import Figures, chances, multiple, p_value

if TYPE_CHECKING:
    from actlas.study.result import TaskResult

_CLASSES = {
    Verdict.BETTER: "better",
    Verdict.WORSE: "worse",
    Verdict.SAME: "same",
    Verdict.OPEN: "undecided",
    None: "neutral",
}


def row_class(row: Row | Line | Change) -> str:
    """Return the CSS class that gives a row's marks their colour."""
    return _CLASSES[row.verdict]


def arm_name(arm: Arm) -> Markup:
    """Return a function's title, with its status where that is not "verified".

    What was given beside the name stands apart, so that a long one breaks before it.
    """
    name, given = _apart(arm)
    badges = []
    if arm.status != "verified":
        badges.append(element("span", arm.status, class_="badge", title=arm.status_reason))
    if arm.twin:
        badges.append(element("span", "A/A", class_="badge", title="the reference once more"))
    return join(name, element("span", given, class_="given") if given else None, *badges)


def _apart(arm: Arm) -> tuple[str, str]:
    """Return a function's name and the rest of its title: parameters, a network."""
    at = "(" if arm.parameters or arm.is_network else " in " if arm.network else ""
    name, found, rest = arm.title.partition(at) if at else (arm.title, "", "")
    return name, found + rest


def comparison(part: TaskResult) -> Markup:
    """Return the main table: one row per arm, with the difference drawn and in numbers."""
    metric, figures = part.task.metric, figures_of(part)
    practical, floor = part.plan.practical_difference or 0.0, part.analysis.noise_floor
    intervals = [row.difference.interval for row in part.table if row.difference is not None]
    field = Field.of(intervals, practical, floor)
    headings = (
        "Function", "Verdict", f"Difference to {part.arms[0].title}, {metric.unit}",
        "Mean [interval]", chances_of("Chances"), "Effect size", "p (Holm)", f"Test {metric.name}",
    )  # fmt: skip
    body = [_comparison_row(row, field, figures) for row in part.table]
    return table(headings, body, field.axis(before=2, after=5))


def chances_of(what: str) -> Markup:
    """Return the heading of a column of `chance_bar`."""
    return join(what, element("small", "worse · same · better", class_="wide"))


def table(headings: Sequence[Child], body: Sequence[Markup], foot: Markup | None = None) -> Markup:
    """Return a table that scrolls sideways where the page is narrow."""
    head = element("tr", *(element("th", heading, scope="col") for heading in headings))
    found = element("table", element("thead", head), element("tbody", *body, foot))
    return element("div", found, class_="scroll", tabindex="0")


@dataclass(frozen=True)
class Field:
    """Where differences are drawn: their scale, what does not matter, and the noise floor."""

    scale: Scale
    practical: float
    floor: float

    @classmethod
    def of(cls, intervals: Sequence[Interval], practical: float, floor: float) -> Field:
        """Return the field that holds all intervals."""
        ends = [end for interval in intervals for end in (interval.low, interval.high)]
        return cls(covering([-practical, practical, floor, -floor, *ends]), practical, floor)

    def strip(self, interval: Interval | None, class_: str, label: str) -> Markup:
        """Return one row: the shaded band, the floor, and the interval where there is one."""
        marks = [
            charts.span_mark(self.scale, -self.practical, self.practical, "rope"),
            *(charts.rule(self.scale, end, "floor") for end in (-self.floor, self.floor)),
            charts.rule(self.scale, 0.0, "zero"),
        ]
        if interval is not None:
            marks.append(charts.interval_mark(self.scale, interval, class_, label))
        return charts.strip(*marks, label=label)

    def axis(self, before: int, after: int) -> Markup:
        """Return the row with the tick labels, in the column after `before` others."""
        cell = element("td", charts.strip_axis(self.scale, signed=True), class_="chart")
        empty = [element("td") for _ in range(before + after)]
        return element("tr", *empty[:before], cell, *empty[before:], class_="axis")


def _comparison_row(row: Row, field: Field, figures: Figures) -> Markup:
    found = row.difference
    interval = None if found is None else found.interval
    label = f"{row.arm.title}: the reference"
    if interval is not None:
        label = f"{row.arm.label}: {figures.change(interval.mean)}, {figures.change_span(interval)}"
    strip = field.strip(interval, row_class(row), label)
    return element(
        "tr",
        element("th", arm_name(row.arm), scope="row"),
        element("td", verdict_cell(row), class_="verdict"),
        element("td", strip, class_="chart"),
        *(_difference_cells(found, figures) if found else empty_cells(4)),
        element("td", _two_lines(figures.score(row.score.mean), figures.span(row.score))),
        class_="twin" if row.arm.twin else None,
    )


def verdict_cell(row: Row | Line) -> Markup:
    """Return the verdict as a coloured pill, with its reason below."""
    if row.verdict is None:
        own = "its own search, weights and batches" if row.arm.twin else None
        role = element("span", verdict_of(row), class_="pill neutral")
        return join(role, own and element("small", own))
    pill = element("span", row.verdict.value, class_=f"pill {row_class(row)}", title=row.reason)
    note = row.reason
    if isinstance(row, Row) and row.diverged:
        note = f"{row.diverged} of {len(row.scores)} runs diverged"
    return join(pill, element("small", note))


def _difference_cells(difference: Difference, figures: Figures) -> tuple[Markup, ...]:
    floors = multiple(difference.noise_floors)
    raw = p_value(difference.p)
    corrected = raw if difference.p_holm is None else p_value(difference.p_holm)
    note = "uncorrected" if difference.p_holm is None else f"raw {raw}"
    note = "by the interval" if difference.p is None else note
    interval = difference.interval
    return (
        element("td", _two_lines(figures.change(interval.mean), figures.change_span(interval))),
        element("td", chance_bar(difference.chances)),
        element("td", _two_lines(f"d {multiple(difference.effect_size)}", f"{floors} × floor")),
        element("td", _two_lines(corrected, note)),
    )


def chance_bar(posterior: Posterior) -> Markup:
    """Return the three chances as one bar, with their percentages."""
    parts = {
        "worse": posterior.worse, "same": posterior.equivalent, "better": posterior.better,
    }  # fmt: skip
    start, marks = 0.0, []
    for class_, share in parts.items():
        marks.append(
            element("rect", x=charts.percent(100 * start), width=charts.percent(100 * share),
                    height="100%", class_=class_)
        )  # fmt: skip
        start += share
    said = f"{chances(posterior)} %"
    label = f"chances of worse, practically the same, better: {said}"
    return join(
        element("svg", *marks, class_="chances", role="img", aria_label=label),
        element("small", said),
    )


def empty_cells(count: int) -> tuple[Markup, ...]:
    """Return cells with a dash, for the reference."""
    return tuple(element("td", element("span", NONE, class_="muted")) for _ in range(count))


def plain(sheet: Sheet) -> Markup:
    """Return a table of numbers as it is."""
    body = [
        element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in cells))
        for first, *cells in sheet.rows
    ]
    return element("div", table(sheet.headings, body), class_="plain")


def _two_lines(first: str, second: str) -> Markup:
    return join(element("span", first, class_="number"), element("small", second))


def runs(part: TaskResult) -> Markup:
    """Return one strip per arm: a dot for each seed, and the mean with its interval."""
    figures = figures_of(part)
    scores = [score for row in part.table for score in row.scores]
    ends = [end for row in part.table for end in (row.score.low, row.score.high)]
    scale = covering([*scores, *ends])
    rows = [_runs_row(row, part.plan.seeds, scale, figures) for row in part.table]
    axis = join(element("div"), charts.strip_axis(scale))
    return element("div", *rows, axis, class_="strips")


def _runs_row(row: Row, seeds: tuple[int, ...], scale: Scale, figures: Figures) -> Markup:
    titles = [
        f"{row.arm.label}, seed {seed}: {figures.score(score)}"
        for seed, score in zip(seeds, row.scores, strict=False)  # fewer if it was stopped
    ]
    label = f"{row.arm.label}: mean {figures.score(row.score.mean)}, {figures.span(row.score)}"
    marks = (
        *(charts.rule(scale, tick, "grid") for tick in scale.ticks()),
        charts.interval_mark(scale, row.score, row_class(row), label),
        charts.dots(scale, row.scores, titles),
    )
    name = element("div", arm_name(row.arm), class_="name")
    return join(name, charts.strip(*marks, label=label))
