"""Curves as SVG inside a page: no script, no file, and the colours are those of the theme."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

from actlas.api import Activation, get, names
from actlas.facts.wording import number
from actlas.plotting._sampling import at, open_jumps

Array = npt.NDArray[np.float64]

_REACH = 4.0  # the x that are shown, and the most that is shown of y
_BESIDE = 1e-9
_IN_FRONT = 8  # curves in colour on the first page, each of another family


@dataclass(frozen=True)
class Window:
    """A part of the plane on a picture of so many pixels."""

    bottom: float
    top: float
    width: int
    height: int

    def across(self, x: Array | float) -> Array:
        """Return the pixel column of x."""
        return np.asarray((x + _REACH) / (2 * _REACH) * self.width)

    def down(self, y: Array | float) -> Array:
        """Return the pixel row of y; far outside, a little outside."""
        rows = (self.top - y) / (self.top - self.bottom) * self.height
        return np.asarray(np.clip(rows, -self.height, 2 * self.height))

    def path(self, x: Array, y: Array, kind: str) -> str:
        """Return a curve of a class of the style sheet, with gaps where y is not finite."""
        places = np.stack([self.across(x), self.down(y)], axis=1)
        known = np.isfinite(y)
        starts = known & ~np.concatenate([[False], known[:-1]])
        steps = "".join(
            f"{'M' if start else 'L'}{column:.1f} {row:.1f}"
            for (column, row), start, shown in zip(places, starts, known, strict=True) if shown
        )  # fmt: skip
        return f'<path class="{kind}" d="{steps}"/>'

    def svg(self, parts: Iterable[str], kind: str, label: str, foot: int = 0) -> str:
        """Return the picture, with so many pixels below it for the numbers of an axis."""
        return (
            f'<svg class="curve {kind}" viewBox="0 0 {self.width} {self.height + foot}" role="img" '
            f'aria-label="{escape(label)}">{"".join(parts)}</svg>'
        )


def picture(function: Activation) -> str:
    """Return f and f′ on [−4, 4] as a figure, or "" for a function of two inputs.

    >>> from actlas.api import get
    >>> picture(get("relu")).count("<path")
    4
    """
    if len(function.definition.inputs) != 1:
        return ""
    x, (y, slope) = _curves(function, [0, 1], points=241)
    window = _window(np.concatenate([y, slope]), 640, 300)
    drawn = window.svg(
        [*_axes(window), window.path(x, slope, "slope"), window.path(x, y, "value")],
        "large", f"{function.title} and its derivative", foot=20
    )  # fmt: skip
    legend = '<span class="value">f</span> <span class="slope">f′</span>'
    return f"<figure>{drawn}<figcaption>{legend}</figcaption></figure>"


def thumbnail(function: Activation) -> str:
    """Return f alone, small enough for a row of a table, or ""."""
    if len(function.definition.inputs) != 1:
        return ""
    x, (y,) = _curves(function, [0], points=65)
    window = _window(y, 72, 36)
    axis = window.path(np.array([-_REACH, _REACH]), np.zeros(2), "axis")
    return window.svg([axis, window.path(x, y, "value")], "small", f"curve of {function.title}")


def hero() -> str:
    """Return the picture of the first page: all functions of one input, some of them in colour."""
    window = Window(-1.6, 2.4, 1200, 300)
    single = [get(name) for name in names() if len(get(name).definition.inputs) == 1]
    first = {function.family: function for function in reversed(single)}
    front = list(first.values())[-_IN_FRONT:]
    paths = [_path(window, function, "back") for function in single if function not in front]
    paths += [_path(window, function, f"front c{place}") for place, function in enumerate(front)]
    return window.svg(paths, "hero", f"the curves of {len(single)} functions")


def _path(window: Window, function: Activation, kind: str) -> str:
    x, (y,) = _curves(function, [0], points=81)
    return window.path(x, y, kind)


def _curves(function: Activation, orders: list[int], points: int) -> tuple[Array, list[Array]]:
    """Return x and derivatives of the given orders, NaN between the two sides of a jump."""
    breaks = [float(place) for place in function.facts.curve.breaks]
    beside = [b + step for b in breaks if abs(b) < _REACH for step in (-_BESIDE, 0.0, _BESIDE)]
    x = np.unique(np.concatenate([np.linspace(-_REACH, _REACH, points), beside]))
    curves = [open_jumps(x, at(function.derivative(order), x), breaks) for order in orders]
    return x, curves


def _window(y: Array, width: int, height: int) -> Window:
    """Fit the height to the curves, but show no more of y than of x, and no less than 1."""
    known = y[np.isfinite(y)]
    low, high = np.clip([known.min(initial=0), known.max(initial=0)], -_REACH, _REACH)
    middle, half = (low + high) / 2, max(0.5, 0.54 * (high - low))
    return Window(float(middle - half), float(middle + half), width, height)


def _axes(window: Window) -> list[str]:
    ends, upright = np.array([-_REACH, _REACH]), np.array([window.bottom, window.top])
    whole = range(int(np.ceil(window.bottom)), int(np.floor(window.top)) + 1)
    rows = [y for y in whole if abs(y) in (0, 1, 2, 4)]
    texts = [_text(window, x, 0.0, "middle") for x in range(-3, 4)]
    texts += [_text(window, 0.0, y, "end") for y in rows if y]
    return [
        window.path(ends, np.zeros(2), "axis"), window.path(np.zeros(2), upright, "axis"), *texts,
    ]  # fmt: skip


def _text(window: Window, x: float, y: float, anchor: str) -> str:
    """Return the number at a place of an axis: below the picture for x, left of the axis for y."""
    below = anchor == "middle"
    column = float(window.across(x)) - (0 if below else 6)
    row = window.height + 15 if below else float(window.down(y)) + 4
    shown = number(float(x if below else y))
    return f'<text x="{column:.0f}" y="{row:.0f}" text-anchor="{anchor}">{shown}</text>'
