"""What a monitor has seen, as values: for people as a table, for machines as numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actlas.surgery.monitor.record import FIGURES, Observation, Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console, ConsoleOptions
    from rich.table import Table


@dataclass(frozen=True)
class SiteReport:
    """One site: its figures over the window (see `Observation`) and its history.

    `elements` is how many elements of each channel the window holds; `note` says why figures are
    NaN.
    """

    site: str
    function: str
    channels: int
    elements: int
    dead: float
    saturated: float
    linear: float
    mean: float
    std: float
    gradient: float
    passed: float
    shape: dict[str, tuple[float, float, float]]
    note: str
    history: tuple[Observation, ...]


@dataclass(frozen=True)
class Report:
    """All sites in the order in which they run.

    `left_out` names what was looked at and is no site, with the reason.
    """

    sites: tuple[SiteReport, ...]
    left_out: dict[str, str]
    steps: int
    observed: int
    tolerance: float

    def values(self) -> dict[str, float]:
        """Return every known figure as "site/figure", for a logger."""
        found = {
            f"{site.site}/{name}": float(getattr(site, name))
            for site in self.sites for name in FIGURES
        }  # fmt: skip
        for site in self.sites:
            found |= {f"{site.site}/{name}": mean for name, (mean, *_) in site.shape.items()}
        return {name: value for name, value in found.items() if not math.isnan(value)}

    def table(self, width: int | None = None) -> Table:
        """Return the figures as a rich table; with `width`, only the columns that fit."""
        from actlas.surgery.monitor.table import table

        return table(self, width)

    def plot(self, path: str | Path | None = None) -> Figure:
        """Return a matplotlib figure; with `path`, write it there too (png, svg or pdf)."""
        from actlas.surgery.monitor.plot import draw, save

        figure = draw(self)
        if path is not None:
            save(figure, Path(path))
        return figure

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        yield self.table(options.max_width)

    def __str__(self) -> str:
        from actlas.surgery.monitor.table import as_text

        return as_text(self.table())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Show the table in a notebook."""
        return {"text/plain": str(self)}


def report_of(
    records: dict[str, Record], left_out: dict[str, str], steps: int, observed: int,
    tolerance: float,
) -> Report:  # fmt: skip
    """Return the report of a monitor's records."""
    kept, left_out = [], {name: why for name, why in left_out.items() if name not in records}
    for name, record in records.items():
        if record.mixes and not record.site.asked and not record.site.ours:
            left_out[name] = record.note
        elif record.count:
            kept.append(_site_report(name, record))
    return Report(tuple(kept), left_out, steps, observed, tolerance)


def _site_report(name: str, record: Record) -> SiteReport:
    figures = {figure: record.figure(figure) for figure in FIGURES}
    return SiteReport(
        site=name, function=record.site.function, channels=record.channels,
        elements=sum(record.rows), shape=record.recent[-1].shape, note=record.note,
        history=tuple(record.history), **figures,
    )  # fmt: skip
