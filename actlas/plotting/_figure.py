"""Drawing panels with matplotlib, in a style for papers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actlas.errors import ActlasError, need_extra
from actlas.plotting._panels import Panel, Trace
from actlas.plotting._sampling import RECONSTRUCTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours that stand out on white; told apart with any kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":")
FORMATS = ("png", "svg", "pdf")
_INK, _PALE = "#333333", "#9a9a9a"
_WIDTH, _HEIGHT, _LINE = 4.8, 3.5, 0.25  # inches: one panel, one formula
_STYLE: dict[str, Any] = {
    "font.size": 9, "axes.titlesize": 10, "axes.labelsize": 9, "mathtext.fontset": "dejavusans",
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": _INK,
    "axes.labelcolor": _INK, "xtick.color": _INK, "ytick.color": _INK, "text.color": _INK,
    "axes.linewidth": 0.7, "xtick.direction": "out", "ytick.direction": "out",
    "xtick.major.width": 0.7, "ytick.major.width": 0.7, "lines.linewidth": 1.6,
    "axes.unicode_minus": True, "figure.facecolor": "white", "savefig.facecolor": "white",
    "svg.hashsalt": "actlas", "pdf.fonttype": 42,
}  # fmt: skip


def draw(panels: Sequence[Panel], formulas: Sequence[tuple[str, str]] = ()) -> Figure:
    """Return a matplotlib figure of the panels, two to a row.

    Args:
        panels: from `values`, `saturation` or `quotient`.
        formulas: (label, LaTeX) pairs for the foot of the figure; what mathtext cannot set is
            left out.
    """
    matplotlib = need_extra("matplotlib", "plot")
    figures = need_extra("matplotlib.figure", "plot")
    from actlas.plotting._labels import place_labels

    footer = [f"{name}:  ${spaced(latex)}$" for name, latex in formulas if renders(latex)]
    if any(RECONSTRUCTED in trace.label for panel in panels for trace in panel.traces):
        footer.append(f"{RECONSTRUCTED} reconstructed: a formula or default could not be read")
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    with matplotlib.rc_context(_STYLE):
        figure: Figure = figures.Figure(
            figsize=(_WIDTH * columns, _HEIGHT * rows + _LINE * len(footer)),
            layout="constrained",
            dpi=100,
        )
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for place, panel in zip(axes, panels, strict=False):
            _draw_panel(place, panel)
        for empty in axes[len(panels) :]:
            empty.set_axis_off()
        if footer:
            figure.supxlabel("\n".join(footer), x=0.03, ha="left", fontsize=9, color=_INK)
        figure.draw_without_rendering()
        for place, panel in zip(axes, panels, strict=False):
            place_labels(place, panel.traces, colour)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write the figure; the same figure gives the same bytes."""
    matplotlib = need_extra("matplotlib", "plot")
    stamps: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    try:
        with matplotlib.rc_context(_STYLE):
            figure.savefig(path, dpi=200, metadata=stamps.get(path.suffix[1:]))
    except OSError as error:
        raise ActlasError(f"cannot write {path}: {error.strerror}") from error


def renders(latex: str) -> bool:
    """Say whether matplotlib's mathtext can set a formula (it has no cases)."""
    parsers = need_extra("matplotlib.mathtext", "plot")
    try:
        parsers.MathTextParser("path").parse(f"${latex}$")
    except ValueError:
        return False
    return True


def spaced(latex: str) -> str:
    """Return a formula with the thin space before a function's name that mathtext leaves out.

    >>> print(spaced(r"x \\tanh\\left(x\\right)"))
    x\\, \\tanh\\left(x\\right)
    """
    return re.sub(r" (?=\\[a-z]+\\left)", r"\\, ", latex)


def colour(number: int | None) -> str:
    """Return the colour of a curve by its place; grey for the reference."""
    return _PALE if number is None else COLOURS[number % len(COLOURS)]


def _draw_panel(axes: Axes, panel: Panel) -> None:
    axes.set(xlim=panel.span, ylim=panel.limits, xlabel="$x$")
    axes.set_title(panel.title, loc="left")
    if panel.logarithmic:
        axes.set_yscale("log")
        axes.minorticks_off()
    if panel.level is not None:
        axes.axhline(panel.level, color=_PALE, linewidth=0.6, zorder=0)
    if panel.span[0] < 0 < panel.span[1]:
        axes.axvline(0, color=_PALE, linewidth=0.6, zorder=0)
    for place in panel.marks:
        axes.axvline(place, color=_PALE, linewidth=0.8, linestyle=":", zorder=0)
    for trace in panel.traces:
        axes.plot(trace.x, trace.y, color=colour(trace.number), linestyle=_dash(trace))
    if panel.note:
        axes.set_title(panel.note, loc="right", fontsize=8, color=_PALE)


def _dash(trace: Trace) -> str:
    number = trace.number or 0
    return DASHES[number // len(COLOURS) % len(DASHES)]
