"""The report as Markdown, for papers and repositories: the same sentences and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from actlas.study.report.content import Sheet, remarks
from actlas.study.report.details import command, entries, study_file
from actlas.study.report.limits import caveats
from actlas.study.report.sheets import sheets

if TYPE_CHECKING:
    from actlas.study.result import Result


def markdown(result: Result, figures: Sequence[str] = ()) -> str:
    """Return the report as Markdown.

    Args:
        result: a finished study.
        figures: addresses of pictures to show, beside the file.
    """
    blocks = [
        f"# {result.headline}",
        f"**Bear in mind:** {caveats(result)[0]}",
        *map(_table, sheets(result)),
        *_remarks(result),
        *(f"![{address}]({address})" for address in figures),
        "## What was run",
        _list(f"**{term}**: {text}" for term, text in entries(result).items()),
        "## How to repeat it",
        f"Save this as `study.toml`, then `{command(result)}`.",
        f"```toml\n{study_file(result)}```",
        "## What this study cannot say",
        _list(caveats(result)),
    ]
    return "\n\n".join(blocks) + "\n"


def _remarks(result: Result) -> list[str]:
    joint = [] if result.across is None else remarks(result.across)
    crossed = [] if result.interaction is None else result.interaction.remarks
    said = [*joint, *crossed]
    return [_list(said)] if said else []


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _table(sheet: Sheet) -> str:
    aligned = ["---", *["---:"] * (len(sheet.headings) - 1)]
    rows = [sheet.headings, aligned, *sheet.rows]
    lines = "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in rows)
    return f"## {sheet.title}\n\n{sheet.note}\n\n{lines}"


def _cell(text: str) -> str:
    """Return a cell that stays one.

    >>> _cell("a|b")
    'a\\\\|b'
    """
    return text.replace("|", "\\|")
