"""A report as a table for a terminal."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from actlas.surgery.monitor.labels import short_names

if TYPE_CHECKING:
    from actlas.surgery.monitor.report import Report, SiteReport

_BAR = 12  # characters
# Glyphs and colours of the bar; both differ, so that it can be read without colours.
_SATURATED, _CURVED, _LINEAR = ("\u2588", "#D55E00"), ("\u2592", "#9a9a9a"), ("\u2591", "#56B4E9")
_ALARM = "bold red"
_BOX = box.Box("    \n    \n ── \n    \n    \n    \n    \n    \n")


@dataclass(frozen=True)
class Column:
    """One column; where the terminal is narrow the largest `rank` gives way first, 0 never."""

    heading: str
    cell: Callable[[SiteReport], Text]
    justify: Literal["left", "right"] = "right"
    rank: int = 0


def _columns(report: Report) -> list[Column]:
    names = short_names([site.site for site in report.sites])
    learned = [Column("learned", _learned, "left", rank=2)]
    return [
        Column("site", lambda site: Text(names[site.site]), "left"),
        Column("function", lambda site: Text(site.function), "left", rank=4),
        Column("channels", lambda site: Text(f"{site.channels:,}"), rank=5),
        Column("dead", _dead),
        Column("saturated", lambda site: _percent(site.saturated)),
        Column("", _bar, "left", rank=3),
        Column("linear", lambda site: _percent(site.linear), rank=1),
        Column("output", lambda site: Text(_moments(site.mean, site.std)), rank=6),
        Column("gradient", lambda site: Text(_power(site.gradient))),
        Column("passed", lambda site: _percent(site.passed), rank=7),
        *(learned if any(site.shape for site in report.sites) else []),
    ]  # fmt: skip


def table(report: Report, width: int | None = None) -> Table:
    """Return one row a site and below what the words mean, with the columns that fit `width`."""
    columns, paper = _columns(report), Console(width=10_000, file=io.StringIO())
    while True:
        shown = _build(report, columns)
        least = max(columns, key=lambda column: column.rank)
        if width is None or not least.rank or paper.measure(shown).maximum <= width:
            return shown
        columns.remove(least)


def _build(report: Report, columns: list[Column]) -> Table:
    shown = Table(
        title=f"{len(report.sites)} activation sites after {report.steps:,} steps, "
        f"{report.observed:,} of them observed",
        caption=_caption(report), title_justify="left", caption_justify="left",
        title_style="bold", caption_style="", box=_BOX, padding=(0, 1, 0, 0), pad_edge=False,
    )  # fmt: skip
    for column in columns:
        fixed = column.heading != "site"
        shown.add_column(column.heading, justify=column.justify, no_wrap=fixed, overflow="fold")
    for site in report.sites:
        shown.add_row(*(column.cell(site) for column in columns))
    return shown


def _caption(report: Report) -> Text:
    near = f"{100 * report.tolerance:g} %"
    elements = min((site.elements for site in report.sites), default=0)
    shown = Text.assemble(
        _SATURATED, f" saturated: |f'| within {near} of 0   ", _CURVED, " curved   ", _LINEAR,
        " linear: on an asymptote with a slope, as near (of the RMS slope)\n",
        f"dead: channels with all of their last {elements:,} or more elements saturated   "
        "output: mean ± standard deviation\n",
        "gradient: RMS of ∂loss/∂output   passed: the part of it that f' lets through",
    )  # fmt: skip
    notes = [f"{site.site}: {site.note}" for site in report.sites if site.note]
    notes += [f"left out: {name}, {reason}" for name, reason in report.left_out.items()]
    return Text("\n").join([shown, *map(Text, notes)])


def _percent(value: float) -> Text:
    if math.isnan(value):
        return Text("–", style="dim")
    text = f"{100 * value:.0f} %" if value >= 0.0995 or value == 0 else f"{100 * value:.1f} %"
    return Text("< 0.1 %" if text == "0.0 %" else text, style="dim" if value < 0.0005 else "")


def _dead(site: SiteReport) -> Text:
    text = _percent(site.dead)
    if site.dead > 0:
        text.stylize(_ALARM)
    return text


def _bar(site: SiteReport) -> Text:
    """Return the three regimes as parts of one bar."""
    if math.isnan(site.saturated):
        return Text("")
    full = round(_BAR * site.saturated)
    light = min(round(_BAR * site.linear), _BAR - full)
    parts = zip((full, _BAR - full - light, light), (_SATURATED, _CURVED, _LINEAR), strict=True)
    return Text.assemble(*((glyph * count, colour) for count, (glyph, colour) in parts))


def _moments(mean: float, std: float) -> str:
    return f"{mean:.2f} ± {std:.2f}".replace("-", "\N{MINUS SIGN}")


def _power(value: float) -> str:
    """Return a number in the form 1.2e−04."""
    if math.isnan(value):
        return "–"
    return f"{value:.1e}".replace("-", "\N{MINUS SIGN}")


def _learned(site: SiteReport) -> Text:
    """Return the shape parameters: one value, or least to largest over the channels."""
    parts = []
    for name, (mean, least, largest) in site.shape.items():
        same = math.isclose(least, largest, rel_tol=1e-6)
        numbers = f"{mean:.3g}" if same else f"{least:.3g} … {largest:.3g}"
        parts.append(f"{name} {numbers}".replace("-", "\N{MINUS SIGN}"))
    return Text(", ".join(parts))


def as_text(shown: Table, width: int = 160) -> str:
    """Return the table without colours, as wide as it needs to be up to `width`."""
    page = Console(file=io.StringIO(), width=width, no_color=True, highlight=False, emoji=False)
    page.print(shown)
    return page.file.getvalue().rstrip()  # type: ignore[attr-defined, no-any-return]
