"""The functions themselves: their curves, gains, and what was learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from actlas.study.analysis import Row
from actlas.study.arms import Arm, parse_network
from actlas.study.report.charts import Frame, panel
from actlas.study.report.markup import Markup, element, join
from actlas.study.report.panels import grid_of

if TYPE_CHECKING:
    from actlas.api import Activation
    from actlas.study.result import Result, TaskResult


def functions(result: Result) -> Markup:
    """Return the curves of the functions, with their derivatives, and who made the networks."""
    import actlas

    x = np.linspace(-4.0, 4.0, 401)
    frame = Frame.of((-4.0, 4.0), (-1.4, 3.2))
    rows = [row for row in result.parts[0].table if not row.arm.twin]
    shown = [row for row in rows if not row.arm.is_network]
    networks = [row for row in rows if row.arm.is_network]
    known = None if rows[0].arm.is_network else _function(rows[0].arm)(x)

    def draw(row: Row) -> Markup:
        function = _function(row.arm)
        marks = (
            frame.line(x, np.zeros_like(x), "zero"),
            *([] if known is None else [frame.line(x, known, "reference")]),
            frame.line(x, function.derivative()(x), "derivative"),
            frame.line(x, function(x), "main"),
        )
        return panel(frame, *marks, label=f"{row.arm.label} and its derivative", x_label="x")

    def note(row: Row) -> str:
        parts = (actlas.get(row.arm.name).paper.short, _gain(result, row), _learned(result, row))
        return "; ".join(part for part in parts if part)

    curves = grid_of(shown, draw, note) if shown else None
    return join(curves, _by_themselves(result, networks) if networks else None)


def _function(arm: Arm) -> Activation:
    import actlas

    return actlas.get(arm.name, **dict(arm.parameters))


def _by_themselves(result: Result, rows: Sequence[Row]) -> Markup:
    """Return a line for every network with functions of its own: who made it, what it learned."""
    said = [
        "; ".join(filter(None, (f"{row.arm.title}: {_paper(row.arm)}", _learned(result, row))))
        for row in rows
    ]
    return element("ul", *(element("li", text) for text in said), class_="remarks")


def _paper(arm: Arm) -> str:
    from actlas.models import find_network

    name = parse_network(arm.network or "")[0]
    return f"a network with functions of its own, {find_network(name).paper.short}"


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
