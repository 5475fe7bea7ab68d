"""The charts of the report as inline SVG; every colour is a class in report.css."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from actlas.study.report.markup import Markup, element, join
from actlas.study.report.scale import Scale
from actlas.study.statistics import Interval
from actlas.study.wording import shortened

_WIDTH, _HEIGHT = 300, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 8, 36

_FEW, _MANY = 4, 6  # ticks below a strip: differences stand in a narrow column

Numbers = Sequence[float] | npt.NDArray[Any]


@dataclass(frozen=True)
class Frame:
    """The axes of a small panel, in the panel's own pixels."""

    x: Scale
    y: Scale

    @classmethod
    def of(
        cls,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        log_x: bool = False,
        whole_x: bool = False,
    ) -> Frame:
        """Return the frame for the given ranges."""
        return cls(
            Scale(*x, 0, _WIDTH - _LEFT - _RIGHT, log=log_x, whole=whole_x),
            Scale(*y, _HEIGHT - _TOP - _BOTTOM, 0),
        )

    def line(self, xs: Numbers, ys: Numbers, class_: str) -> Markup:
        """Return a curve; points that are not finite end it and begin another."""
        pieces, piece = [], ""
        for x, y in zip(xs, ys, strict=True):
            if np.isfinite(y):
                piece += f"{'L' if piece else 'M'}{self.x(x):.1f} {self._bounded(y):.1f}"
            elif piece:
                pieces.append(piece)
                piece = ""
        return element("path", d="".join([*pieces, piece]), class_=f"curve {class_}")

    def band(self, xs: Numbers, lows: Numbers, highs: Numbers) -> Markup:
        """Return the area between two curves, as far as both are finite."""
        ends = [*zip(xs, highs, strict=True), *reversed([*zip(xs, lows, strict=True)])]
        points = [f"{self.x(x):.1f},{self._bounded(y):.1f}" for x, y in ends if np.isfinite(y)]
        return element("polygon", points=" ".join(points), class_="band")

    def span(self, low: float, high: float, class_: str) -> Markup:
        """Return a shaded range over the whole height."""
        start, end = round(self.x(low), 1), round(self.x(high), 1)
        return element("rect", x=start, width=max(end - start, 1.0), height="100%", class_=class_)

    def dot(self, x: float, y: float, class_: str, title: str) -> Markup:
        """Return a point with a tooltip."""
        place = {"cx": round(self.x(x), 1), "cy": round(self._bounded(y), 1)}
        return element("circle", element("title", title), r=3.5, class_=f"dot {class_}", **place)

    def _bounded(self, y: float) -> float:
        """Keep far-off values near the frame, which cuts them: huge coordinates break renderers."""
        return min(max(self.y(y), -1000.0), 1000.0)


def panel(frame: Frame, *marks: Markup, label: str, x_label: str) -> Markup:
    """Return a small chart: grid, tick labels, and the marks cut to the frame.

    Args:
        frame: the axes.
        marks: what `Frame.line`, `band` and `dot` return.
        label: what the chart shows, for screen readers.
        x_label: the name of the horizontal axis.
    """
    inner_width, inner_height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    grid = [
        join(
            element("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y, class_="grid"),
            element("text", f"{tick:g}", x=_LEFT - 6, y=y + 3.5, class_="tick end"),
        )
        for tick in frame.y.ticks()
        for y in [_TOP + frame.y(tick)]
    ]
    ticks = [
        element("text", f"{tick:g}", x=_LEFT + frame.x(tick), y=_HEIGHT - 20, class_="tick middle")
        for tick in frame.x.ticks()
    ]
    inside = element("svg", *marks, x=_LEFT, y=_TOP, width=inner_width, height=inner_height)
    name = element("text", x_label, x=_WIDTH - _RIGHT, y=_HEIGHT - 5, class_="tick end")
    return element(
        "svg", *grid, *ticks, inside, name,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_label=label, class_="panel",
    )  # fmt: skip


def name_mark(name: str, most: int, after: str = "", **attributes: str | float) -> Markup:
    """Return a function's name in a picture, where it has room for so many letters.

    A longer one is cut, and has the whole of it as a tooltip.

    Args:
        name: as people read it.
        most: letters that fit, of the name alone.
        after: what follows it, as "(A/A)".
        attributes: of the SVG text.
    """
    shown = shortened(name, most)
    whole = element("title", name) if shown != name else None
    return element("text", shown + after, whole, **attributes)


def percent(value: float) -> str:
    """Return a place on a strip, whose width is not known in pixels."""
    return f"{value:.2f}%"


def interval_mark(scale: Scale, interval: Interval, class_: str, title: str) -> Markup:
    """Return an interval on a strip: a bar with a disc at the mean, and a tooltip."""
    low, mean, high = (percent(scale(v)) for v in (interval.low, interval.mean, interval.high))
    bar = element("line", x1=low, x2=high, y1="50%", y2="50%", class_="interval")
    disc = element("circle", cx=mean, cy="50%", r=5.5, class_="mean")
    return element("g", element("title", title), bar, disc, class_=class_)


def interval_line(x: float, low: float, high: float) -> Markup:
    """Return an interval that stands upright, in pixels."""
    place = round(x, 1)
    return element("line", x1=place, x2=place, y1=round(low, 1), y2=round(high, 1),
                   class_="interval")  # fmt: skip


def dots(scale: Scale, values: Sequence[float], titles: Sequence[str]) -> Markup:
    """Return single runs on a strip, spread a little so that equal ones stay visible."""
    seen: dict[float, int] = {}
    marks = []
    for value, title in zip(values, titles, strict=True):
        level = seen[value] = seen.get(value, -1) + 1
        offset = (level + 1) // 2 * (4 if level % 2 else -4)
        tooltip, place = element("title", title), percent(scale(value))
        marks.append(
            element("circle", tooltip, cx=place, cy="50%", r=3, class_="run",
                    transform=f"translate(0 {offset})")
        )  # fmt: skip
    return join(*marks)


def span_mark(scale: Scale, low: float, high: float, class_: str) -> Markup:
    """Return a shaded range over the whole height of a strip."""
    start, end = (min(max(scale(value), 0.0), 100.0) for value in (low, high))
    return element(
        "rect", x=percent(start), width=percent(end - start), height="100%", class_=class_
    )


def rule(scale: Scale, value: float, class_: str) -> Markup:
    """Return a vertical line over the whole height of a strip."""
    place = percent(scale(value))
    return element("line", x1=place, x2=place, y1="0%", y2="100%", class_=class_)


def strip(*marks: Markup, label: str) -> Markup:
    """Return a chart that fills its place: coordinates are percentages."""
    return element("svg", *marks, role="img", aria_label=label, class_="strip")


def strip_axis(scale: Scale, signed: bool = False) -> Markup:
    """Return the tick labels under a column of strips."""
    labels = [
        element("text", f"{tick:+g}" if signed and tick else f"{tick:g}",
                x=percent(scale(tick)), y=12, class_="tick middle")
        for tick in scale.ticks(_FEW if signed else _MANY)
    ]  # fmt: skip
    return element("svg", *labels, height=16, class_="scale", aria_hidden="true")
