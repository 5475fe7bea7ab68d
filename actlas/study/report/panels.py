"""Small multiples: one panel per function on common axes, the reference in grey behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from actlas.study.analysis import Row
from actlas.study.report.charts import Frame, panel
from actlas.study.report.markup import Markup, element
from actlas.study.report.tables import arm_name
from actlas.study.training import Record

if TYPE_CHECKING:
    from actlas.study.comparison import Result

_BAND = (10, 90)  # percent of the runs


def _grid(rows: Sequence[Row], draw: Callable[[Row], Markup], note: Callable[[Row], str]) -> Markup:
    """Return the panels of all rows side by side, each with its name and a line of text."""
    figures = [
        element(
            "figure",
            element("figcaption", element("h3", arm_name(row.arm)), element("small", note(row))),
            draw(row),
        )
        for row in rows
    ]
    return element("div", *figures, class_="panels")


def curves(result: Result) -> Markup:
    """Return the learning curves on the validation set."""
    by_label = {
        row.arm.label: _validation_curves(result.outcome.confirmations[row.arm.label])
        for row in result.table
    }
    reference = by_label[result.table[0].arm.label]
    epochs = np.arange(1, reference.shape[1] + 1)
    frame = Frame.of((1, max(len(epochs), 2)), _curve_range(list(by_label.values())))

    def draw(row: Row) -> Markup:
        values = by_label[row.arm.label]
        low, high = _percentiles(values)
        marks = (
            frame.line(epochs, _mean(reference), "reference"),
            frame.band(epochs, low, high),
            frame.line(epochs, _mean(values), "main"),
        )
        return panel(frame, *marks, label=f"{row.arm.label}: learning curve", x_label="epoch")

    def note(row: Row) -> str:
        records = result.outcome.confirmations[row.arm.label]
        epochs = [record.best_epoch + 1 for record in records if not record.diverged]
        return f"best epoch: {np.median(epochs):g} (median)" if epochs else "no run came to an end"

    return _grid(result.table, draw, note)


def _validation_curves(records: Sequence[Record]) -> np.ndarray:
    """Return validation scores (runs, epochs); a run that diverged ends in NaN."""
    length = max(record.spec.epochs for record in records)
    padded = [
        [*record.validation_curve, *[np.nan] * (length - len(record.validation_curve))]
        for record in records
    ]
    return np.array(padded, dtype=float)


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the runs that reached each epoch, NaN where none did."""
    reached = np.isfinite(values).sum(axis=0)
    return np.where(reached > 0, np.nansum(values, axis=0) / np.maximum(reached, 1), np.nan)


def _percentiles(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the band; the mean stands in for epochs that a run did not reach."""
    low, high = np.percentile(np.where(np.isfinite(values), values, _mean(values)), _BAND, axis=0)
    return low, high


def _curve_range(curves: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return a range that shows the later part of the curves and leaves out their steep start."""
    late = [_mean(values)[values.shape[1] // 6 :] for values in curves]
    bands = [end[len(end) // 3 :] for values in curves for end in _percentiles(values)]
    shown = np.concatenate([*late, *bands])
    shown = shown[np.isfinite(shown)]
    if not len(shown):
        return 0.0, 1.0
    low, high = np.percentile(shown, (2, 100))
    margin = 0.08 * (high - low) or 1.0
    return float(low - margin), float(high + margin)


def rates(result: Result) -> Markup:
    """Return the validation score against the learning rate."""
    scores = {row.arm.label: row.tuning.scores for row in result.table}
    reference = scores[result.table[0].arm.label]
    grid = list(reference)
    frame = Frame.of(
        (grid[0] / 1.6, grid[-1] * 1.6), _rate_range(list(scores.values())), log_x=True
    )

    def draw(row: Row) -> Markup:
        own = scores[row.arm.label]
        dots = [
            frame.dot(rate, score, "chosen" if rate == row.tuning.learning_rate else "tried",
                      f"rate {rate:g}: {score:.4g}")
            for rate, score in own.items()
        ]  # fmt: skip
        marks = (
            frame.line(grid, list(reference.values()), "reference"),
            frame.line(grid, list(own.values()), "main"),
        )
        label = f"{row.arm.label}: validation score by learning rate"
        return panel(frame, *marks, *dots, label=label, x_label="learning rate")

    def note(row: Row) -> str:
        edge = f", the {row.tuning.edge} rate tried" if row.tuning.edge else ""
        return f"chosen: {row.tuning.learning_rate:g}{edge}"

    return _grid(result.table, draw, note)


def _rate_range(scores: Sequence[Mapping[float, float]]) -> tuple[float, float]:
    """Return a range around the better half of the scores: the worst rates may lie far below."""
    values = np.array([value for own in scores for value in own.values()], dtype=float)
    best, middle = np.max(values), np.median(values)
    low = max(np.min(values), best - 4 * max(best - middle, 1e-9))
    margin = 0.12 * (best - low) or 1.0
    return float(low - margin), float(best + margin)


def functions(result: Result) -> Markup:
    """Return the curves of the functions themselves, with their derivatives."""
    import actlas

    x = np.linspace(-4.0, 4.0, 401)
    frame = Frame.of((-4.0, 4.0), (-1.4, 3.2))
    shown = [row for row in result.table if not row.arm.twin]
    reference = actlas.get(shown[0].arm.name, **dict(shown[0].arm.parameters))(x)

    def draw(row: Row) -> Markup:
        function = actlas.get(row.arm.name, **dict(row.arm.parameters))
        marks = (
            frame.line(x, np.zeros_like(x), "zero"),
            frame.line(x, reference, "reference"),
            frame.line(x, function.derivative()(x), "derivative"),
            frame.line(x, function(x), "main"),
        )
        return panel(frame, *marks, label=f"{row.arm.label} and its derivative", x_label="x")

    def note(row: Row) -> str:
        parts = (actlas.get(row.arm.name).paper.short, _gain(result, row), _learned(result, row))
        return "; ".join(part for part in parts if part)

    return _grid(shown, draw, note)


def _gain(result: Result, row: Row) -> str:
    return f"gain {result.outcome.confirmations[row.arm.label][0].gain:.3f}"


def _learned(result: Result, row: Row) -> str:
    """Return the mean learned value of each shape parameter, over all places and seeds."""
    values: dict[str, list[float]] = {}
    for record in result.outcome.confirmations[row.arm.label]:
        for name, value in record.learned.items():
            values.setdefault(name.partition(".")[2], []).append(float(np.mean(value)))
    return ", ".join(f"learned {name} {np.mean(v):.3f}" for name, v in values.items())
