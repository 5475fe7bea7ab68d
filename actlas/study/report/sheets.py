"""Every table of the report, in order: the same in Markdown and LaTeX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actlas.study.report import content
from actlas.study.report.content import Sheet
from actlas.study.report.cost_sheet import cost
from actlas.study.report.profiles import all_runs
from actlas.study.report.search_sheet import tuning
from actlas.study.report.size_sheet import size

if TYPE_CHECKING:
    from actlas.study.result import Result

_OF_TASK = (content.comparison, content.methods, tuning, content.shorter, cost, size)


def sheets(result: Result) -> list[Sheet]:
    """Return every table of a report, those over all tasks and recipes first."""
    over = [content.heat(result)] if len(result.parts) > 1 else []
    if result.across is not None:
        over += [content.over_tasks(result.across), all_runs(result)]
    if result.interaction is not None:
        over.append(content.changes(result.interaction))
    one = [make(part) for part in result.parts for make in _OF_TASK]
    return over + [sheet for sheet in one if sheet.rows]
