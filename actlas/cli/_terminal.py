"""What all commands print with: a console, tables, JSON."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from actlas.errors import ActlasError


def console(piped_width: int = 100) -> Console:
    """Return a console for stdout: as wide as the terminal, or `piped_width` into a pipe."""
    fixed = None if sys.stdout.isatty() or "COLUMNS" in os.environ else piped_width
    return Console(width=fixed, markup=False, highlight=False, emoji=False)


def narrowed(table: Table, screen: Console, less_important: Iterable[str]) -> Table:
    """Return the table without its less important columns where it would not fit.

    They are named by their headings, the first to go first; of two with one heading the left goes.
    """
    unlimited = screen.options.update(max_width=10_000)
    for heading in less_important:
        if screen.measure(table, options=unlimited).maximum <= screen.width:
            break
        places = [i for i, column in enumerate(table.columns) if column.header == heading]
        if places:
            del table.columns[places[0]]
    return table


def print_json(value: Any) -> None:
    """Print `value` as strict JSON; infinities become "inf" and "-inf", NaN becomes null."""
    typer.echo(json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def check_span(span: tuple[float, float]) -> None:
    """Raise ActlasError unless `span` is a finite interval from low to high."""
    low, high = span
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ActlasError(f"--range needs two numbers, low below high, got {low:g} {high:g}")
