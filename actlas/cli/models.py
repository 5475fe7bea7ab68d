"""`actlas models`: the networks as a table."""

from __future__ import annotations

from typing import Annotated

import typer

Search = Annotated[
    str | None,
    typer.Option(metavar="WORD", help="Only where name, title, paper or sentence has WORD."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def command(search: Search = None, as_json: AsJson = False) -> None:
    """List every network: paper, what it takes, how many parameters.

    A study takes one with `actlas compare --network "wide_resnet(depth=10, width=1)"`.
    """
    from actlas.cli._networks import found, print_networks, record
    from actlas.cli._terminal import print_json

    entries = found(search)
    if as_json:
        print_json({"networks": list(map(record, entries))})
    else:
        print_networks(entries)
