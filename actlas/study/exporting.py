"""Finished runs for other programs: JSON lines, CSV, Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from actlas.errors import ActlasError, nearest, need_extra
from actlas.study.training import Record


def json_lines(records: Iterable[Record]) -> str:
    """Return one line of JSON for each run, as `Record.from_json` reads it."""
    return "".join(f"{record.to_json()}\n" for record in records)


def flat(record: Record) -> dict[str, Any]:
    """Return a run as one row: its specification, its scores, its two curves, its machine."""
    fields = asdict(record)
    spec = fields.pop("spec")
    row = {"key": record.spec.key, **spec, **fields}
    texts = {name: json.dumps(row[name]) for name in ("parameters", "learned", "machine")}
    curves = {name: list(row[name]) for name in ("validation_curve", "loss_curve")}
    return {**row, **texts, **curves, "phase": record.spec.phase.value}


def _write_json_lines(records: list[Record], path: Path) -> None:
    path.write_text(json_lines(records), encoding="utf-8")


def _write_csv(records: list[Record], path: Path) -> None:
    text = io.StringIO(newline="")
    rows = [flat(record) for record in records]
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    path.write_text(text.getvalue(), encoding="utf-8", newline="")


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list) else value


def _write_parquet(records: list[Record], path: Path) -> None:
    rows = [flat(record) for record in records]
    if find_spec("pyarrow") is None and find_spec("polars") is not None:
        need_extra("polars", "parquet").DataFrame(rows).write_parquet(path)
        return
    arrow = need_extra("pyarrow", "parquet")
    need_extra("pyarrow.parquet", "parquet").write_table(arrow.Table.from_pylist(rows), path)


FORMATS: Mapping[str, Callable[[list[Record], Path], None]] = {
    "jsonl": _write_json_lines,
    "csv": _write_csv,
    "parquet": _write_parquet,
}


def export_runs(records: Iterable[Record], path: Path) -> int:
    """Write runs to a file in the format that its name ends in, and return how many.

    Args:
        records: what `Store.records` yields.
        path: ends in .jsonl, .csv or .parquet; in CSV, curves and parameters are JSON.

    Raises:
        ActlasError: for another ending, no runs, a file that cannot be written, or Parquet
            without pyarrow and polars.
    """
    ending = path.suffix[1:].lower()
    if ending not in FORMATS:
        allowed = ", ".join(f".{name}" for name in FORMATS)
        raise ActlasError(
            f"cannot tell the format of {path}; its name must end in {allowed}."
            f"{nearest(ending, FORMATS)}"
        )
    runs = list(records)
    if not runs:
        raise ActlasError("there is no finished run to export yet")
    part = path.with_name(path.name + ".part")
    try:
        FORMATS[ending](runs, part)
        part.replace(path)
    except OSError as error:
        raise ActlasError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    return len(runs)
