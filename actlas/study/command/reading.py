"""Scores in what a program has printed: by a regular expression, or in lines of JSON."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from actlas.study.command.call import JSON


def scores(metric: str, text: str) -> list[float]:
    """Return every score in order; NaN for one that is no number.

    Args:
        metric: a regular expression, or "json:KEY"; a dot in KEY goes into an object.
        text: what the program has printed.

    >>> scores(r"accuracy (\\S+)", "accuracy 0.5\\naccuracy nan\\n")
    [0.5, nan]
    >>> scores("json:test.f1", 'done\\n{"test": {"f1": 0.75}}\\n')
    [0.75]
    """
    if metric.startswith(JSON):
        path = metric.removeprefix(JSON).split(".")
        found = [_inside(line, path) for line in text.splitlines()]
        return [_number(value) for value in found if value is not _NOTHING]
    return [_number(match[match.re.groups]) for match in re.finditer(metric, text, re.MULTILINE)]


_NOTHING = object()


def _inside(line: str, path: list[str]) -> Any:
    """Return the value at the end of the path, or `_NOTHING`."""
    try:
        found: Any = json.loads(line) if line.lstrip().startswith("{") else _NOTHING
        for key in path:
            found = found[key]
    except (ValueError, KeyError, TypeError, RecursionError):
        return _NOTHING
    return found


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def final(metric: str, text: str) -> float:
    """Return the last score; NaN where there is none, or it is not finite."""
    found = scores(metric, text)
    return found[-1] if found and math.isfinite(found[-1]) else math.nan
