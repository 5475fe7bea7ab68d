"""Curves in the terminal, drawn with Braille dots: 2 x 4 to a character."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.text import Text

from actlas.facts.wording import number

Array = npt.NDArray[np.float64]
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_AXIS = "bright_black"


@dataclass(frozen=True)
class Line:
    """A curve to draw: every dot of it, or every second column where `dotted`."""

    function: Callable[[Array], Array]
    style: str
    dotted: bool = False


@dataclass(frozen=True)
class Frame:
    """What part of the plane is shown, on how many characters."""

    low: float
    high: float
    bottom: float
    top: float
    columns: int
    rows: int

    @property
    def x(self) -> Array:
        """The x of every column of dots."""
        return np.linspace(self.low, self.high, 2 * self.columns)

    def dots(self, y: Array) -> Array:
        """Return the dot rows, counted from the top, at which the values lie (not rounded)."""
        return (self.top - y) / (self.top - self.bottom) * (4 * self.rows - 1)


def draw(lines: list[Line], low: float, high: float, columns: int = 66, rows: int = 15) -> Text:
    """Return the curves on [low, high] with axes and the numbers at their ends."""
    frame = _frame(lines, low, high, columns, rows)
    cells = np.zeros((rows, columns), dtype=int)
    owner = np.full((rows, columns), -1)
    for index, line in enumerate(reversed(lines)):
        _trace(frame, line, cells, owner, len(lines) - 1 - index)
    return _render(frame, lines, cells, owner)


def _frame(lines: list[Line], low: float, high: float, columns: int, rows: int) -> Frame:
    """Fit the height to the curves, but show no more of them than of the x-axis."""
    x = np.linspace(low, high, 4 * columns)
    values = np.concatenate([_values(line, x) for line in lines])
    values = values[np.isfinite(values)]
    reach = max(abs(low), abs(high))
    bottom = max(min(values.min(initial=0.0), 0.0), -reach)
    top = min(max(values.max(initial=0.0), 0.0), reach)
    if top - bottom < 1e-9:
        bottom, top = bottom - 1.0, top + 1.0
    return Frame(low, high, bottom, top, columns, rows)


def _values(line: Line, x: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(line.function(x), dtype=float)


def _trace(frame: Frame, line: Line, cells: Array, owner: Array, index: int) -> None:
    """Set the dots of one curve; a steep part is a run of dots, a jump is left open."""
    places = frame.dots(_values(line, frame.x))
    height = 4 * frame.rows
    for column, place in enumerate(places):
        if not np.isfinite(place) or (line.dotted and column % 3):
            continue
        before = places[column - 1] if column else place
        joined = np.isfinite(before) and abs(place - before) < height / 2 and not line.dotted
        start = (before + place) / 2 if joined else place
        first, last = sorted((round(float(start)), round(float(place))))
        for dot in range(max(first, 0), min(last, height - 1) + 1):
            cells[dot // 4, column // 2] |= _DOTS[dot % 4, column % 2]
            owner[dot // 4, column // 2] = index


def _render(frame: Frame, lines: list[Line], cells: Array, owner: Array) -> Text:
    zero_row = round(float(frame.dots(np.array(0.0)))) // 4
    zero_column = round((0 - frame.low) / (frame.high - frame.low) * (frame.columns - 1))
    labels = {0: number(frame.top, 3), zero_row: "0", frame.rows - 1: number(frame.bottom, 3)}
    labels[zero_row] = "0"
    margin = max(map(len, labels.values())) + 1
    picture = Text()
    for row in range(frame.rows):
        picture.append(labels.get(row, "").rjust(margin - 1) + " ", style=_AXIS)
        for column in range(frame.columns):
            if cells[row, column]:
                letter = chr(0x2800 + int(cells[row, column]))
                picture.append(letter, style=lines[owner[row, column]].style)
            else:
                picture.append(_axis(row == zero_row, column == zero_column), style=_AXIS)
        picture.append("\n")
    return picture.append(_x_labels(frame, margin, zero_column), style=_AXIS)


def _axis(horizontal: bool, vertical: bool) -> str:
    if horizontal and vertical:
        return "┼"
    return "─" if horizontal else "│" if vertical else " "


def _x_labels(frame: Frame, margin: int, zero_column: int) -> str:
    left, right = number(frame.low), number(frame.high)
    row = [" "] * frame.columns
    if len(left) < zero_column < frame.columns - len(right):
        row[zero_column] = "0"
    row[: len(left)] = left
    row[frame.columns - len(right) :] = right
    return " " * margin + "".join(row)
