"""A record as a picture: for every peer, how many times faster actlas is, function by function."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actlas.bench.cells import BOTH, FORWARD, Cell
from actlas.bench.peers import COPY
from actlas.bench.record import Record
from actlas.bench.tables import title
from actlas.errors import ActlasError, need_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _DOT, _PALE = "#333333", "#0072B2", "#9a9a9a"


def draw(record: Record) -> Figure:
    """Return a figure of one panel for forward and one for forward and backward."""
    figures = need_extra("matplotlib.figure", "bench")
    shown = [(Cell("", mode), _by_peer(record, Cell("", mode))) for mode in (FORWARD, BOTH)]
    height = 1.2 + 0.55 * max(1, *(len(peers) for _, peers in shown))
    figure: Figure = figures.Figure(figsize=(11, height), layout="constrained", dpi=100)
    for axes, (cell, peers) in zip(figure.subplots(1, 2, sharey=False), shown, strict=True):
        _panel(axes, cell, peers)
    return figure


def save(record: Record, path: Path) -> None:
    """Write the figure; ActlasError if that cannot be done."""
    try:
        draw(record).savefig(path, dpi=150)
    except OSError as error:
        raise ActlasError(f"cannot write {path}: {error.strerror}") from None


def _by_peer(record: Record, like: Cell) -> dict[str, dict[str, float]]:
    """Return the median ratios by peer and function, the peers in the order of the record."""
    found: dict[str, dict[str, float]] = {name: {} for name in record.about["peers"]}
    for row in record.group(like):
        for peer, ratio in row.ratio.items():
            if peer in found and peer != COPY.name:
                found[peer][row.cell.function] = ratio[1]
    return {peer: ratios for peer, ratios in found.items() if ratios}


def _panel(axes: Axes, cell: Cell, peers: dict[str, dict[str, float]]) -> None:
    axes.set_title(title(cell), loc="left", fontsize=10)
    axes.axvline(1, color=_PALE, linewidth=0.8, zorder=0)
    for place, ratios in enumerate(reversed(peers.values())):
        _row(axes, place, ratios)
    axes.set_yticks(range(len(peers)), list(reversed(peers)))
    axes.set_xscale("log")
    axes.set_xlabel("time of the peer / time of actlas", fontsize=9)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.16, y=0.12)


def _row(axes: Axes, place: int, ratios: dict[str, float]) -> None:
    """Draw a dot for every function, a stroke at their median, and the names of both ends."""
    ordered = sorted(ratios, key=lambda name: ratios[name])
    values: Any = np.array([ratios[name] for name in ordered])
    scatter = 0.16 * np.sin(2.4 * np.arange(len(values)))  # apart, and the same every time
    axes.scatter(values, place + scatter, s=9, color=_DOT, alpha=0.55, linewidths=0)
    axes.plot([np.median(values)] * 2, [place - 0.28, place + 0.28], color=_INK, linewidth=1.6)
    for at, gap, side in ((0, -6, "right"), (-1, 6, "left")):
        axes.annotate(ordered[at], (values[at], place), (gap, 0), textcoords="offset points",
                      ha=side, va="center", fontsize=7, color=_INK)  # fmt: skip
