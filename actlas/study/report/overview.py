"""Several tasks and recipes at a glance: the heat map, what holds over all of them, mean ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from actlas.study.across import Across, Line
from actlas.study.analysis import Row
from actlas.study.interaction import Change
from actlas.study.report.content import NONE, remarks, scores_of, verdict_of
from actlas.study.report.critical_difference import critical_difference
from actlas.study.report.markup import Markup, element, join
from actlas.study.report.tables import (
    Field,
    arm_name,
    chance_bar,
    chances_of,
    empty_cells,
    row_class,
    table,
    verdict_cell,
)
from actlas.study.wording import Figures, p_value

if TYPE_CHECKING:
    from actlas.study.result import Result

_FULL = 3.0  # practical differences at which a cell has its full colour


def heat_map(result: Result) -> Markup:
    """Return functions x parts: the mean difference with its interval, coloured by size."""
    units = [
        join(part.task.title, element("small", f"{part.task.metric.name}, {part.task.metric.unit}"))
        for part in result.parts
    ]
    body = [
        element(
            "tr",
            element("th", arm_name(rows[0].arm), scope="row"),
            *map(_heat_cell, rows),
            class_="twin" if rows[0].arm.twin else None,
        )
        for rows in result.rows[1:]
    ]
    grid = table(("Function", *units), body)
    return element("div", grid, class_="heat", style=f"--tasks: {len(units)}")


def _heat_cell(row: Row) -> Markup:
    found = row.difference
    assert found is not None
    figures, interval = Figures(found.practical), found.interval
    size = min(abs(interval.mean) / found.practical / _FULL, 1.0)
    ends = f"{figures.change(interval.low)} to {figures.change(interval.high)}"
    return element(
        "td",
        element("span", figures.change(interval.mean), class_="number"),
        element("small", ends),
        None if row.arm.twin else element("small", element("i", row.verdict or NONE),
                                          class_=row_class(row)),
        class_="up" if interval.mean >= 0 else "down",
        style=f"--size: {size:.2f}",
    )  # fmt: skip


def over_tasks(result: Result) -> Markup:
    """Return the table over all tasks, in practical differences, and the picture of ranks."""
    across = result.across
    if across is None:
        return join()
    intervals = [line.interval for line in across.lines if line.interval is not None]
    field = Field.of(intervals, 1.0, across.noise_floor)
    headings = (
        "Function", "Verdict", "Mean difference, in practical differences", "Mean [interval]",
        "These tasks alone", "Mean rank", "p (Holm)",
        chances_of("A new task"),
    )  # fmt: skip
    body = [_row(line, field) for line in across.lines]
    return join(
        table(headings, body, field.axis(before=2, after=5)), _said(remarks(across)), _ranks(across)
    )


def _said(sentences: Sequence[str]) -> Markup:
    return element("ul", *(element("li", text) for text in sentences), class_="remarks")


def _row(line: Line, field: Field) -> Markup:
    figures, interval = Figures(1.0), line.interval
    label = f"{line.arm.title}: the reference"
    if interval is not None:
        label = (
            f"{line.arm.title}: {figures.change(interval.mean)}, {figures.change_span(interval)}"
        )
    strip = field.strip(interval, row_class(line), label)
    return element(
        "tr",
        element("th", arm_name(line.arm), scope="row"),
        element("td", verdict_cell(line), class_="verdict"),
        element("td", strip, class_="chart"),
        *_cells(line, figures),
        class_="twin" if line.arm.twin else None,
    )


def _cells(line: Line, figures: Figures) -> tuple[Markup, ...]:
    if line.interval is None or line.here is None:
        return (*empty_cells(2), _number(line), *empty_cells(2))
    pair = line.pair
    tested = None
    if pair is not None:
        tested = join(
            element("span", p_value(pair.p_holm), class_="number"),
            element("small", f"{pair.wins} won, {pair.losses} lost"),
        )
    return (
        element("td", element("span", figures.change(line.interval.mean), class_="number"),
                element("small", figures.change_span(line.interval))),
        element("td", figures.change_span(line.here)),
        _number(line),
        element("td", tested or NONE),
        element("td", NONE if line.chances is None else chance_bar(line.chances)),
    )  # fmt: skip


def _number(line: Line) -> Markup:
    return element("td", NONE if line.rank is None else f"{line.rank:.2f}")


def _ranks(across: Across) -> Markup:
    scores, names = scores_of(across.lines)
    picture = critical_difference(scores, names, title="Mean ranks over the tasks; 1 is best")
    return element("div", picture, class_="ranks")


# ---------------------------------------------------------------- recipes


def changes(result: Result) -> Markup:
    """Return what the recipe changes, a table for each task; nothing where there is one recipe."""
    if result.interaction is None:
        return join()
    tasks: dict[str, list[Change]] = {}
    for change in result.interaction.changes:
        tasks.setdefault(change.task, []).append(change)
    return join(_said(result.interaction.remarks), *map(_change_table, tasks.values()))


def _change_table(changes: Sequence[Change]) -> Markup:
    first = changes[0]
    floor = max(change.floor for change in changes)
    field = Field.of([change.interval for change in changes], first.practical, floor)
    headings = ("Function", f"Recipe on {first.task}",
                f"Change of the difference, {first.unit}", "Mean [interval]")  # fmt: skip
    body = [_change_row(change, field) for change in changes]
    return table(headings, body, field.axis(before=2, after=1))


def _change_row(change: Change, field: Field) -> Markup:
    figures = Figures(change.practical)
    numbers = figures.change(change.interval.mean), figures.change_span(change.interval)
    label = f"{change.arm.label}, {change.recipe}: {', '.join(numbers)}"
    class_ = row_class(change)
    reading = element("span", change.reading, class_=f"pill {class_}", title=change.reason)
    verdicts = dict.fromkeys(f"{verdict_of(a)} → {verdict_of(b)}" for a, b in change.rows)
    under = [] if change.arm.twin else [element("small", text) for text in verdicts]
    return element(
        "tr",
        element("th", arm_name(change.arm), element("small", change.recipe), scope="row"),
        element("td", reading, *under, class_="verdict"),
        element("td", field.strip(change.interval, class_, label), class_="chart"),
        element("td", element("span", numbers[0], class_="number"), element("small", numbers[1])),
        class_="twin" if change.arm.twin else None,
    )  # fmt: skip
