"""The functions themselves: their curves, gains, and what was learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from actlas.study.analysis import Row
from actlas.study.report.charts import Frame, panel
from actlas.study.report.markup import Markup
from actlas.study.report.panels import grid_of

if TYPE_CHECKING:
    from actlas.study.result import Result, TaskResult


def functions(result: Result) -> Markup:
    """Return the curves of the functions themselves, with their derivatives."""
    import actlas

    x = np.linspace(-4.0, 4.0, 401)
    frame = Frame.of((-4.0, 4.0), (-1.4, 3.2))
    shown = [row for row in result.parts[0].table if not row.arm.twin]
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

    return grid_of(shown, draw, note)


def _gain(result: Result, row: Row) -> str:
    return f"gain {result.parts[0].outcome.confirmations[row.arm.label][0].gain:.3f}"


def _learned(result: Result, row: Row) -> str:
    """Return the learned value of each shape parameter, on each task."""
    said = [(part.name, _learned_on(part, row)) for part in result.parts]
    if len(said) == 1:
        return said[0][1]
    return "; ".join(f"{text} ({task})" for task, text in said if text)


def _learned_on(part: TaskResult, row: Row) -> str:
    """Return the mean learned value of each shape parameter, over all places and seeds."""
    values: dict[str, list[float]] = {}
    for record in part.outcome.confirmations[row.arm.label]:
        for name, value in record.learned.items():
            values.setdefault(name.partition(".")[2], []).append(float(np.mean(value)))
    return ", ".join(f"learned {name} {np.mean(v):.3f}" for name, v in values.items())
