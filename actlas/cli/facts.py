"""`actlas facts`: every fact of every function as one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAMES]", help='Functions, also "elu(alpha=2)"; by default all.'),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the table as JSON.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print the table as CSV.")]
Parquet = Annotated[
    Path | None, typer.Option("--parquet", metavar="FILE", help="Write it as FILE.parquet.")
]
Schema = Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of the table.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]


def command(
    names: Names = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    parquet: Parquet = None,
    schema: Schema = False,
    force: Force = False,
) -> None:
    """Give the facts of functions as a table, and which of them are proved."""
    from actlas.cli._facts_files import as_csv as to_csv
    from actlas.cli._facts_files import write_parquet
    from actlas.cli._output import writable
    from actlas.cli._terminal import console, print_json
    from actlas.errors import ActlasError
    from actlas.facts.table import schema as schema_of

    if as_json + as_csv + schema + (parquet is not None) > 1:
        raise ActlasError("give one of --json, --csv, --parquet and --schema")
    if schema:
        print_json(schema_of())
        return
    place = writable(parquet, force, ("parquet",)) if parquet is not None else None
    rows = [_row(name) for name in names] if names else _all_rows()
    if place is not None:
        write_parquet(rows, place)
        typer.echo(f"wrote {len(rows)} rows to {place}")
    elif as_csv:
        typer.echo(to_csv(rows), nl=False)
    elif as_json:
        print_json(rows)
    else:
        console(piped_width=120).print(_short(rows))


def _all_rows() -> list[dict[str, Any]]:
    from actlas.catalogue import load
    from actlas.facts.table import row

    return [row(entry) for entry in load().values()]


def _row(name: str) -> dict[str, Any]:
    from actlas.cli._subject import find_subject
    from actlas.errors import ActlasError
    from actlas.facts.table import row
    from actlas.nn.structured import Unit

    found = find_subject(name)
    if isinstance(found, Unit):
        raise ActlasError(f"{found.id} is a structured unit; facts are those of functions")
    return row(found.definition, dict(found.values))


def _short(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return the columns that fit a terminal; the files have all of them."""
    from rich import box
    from rich.table import Table

    from actlas.facts.wording import number

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    for heading in ("id", "inf f", "sup f", "monotone", "smoothness", "sup |f′|", "gain", "proved"):
        table.add_column(heading, no_wrap=True)
    for row in rows:
        flags = [value for name, value in row.items() if name.endswith("_proved")]
        proved = f"{sum(map(bool, flags))} of {len(flags)}" if flags[0] is not None else "–"
        monotone = "–" if row["monotone"] is None else "yes" if row["monotone"] else "no"
        table.add_row(
            row["id"], number(row["range_low"]), number(row["range_high"]), monotone,
            row["smoothness"] or "–", number(row["lipschitz"]), number(row["gain"], 4), proved,
        )  # fmt: skip
    return table
