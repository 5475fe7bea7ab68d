"""A report as a figure: where the sites work, how gradients flow, and how both came about."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actlas.errors import ActlasError, need_extra
from actlas.surgery.monitor.labels import short_names
from actlas.surgery.monitor.report import Report, SiteReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _PALE, _GRID = "#333333", "#9a9a9a", "#ececec"
# From Okabe and Ito's palette, which is told apart with any kind of colour vision.
_SATURATED, _CURVED, _LINEAR, _DEAD = "#E69F00", "#d9d9d9", "#56B4E9", "#000000"
_FLOW = "#009E73"
_FORMATS = ("png", "svg", "pdf")
_MOST_NAMES = 30  # sites whose names can be read below each other
_MOST_LABELS, _WIDE = 3, 24  # lines that can carry their names, and characters of a name
_ROW, _LOWER = 0.27, 2.5  # inches: one site, the lower panels
_STYLE: dict[str, Any] = {
    "font.size": 9, "axes.titlesize": 10, "axes.labelsize": 9, "axes.titlelocation": "left",
    "axes.titlepad": 9, "axes.spines.top": False, "axes.spines.right": False,
    "axes.edgecolor": _PALE, "axes.labelcolor": _INK, "axes.titlecolor": _INK,
    "xtick.color": _INK, "ytick.color": _INK, "text.color": _INK, "axes.linewidth": 0.7,
    "xtick.major.width": 0.7, "ytick.major.width": 0.7, "lines.linewidth": 1.6,
    "legend.frameon": False, "figure.facecolor": "white", "savefig.facecolor": "white",
    "svg.hashsalt": "actlas", "pdf.fonttype": 42, "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.1,
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One curve over the steps, with an optional band from least to largest."""

    label: str
    steps: list[int]
    values: list[float]
    colour: Any
    band: tuple[list[float], list[float]] | None = None


def draw(report: Report) -> Figure:
    """Return the figure of a report; needs matplotlib."""
    matplotlib = need_extra("matplotlib", "plot")
    figures = need_extra("matplotlib.figure", "plot")
    upper = _ROW * max(4, min(len(report.sites), _MOST_NAMES)) + 0.8
    with matplotlib.rc_context(_STYLE):
        figure: Figure = figures.Figure(figsize=(10, upper + _LOWER), layout="constrained", dpi=100)
        parts: Any = figure.subfigures(2, 1, height_ratios=(upper, _LOWER))
        above, below = parts
        left, right = above.subplots(1, 2, sharey=True, width_ratios=(1.25, 1))
        _regimes(left, report.sites)
        _flow(right, report.sites)
        colours = _by_depth(len(report.sites))
        for axes, panel in zip(below.subplots(1, 2), (_idle, _learned), strict=True):
            _over_steps(axes, *panel(report.sites, colours))
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write the figure; the same figure gives the same bytes."""
    matplotlib = need_extra("matplotlib", "plot")
    form = path.suffix[1:].lower()
    if form not in _FORMATS:
        allowed = ", ".join(f".{name}" for name in _FORMATS)
        raise ActlasError(f"cannot tell the format of {path}; its name must end in {allowed}")
    stamps: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    try:
        with matplotlib.rc_context(_STYLE):
            figure.savefig(path, dpi=200, metadata=stamps.get(form))
    except OSError as error:
        raise ActlasError(f"cannot write {path}: {error.strerror}") from error


# -------------------------------------------------------------------- the upper panels


def _regimes(axes: Axes, sites: Sequence[SiteReport]) -> None:
    """Draw a bar a site, first site on top: saturated, curved, linear, and the dead channels."""
    known = [0.0 if math.isnan(site.saturated) else 1.0 for site in sites]
    saturated = [_known(site.saturated) for site in sites]
    linear = [_known(site.linear) for site in sites]
    rows, left = range(len(sites)), [0.0] * len(sites)
    curved = [k - s - b for k, s, b in zip(known, saturated, linear, strict=True)]
    for label, part, colour in (("saturated", saturated, _SATURATED), ("curved", curved, _CURVED),
                                ("linear", linear, _LINEAR)):  # fmt: skip
        axes.barh(rows, part, left=left, height=0.72, color=colour, label=label)
        left = [a + b for a, b in zip(left, part, strict=True)]
    dead = [_known(site.dead) for site in sites]
    axes.barh(rows, dead, height=0.2, color=_DEAD, label="dead channels")
    axes.set(xlim=(0, 1), ylim=(len(sites) - 0.4, -0.6))
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    _name_sites(axes, sites)
    _head(axes, "Where on its curve each site works")


def _head(axes: Axes, title: str) -> None:
    """Write a title with the legend below it, clear of the data."""
    axes.set_title(title, pad=26)
    if not axes.get_legend_handles_labels()[0]:
        return
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, handlelength=1,
                handletextpad=0.5, columnspacing=1.3, borderaxespad=0.3, borderpad=0
                ).set_in_layout(False)  # fmt: skip


def _name_sites(axes: Axes, sites: Sequence[SiteReport]) -> None:
    every = -(-len(sites) // _MOST_NAMES)
    short = short_names([site.site for site in sites])
    names = [f"{short[site.site]}  {site.function}" for site in sites]
    axes.set_yticks(range(0, len(sites), every), names[::every])
    axes.tick_params(axis="y", length=0, pad=6)
    axes.spines["left"].set_visible(False)


def _known(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _flow(axes: Axes, sites: Sequence[SiteReport]) -> None:
    """Draw the gradient at each site's output and, hollow, what it hands on to its input."""
    rows = [row for row, site in enumerate(sites) if site.gradient > 0]
    title = "Gradient of the loss, root mean square"
    axes.tick_params(labelleft=False, left=False)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    if not rows:
        axes.text(0.5, 0.5, "no backward pass was seen", transform=axes.transAxes, ha="center",
                  color=_PALE)  # fmt: skip
        axes.set_xticks([])
        _head(axes, title)
        return
    handed = [row for row in rows if sites[row].passed > 0]
    at_input = [sites[row].gradient * sites[row].passed for row in handed]
    axes.set_xscale("log")
    for row, low in zip(handed, at_input, strict=True):
        axes.plot([sites[row].gradient, low], [row, row], color=_FLOW, linewidth=1.2)
    axes.plot([sites[row].gradient for row in rows], rows, "o", color=_FLOW, markersize=6,
              label="at the output")  # fmt: skip
    axes.plot(at_input, handed, "o", color="white", markeredgecolor=_FLOW, markersize=5,
              label="handed on to the input")  # fmt: skip
    _head(axes, title)


# -------------------------------------------------------------------- the lower panels


def _by_depth(count: int) -> list[Any]:
    """Return one colour a site, from the first to the last."""
    viridis = need_extra("matplotlib.cm", "plot").viridis
    return [viridis(0.05 + 0.8 * k / max(1, count - 1)) for k in range(count)]


def _idle(sites: Sequence[SiteReport], colours: list[Any]) -> tuple[str, list[Line], bool]:
    """Return the dead channels over the steps, or the saturated elements where none is dead."""
    if not any(site.dead > 0 for site in sites):
        return "Saturated elements", _lines(sites, colours, lambda one: one.saturated), True
    lines = _lines(sites, colours, lambda one: one.dead)
    return "Dead channels", [line for line in lines if any(line.values)], True


def _learned(sites: Sequence[SiteReport], colours: list[Any]) -> tuple[str, list[Line], bool]:
    """Return the shape parameters over the steps, or the outputs' spread where none is learned."""
    short, lines = short_names([site.site for site in sites]), []
    for site, colour in zip(sites, colours, strict=True):
        for name in site.shape:
            rows = [(one.step, *one.shape[name]) for one in site.history if name in one.shape]
            steps, mean, low, high = (list(column) for column in zip(*rows, strict=True))
            lines.append(Line(f"{short[site.site]} {name}", steps, mean, colour, (low, high)))  # type: ignore[arg-type]
    if lines:
        return "Learned shape parameters", lines, False
    return "Standard deviation of the outputs", _lines(sites, colours, lambda one: one.std), False


def _lines(
    sites: Sequence[SiteReport], colours: list[Any], figure: Callable[[Any], float]
) -> list[Line]:
    short = short_names([site.site for site in sites])
    return [
        Line(short[site.site], [one.step for one in site.history],
             [figure(one) for one in site.history], colour)
        for site, colour in zip(sites, colours, strict=True)
    ]  # fmt: skip


def _over_steps(axes: Axes, title: str, lines: list[Line], percent: bool) -> None:
    axes.set_xlabel("step")
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    names = _legend([line.label for line in lines])
    for line in lines:
        axes.plot(line.steps, line.values, color=line.colour, label=names.get(line.label))
        if line.band is not None:
            axes.fill_between(line.steps, *line.band, color=line.colour, alpha=0.18, linewidth=0)
    if percent:
        axes.set_ylim(bottom=0, top=max(0.05, 1.08 * axes.get_ylim()[1] / 1.05))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    _head(axes, title)


def _legend(labels: list[str]) -> dict[str, str]:
    """Return what the legend says of a few lines; of many, only the first and the last."""
    if len(labels) > _MOST_LABELS:
        return {labels[0]: "first site", labels[-1]: "last site"}
    return {label: label if len(label) <= _WIDE else f"…{label[1 - _WIDE :]}" for label in labels}
