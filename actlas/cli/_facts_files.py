"""The property table as CSV and as Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from actlas.errors import ActlasError, need_extra
from actlas.facts.table import COLUMNS, NUMBER, NUMBERS, TEXT, WHOLE, YES_NO

Rows = Sequence[Mapping[str, Any]]
_ARROW = {TEXT: "string", WHOLE: "int64", NUMBER: "float64", YES_NO: "bool_"}


def as_csv(rows: Rows) -> str:
    """Return the table as CSV: nothing for what is empty, JSON for several numbers."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in COLUMNS])
    writer.writerows([_cell(row[column.name]) for column in COLUMNS] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, list) else value


def write_parquet(rows: Rows, path: Path) -> None:
    """Write the table with typed columns, by pyarrow or polars.

    Raises:
        ActlasError: if neither is installed, or the file cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        if find_spec("pyarrow") is None and find_spec("polars") is not None:
            _by_polars(rows, part)
        else:
            _by_arrow(rows, part)
        part.replace(path)
    except OSError as error:
        raise ActlasError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def _by_arrow(rows: Rows, path: Path) -> None:
    arrow = need_extra("pyarrow", "parquet")
    several = arrow.list_(arrow.float64())
    fields = [
        (c.name, several if c.type == NUMBERS else getattr(arrow, _ARROW[c.type])())
        for c in COLUMNS
    ]
    table = arrow.Table.from_pylist(list(rows), schema=arrow.schema(fields))
    need_extra("pyarrow.parquet", "parquet").write_table(table, path)


def _by_polars(rows: Rows, path: Path) -> None:
    polars = need_extra("polars", "parquet")
    types = {
        TEXT: polars.String, WHOLE: polars.Int64, NUMBER: polars.Float64,
        YES_NO: polars.Boolean, NUMBERS: polars.List(polars.Float64),
    }  # fmt: skip
    columns = {column.name: types[column.type] for column in COLUMNS}
    polars.DataFrame(list(rows), schema=columns).write_parquet(path)
