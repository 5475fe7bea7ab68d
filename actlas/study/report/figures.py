"""The pictures of the report for papers: PNG and SVG, drawn with matplotlib."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actlas.errors import need_extra
from actlas.study.report import drawings
from actlas.study.report.content import scores_of
from actlas.study.report.critical_difference import critical_difference

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from actlas.study.result import Result, TaskResult

FORMATS = ("png", "svg")
_STYLE: dict[str, Any] = {
    "font.size": 9, "axes.titlesize": 9, "axes.spines.top": False, "axes.spines.right": False,
    "axes.linewidth": 0.7, "lines.linewidth": 1.5, "figure.facecolor": "white",
    "savefig.facecolor": "white", "svg.hashsalt": "actlas",
}  # fmt: skip
OF_TASK: Mapping[str, Callable[[Any, TaskResult], None]] = {
    "intervals": drawings.intervals,
    "curves": drawings.curves,
    "rates": drawings.rates,
    "cost": drawings.cost,
}


def write_figures(result: Result, folder: Path) -> list[Path]:
    """Write every figure as PNG and SVG, and return the paths; the same study, the same bytes.

    Args:
        result: a finished study.
        folder: made if it is not there.

    Raises:
        ActlasError: without matplotlib.
    """
    matplotlib = need_extra("matplotlib", "plot")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with matplotlib.rc_context(_STYLE):
        for name, figure in _figures(result).items():
            for ending in FORMATS:
                paths.append(folder / f"{name}.{ending}")
                stamp = {"Date": None} if ending == "svg" else None
                figure.savefig(paths[-1], dpi=160, metadata=stamp)
    if result.across is not None:
        paths.append(folder / "ranks.svg")
        paths[-1].write_text(critical_difference(*scores_of(result.across.lines)), "utf-8")
    return paths


def _figures(result: Result) -> dict[str, Figure]:
    found = {
        f"{name}-{file_name(part.name)}": _drawn(draw, part)
        for part in result.parts
        for name, draw in OF_TASK.items()
    }
    if len(result.parts) > 1:
        found["heat"] = _drawn(drawings.heat, result)
    if result.across is not None:
        found["profiles"] = _drawn(drawings.profiles, result)
    return found


def _drawn(draw: Callable[[Any, Any], None], what: Result | TaskResult) -> Figure:
    figures = need_extra("matplotlib.figure", "plot")
    figure: Figure = figures.Figure(layout="constrained")
    draw(figure, what)
    return figure


def file_name(part: str) -> str:
    """Return a part's name as part of a file's.

    >>> file_name("own_task:waves"), file_name("digits@own gain")
    ('own_task-waves', 'digits@own-gain')
    """
    return re.sub(r"[^\w@-]+", "-", part)
