"""Names beside the curves instead of a legend: each where it is free and clear whose it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from actlas.plotting._panels import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]  # left, bottom, right, top in pixels
_ANCHORS = 40
_DISTANCES = (6.0, 16.0, 30.0)  # pixels between a curve and its name
_STEP = 3.0  # pixels between the points by which a curve is known here
_COVERED = 30.0  # what each covered point of a curve costs


def place_labels(axes: Axes, traces: Sequence[Trace], colour: Callable[[int | None], str]) -> None:
    """Write every trace's name next to its curve, once limits and layout are settled."""
    window = axes.get_window_extent()
    frame = (window.x0, window.y0, window.x1, window.y1)
    curves = [_in_pixels(axes, trace, frame) for trace in traces]
    taken: list[Box] = []
    for trace, curve in zip(traces, curves, strict=True):
        if len(curve):
            others = [other for other in curves if other is not curve and len(other)]
            _place(axes, trace, curve, others, frame, taken, colour(trace.number))


def _in_pixels(axes: Axes, trace: Trace, frame: Box) -> Array:
    """Return the visible part of a curve as evenly spaced points in pixels."""
    corners = axes.transData.transform(np.column_stack([trace.x, trace.y]))
    known = np.isfinite(corners).all(axis=1)
    limits = np.array([frame[:2], frame[2:]]) + np.array([[-50.0], [50.0]])
    pieces = np.split(np.clip(corners, *limits), np.flatnonzero(np.diff(known)) + 1)
    drawn = [_even(piece) for piece in pieces if len(piece) > 1 and np.isfinite(piece).all()]
    points = np.concatenate([np.empty((0, 2)), *drawn])
    return points[_inside(points, frame)]


def _even(corners: Array) -> Array:
    """Return points on a polygon at equal distances."""
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
    even = np.arange(0.0, length[-1], _STEP)
    return np.column_stack([np.interp(even, length, corners[:, k]) for k in (0, 1)])


def _inside(points: Array, box: Box) -> npt.NDArray[np.bool_]:
    left, bottom, right, top = box
    x, y = points[:, 0], points[:, 1]
    return np.asarray((left <= x) & (x <= right) & (bottom <= y) & (y <= top))


def _place(
    axes: Axes, trace: Trace, curve: Array, others: list[Array], frame: Box, taken: list[Box],
    colour: str,
) -> None:  # fmt: skip
    text = axes.text(0, 0, trace.label, color=colour, fontsize=9, ha="center", va="center",
                     transform=None)  # fmt: skip
    size = text.get_window_extent()
    boxes, anchors, gaps = _candidates(curve, size.width, size.height)
    cost = gaps + _crowding(boxes, anchors, curve, np.concatenate([np.empty((0, 2)), *others]))
    cost[_impossible(boxes, anchors, frame, taken)] = np.inf
    best = int(np.argmin(cost))
    left, bottom, right, top = (float(side) for side in boxes[best])
    taken.append((left, bottom, right, top))
    to_axes = axes.transAxes.inverted().transform
    text.set_transform(axes.transAxes)
    text.set_position(tuple(to_axes(((left + right) / 2, (bottom + top) / 2))))
    if gaps[best] > _DISTANCES[0]:
        edge = np.clip(anchors[best], (left, bottom), (right, top))
        (x0, y0), (x1, y1) = np.sort([anchors[best], edge], axis=0).tolist()
        taken.append((x0, y0, x1, y1))  # the line keeps later names away, too
        line = to_axes([anchors[best], edge])
        axes.plot(line[:, 0], line[:, 1], transform=axes.transAxes, color=colour, linewidth=0.6)


def _candidates(curve: Array, width: float, height: float) -> tuple[Array, Array, Array]:
    """Return boxes, their points of the curve and distances: eight directions, near and far."""
    chosen = curve[np.linspace(0, len(curve) - 1, min(_ANCHORS, len(curve))).astype(int)]
    ways = [(dx, dy, gap) for dx in (-1, 0, 1) for dy in (-1, 0, 1) for gap in _DISTANCES
            if dx or dy]  # fmt: skip
    dx, dy, gap = np.array(ways).T
    shift = np.column_stack([dx * (gap + width / 2), dy * (gap + height / 2)])
    centres = (chosen[:, None] + shift).reshape(-1, 2)
    half = np.array([width, height]) / 2
    boxes = np.hstack([centres - half, centres + half])
    return boxes, np.repeat(chosen, len(ways), axis=0), np.tile(gap, len(chosen))


def _impossible(
    boxes: Array, anchors: Array, frame: Box, taken: list[Box]
) -> npt.NDArray[np.bool_]:
    """Say which boxes leave the frame, or meet a name already there with themselves or a line."""
    left, bottom, right, top = boxes.T
    bad = (left < frame[0]) | (bottom < frame[1]) | (right > frame[2]) | (top > frame[3])
    lines = np.stack([t * anchors + (1 - t) * (boxes[:, :2] + boxes[:, 2:]) / 2
                      for t in np.linspace(0, 1, 9)])  # fmt: skip
    for a, b, c, d in taken:
        bad |= (left < c) & (a < right) & (bottom < d) & (b < top)
        x, y = lines[..., 0], lines[..., 1]
        bad |= ((a < x) & (x < c) & (b < y) & (y < d)).any(axis=0)
    return np.asarray(bad)


def _crowding(boxes: Array, anchors: Array, own: Array, others: Array) -> Array:
    """Return how bad each box is: it covers curves, or it may be read as another curve's name."""
    cost = _COVERED * (_away(boxes, own) < 2).sum(axis=1)
    if len(others):
        away = _away(boxes, others)
        points = np.hstack([anchors, anchors])
        cost = cost + _COVERED * (away < 2).sum(axis=1)
        cost = cost + 40.0 * np.exp(-away.min(axis=1) / 10.0)
        cost = cost + 80.0 * np.exp(-_away(points, others).min(axis=1) / 12.0)
    return np.asarray(cost, dtype=float)


def _away(boxes: Array, points: Array) -> Array:
    """Return the distance of every box to every point, in pixels; 0 inside."""
    x, y = points.T
    dx = np.maximum(np.maximum(boxes[:, :1] - x, x - boxes[:, 2:3]), 0.0)
    dy = np.maximum(np.maximum(boxes[:, 1:2] - y, y - boxes[:, 3:4]), 0.0)
    return np.asarray(np.hypot(dx, dy))
