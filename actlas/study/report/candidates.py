"""A scan of many functions: which of them are worth a study of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from actlas.study.analysis import Row
from actlas.study.statistics import benjamini_hochberg
from actlas.study.wording import listed

if TYPE_CHECKING:
    from actlas.study.result import TaskResult

MANY = 10  # comparisons: from here on Holm's correction leaves little to be found
_FALSE = 0.1  # the share of false ones that is accepted among the candidates


def candidates(part: TaskResult) -> tuple[Row, ...]:
    """Return the functions that differ from the reference by Benjamini-Hochberg at 10 %.

    Empty for an adaptive study, whose p-values would not hold over its looks.
    """
    rows = [row for row in part.table if row.verdict is not None]
    p = [row.difference.p for row in rows if row.difference and row.difference.p is not None]
    if not p or len(p) < len(rows):
        return ()
    adjusted = benjamini_hochberg(p)
    return tuple(row for row, q in zip(rows, adjusted, strict=True) if q <= _FALSE)


def in_words(part: TaskResult) -> str:
    """Return what a scan of many functions suggests; nothing for few, or an adaptive study."""
    compared = len(part.arms) - 2
    if part.plan.design != "fixed" or compared < MANY:
        return ""
    return (
        f"A scan of {compared} functions: by Benjamini-Hochberg at 10 %, {_found(part)}. Up to one "
        "in ten of such finds is false on average, so a candidate has to be confirmed by a study "
        "with fresh seeds; the verdicts do not rest on this."
    )


def _found(part: TaskResult) -> str:
    sides: dict[bool, list[str]] = {True: [], False: []}
    for row in candidates(part):
        assert row.difference is not None
        sides[row.difference.interval.mean > 0].append(row.arm.title)
    said = [
        f"{listed(names)} {_are(names)} for {'better' if up else 'worse'}"
        for up, names in sides.items()
        if names
    ]
    return "; ".join(said) or "there is no candidate"


def _are(names: Sequence[str]) -> str:
    return "are candidates" if len(names) > 1 else "is a candidate"
