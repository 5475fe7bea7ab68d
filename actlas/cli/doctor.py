"""`actlas doctor`: what is installed, what will run, and whether it is right."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def command(as_json: AsJson = False) -> None:
    """Look at this installation: versions, devices, extras, data sets, a self-check.

    The exit code is 1 if the self-check fails.
    """
    from actlas.cli._diagnosis import diagnose, print_diagnosis
    from actlas.cli._terminal import console, print_json

    diagnosis = diagnose()
    if as_json:
        print_json(diagnosis.sections)
    else:
        print_diagnosis(console(), diagnosis)
    if not diagnosis.healthy:
        raise typer.Exit(1)
