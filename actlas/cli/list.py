"""`actlas list`: the catalogue as a table."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Order(StrEnum):
    """What the table is sorted by."""

    FAMILY = "family"
    NAME = "name"
    YEAR = "year"
    GAIN = "gain"
    PARAMETERS = "parameters"
    STATUS = "status"


Tag = Annotated[
    str | None,
    typer.Option(metavar="TAG", help="Only a family or tag: torch, learnable, reconstructed ..."),
]
Search = Annotated[
    str | None,
    typer.Option(metavar="WORD", help="Only where name, title, alias, paper or sentence has WORD."),
]
Sort = Annotated[Order, typer.Option(help="Sort by this column.")]
UnitsOnly = Annotated[bool, typer.Option("--units", help="Only the structured units.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def command(
    tag: Tag = None,
    search: Search = None,
    sort: Sort = Order.FAMILY,
    units: UnitsOnly = False,
    as_json: AsJson = False,
) -> None:
    """List every function: paper, parameters, gain and status."""
    from actlas.cli._listing import functions_found, print_listing, units_found
    from actlas.cli._records import summary, unit_record
    from actlas.cli._terminal import print_json

    functions = [] if units else functions_found(tag, search, sort.value)
    structured = [] if tag else units_found(search)
    if as_json:
        print_json({"functions": list(map(summary, functions)),
                    "units": list(map(unit_record, structured))})  # fmt: skip
    else:
        print_listing(functions, structured)
