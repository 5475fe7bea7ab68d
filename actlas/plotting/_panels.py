"""What a figure consists of: panels with curves, before anything is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actlas.api import Activation
from actlas.errors import ActlasError
from actlas.plotting._sampling import Array, at, label, plain_label, ratio, sample

Span = tuple[float, float]
_SMALLEST = 1e-8  # the lower end of the saturation figure
_INVISIBLE = 1e-300  # a zero on a logarithmic axis: far below the lower end


@dataclass(frozen=True)
class Trace:
    """One curve: `number` is its place in the colour cycle, None for the grey reference."""

    label: str
    x: Array
    y: Array
    number: int | None


@dataclass(frozen=True)
class Panel:
    """One pair of axes: what it shows, how its axes are scaled and marked."""

    title: str
    traces: tuple[Trace, ...]
    span: Span
    limits: Span
    logarithmic: bool = False
    level: float | None = 0.0
    marks: tuple[float, ...] = ()
    note: str = ""


def values(functions: Sequence[Activation], order: int = 0, span: Span = (-5.0, 5.0)) -> Panel:
    """Return the panel of the functions themselves, or of their derivatives of an order."""
    drawn = [function.derivative(order) for function in functions]
    traces = tuple(
        Trace(label(function), *sample(of, span), number)
        for number, (function, of) in enumerate(zip(functions, drawn, strict=True))
    )
    return Panel(_derivative_sign(order), traces, span, _limits(traces, max(map(abs, span))))


def _derivative_sign(order: int) -> str:
    primes = "'" * order if order <= 3 else f"^{{({order})}}"
    return f"$f{primes}(x)$" if order else "$f(x)$"


def _limits(traces: Sequence[Trace], reach: float) -> Span:
    """Fit the height to the curves, but show no more of them than of the x-axis."""
    y = np.concatenate([trace.y[np.isfinite(trace.y)] for trace in traces])
    low, high = max(y.min(initial=0.0), -reach), min(y.max(initial=0.0), reach)
    margin = 0.06 * (high - low) or 1.0
    return low - margin, high + margin


def saturation(functions: Sequence[Activation], span: Span = (-10.0, 0.0)) -> Panel:
    """Return the panel of |f'| on a logarithmic scale, where small means that learning stops.

    The figure of Fernandez and Mali 2024 (arXiv 2412.20269) for any functions.
    """
    traces, silent = [], []
    for number, function in enumerate(functions):
        slope = function.derivative()
        x, y = sample(slope, span, slope.facts.zeros)
        if np.nanmax(np.abs(y)) > 0:
            traces.append(Trace(label(function), x, np.maximum(np.abs(y), _INVISIBLE), number))
        else:
            silent.append(label(function))
    if not traces:
        low, high = span
        raise ActlasError(f"nothing to draw: f' is 0 from {low:g} to {high:g} for {silent[0]}")
    top = max(float(np.nanmax(trace.y)) for trace in traces)
    bottom = max(_SMALLEST, min(float(np.nanmin(trace.y)) for trace in traces))
    note = f"exactly 0 here: {', '.join(silent)}" if silent else ""
    return Panel("$|f'(x)|$", tuple(traces), span, (bottom / 2, top * 2), logarithmic=True,
                 level=None, note=note)  # fmt: skip


def quotient(
    functions: Sequence[Activation], against: Activation, span: Span = (-10.0, 0.0)
) -> Panel:
    """Return the panel of f'/g', g being `against`: towards 0 where f learns less than g.

    The vanishing-gradient quotient of Fernandez and Mali 2024 (arXiv 2412.20269).
    """
    slope = against.derivative()
    if not at(slope, np.linspace(*span)).any():
        low, high = span
        raise ActlasError(
            f"cannot divide by the derivative of {label(against)}: it is 0 from {low:g} to {high:g}"
        )
    traces = [Trace(label(against), np.array(span), np.ones(2), None)]
    for number, function in enumerate(functions):
        if function != against:
            x, y = ratio(function.derivative(), slope, span)
            traces.append(Trace(label(function), x, y, number))
    poles = [place for place in slope.facts.zeros if span[0] < place < span[1]]
    sign = f"\\mathrm{{{plain_label(against)}}}'(x)".replace("_", r"\_")
    note = f"dotted: ${sign} = 0$" if poles else ""
    return Panel(f"$f'(x) \\,/\\, {sign}$", tuple(traces), span, _quotient_limits(traces),
                 marks=tuple(poles), note=note)  # fmt: skip


def _quotient_limits(traces: Sequence[Trace]) -> Span:
    """Leave the poles out: show what four fifths of each curve take up, and 0 to 1 always."""
    spans = [np.nanpercentile(trace.y, (10, 90)) for trace in traces if np.isfinite(trace.y).any()]
    low = max(min(0.0, *(float(span[0]) for span in spans)), -1.5)
    high = min(max(1.0, *(float(span[1]) for span in spans)), 2.5)
    margin = 0.12 * (high - low)
    return low - margin, high + margin
