"""`actlas explore`: the atlas in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Build = Annotated[
    Path | None,
    typer.Option("--build", metavar="DIR", help="Write the page for any static host and stop."),
]
Port = Annotated[int, typer.Option(help="A port of 127.0.0.1; 0 takes a free one.")]
NoOpen = Annotated[bool, typer.Option("--no-open", help="Only serve; open no browser.")]


Measured = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Costs from a result of actlas bench."),
]
Studies = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Verdicts of claims; by default studies/results, if there."),
]


def command(
    build: Build = None,
    port: Port = 0,
    no_open: NoOpen = False,
    measured: Measured = None,
    studies: Studies = None,
) -> None:
    """Open the explorer: every function alive, with sliders, facts, papers and code.

    Everything is one page made from the catalogue; it works offline and asks nobody for anything.
    """
    from tempfile import TemporaryDirectory

    from actlas.explorer import costs, listen, serve, write
    from actlas.explorer.studies import FOLDER

    given = None if measured is None else costs.read(measured)
    if build is not None:
        typer.echo(f"wrote {write(build, costs=given, studies=studies or FOLDER)}")
        return
    with TemporaryDirectory(prefix="actlas-explorer-") as folder, listen(Path(folder), port) as on:
        typer.echo("making the page from the catalogue ...", err=True)
        write(folder, costs=given, studies=studies or FOLDER)
        serve(on, browse=not no_open)
