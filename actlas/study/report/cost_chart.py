"""The cost axis: what a function gains against the time that it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actlas.study.analysis import Row
from actlas.study.costs import costs
from actlas.study.report.charts import interval_line, overhang
from actlas.study.report.content import figures_of
from actlas.study.report.markup import Markup, element, join
from actlas.study.report.scale import Scale, covering
from actlas.study.report.tables import row_class

if TYPE_CHECKING:
    from actlas.study.result import TaskResult

_WIDTH, _HEIGHT = 760, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 150, 14, 40
_LINE = 15  # pixels between two names


@dataclass(frozen=True)
class Point:
    """One function: its time in units of the reference's, and its row."""

    row: Row
    ratio: float

    @property
    def gain(self) -> float:
        """The mean difference to the reference, which is 0 for itself."""
        return self.row.difference.interval.mean if self.row.difference else 0.0

    @property
    def ends(self) -> tuple[float, float]:
        """The interval of the difference."""
        found = self.row.difference
        return (found.interval.low, found.interval.high) if found else (0.0, 0.0)


def points(part: TaskResult) -> list[Point]:
    """Return a point for every arm whose runs came to an end."""
    pairs = zip(part.table, costs(part), strict=True)
    return [Point(row, cost.ratio) for row, cost in pairs if cost.ratio is not None]


def chart(part: TaskResult) -> Markup:
    """Return the difference to the reference against the time of a training step."""
    shown, figures = points(part), figures_of(part)
    if not shown:
        return element("p", "No run that came to an end was timed.", class_="note")
    practical = part.plan.practical_difference or 0.0
    x = covering([1.0, *(point.ratio for point in shown)], _LEFT, _WIDTH - _RIGHT)
    heights = [*(end for point in shown for end in point.ends), -practical, practical]
    y = covering(heights, _HEIGHT - _BOTTOM, _TOP)
    marks = [_mark(point, x, y, figures.change(point.gain)) for point in shown]
    band = element("rect", x=_LEFT, width=_WIDTH - _LEFT - _RIGHT, y=round(y(practical), 1),
                   height=round(y(-practical) - y(practical), 1), class_="rope")  # fmt: skip
    label = f"Difference to {part.arms[0].title} against time"
    wider = overhang([_name(point) for point in shown], _RIGHT - 12)
    return element(
        "svg", band, *_axes(x, y, part), *marks, *_names(shown, x, y),
        viewBox=f"0 0 {_WIDTH + wider} {_HEIGHT}", role="img", aria_label=label,
        class_="panel cost",
    )  # fmt: skip


def _axes(x: Scale, y: Scale, part: TaskResult) -> list[Markup]:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    rows = [
        join(
            element("line", x1=_LEFT, x2=right, y1=y(tick), y2=y(tick),
                    class_="grid" if tick else "zero"),
            element("text", f"{tick:+g}" if tick else "0", x=_LEFT - 8, y=y(tick) + 3.5,
                    class_="tick end"),
        )
        for tick in y.ticks()
    ]  # fmt: skip
    columns = [
        element("text", f"{tick:g}×", x=x(tick), y=bottom + 16, class_="tick middle")
        for tick in x.ticks()
    ]
    unit = f"difference, {part.task.metric.unit}"
    return [
        *rows, *columns,
        element("line", x1=x(1.0), x2=x(1.0), y1=_TOP, y2=bottom, class_="floor"),
        element("text", f"time of a step, in units of {part.arms[0].title}", x=right,
                y=_HEIGHT - 6, class_="tick end"),
        element("text", unit, x=_LEFT, y=_TOP - 4, class_="tick"),
    ]  # fmt: skip


def _mark(point: Point, x: Scale, y: Scale, gain: str) -> Markup:
    low, high = point.ends
    return element(
        "g",
        element("title", f"{point.row.arm.label}: {gain} at {point.ratio:.2f} times the time"),
        interval_line(x(point.ratio), y(low), y(high)),
        element("circle", cx=round(x(point.ratio), 1), cy=round(y(point.gain), 1), r=5.5,
                class_="mean"),
        class_=row_class(point.row),
    )  # fmt: skip


def _name(point: Point) -> str:
    return point.row.arm.title + " (A/A)" * point.row.arm.twin


def _names(shown: Sequence[Point], x: Scale, y: Scale) -> list[Markup]:
    """Return the names in a column on the right, in the order of height, joined to their points."""
    order = sorted(shown, key=lambda point: y(point.gain))
    places = spread([y(point.gain) for point in order], _LINE, _TOP, _HEIGHT - _BOTTOM)
    right = _WIDTH - _RIGHT
    return [
        join(
            element("path", d=f"M{x(point.ratio) + 7:.1f} {y(point.gain):.1f} "
                    f"L{right:.1f} {place:.1f} h8", class_="leader"),
            element("text", _name(point), x=right + 12,
                    y=round(place + 4, 1), class_="label"),
        )
        for point, place in zip(order, places, strict=True)
    ]  # fmt: skip


def spread(wanted: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """Return places near the wanted ones, at least so far apart where there is room for that.

    >>> spread([10.0, 11.0, 50.0], 15, 0.0, 100.0)
    [10.0, 25.0, 50.0]
    >>> spread([95.0, 99.0], 15, 0.0, 100.0)
    [85.0, 100.0]
    """
    least = min(least, (high - low) / max(len(wanted) - 1, 1))
    places: list[float] = []
    for place in wanted:
        places.append(max(place, low, places[-1] + least if places else low))
    limit = high
    for index in reversed(range(len(places))):
        places[index] = min(places[index], limit)
        limit = places[index] - least
    return places
