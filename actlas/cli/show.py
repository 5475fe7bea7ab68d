"""`actlas show NAME`: everything that is known about one function or unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from actlas.api import Activation
    from actlas.nn.structured import Unit

Name = Annotated[
    str, typer.Argument(help='Id, alias or title, also with parameters: "elu(alpha=2)".')
]
Settings = Annotated[
    list[str] | None,
    typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="Set a parameter; repeatable."),
]
Span = Annotated[
    tuple[float, float], typer.Option("--range", metavar="LOW HIGH", help="What the curve shows.")
]
Source = Annotated[
    str | None,
    typer.Option(metavar="LANGUAGE", help="Print it as c, javascript, torch, numpy, jax or latex."),
]
Cite = Annotated[bool, typer.Option("--cite", help="Print the BibTeX entry, nothing else.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def command(
    name: Name,
    parameter: Settings = None,
    span: Span = (-5.0, 5.0),
    source: Source = None,
    cite: Cite = False,
    as_json: AsJson = False,
) -> None:
    """Show a function: formula, derivative, curve, facts, paper, traps."""
    from actlas.cli._page import print_function, print_unit
    from actlas.cli._subject import find_subject
    from actlas.cli._terminal import check_span, console
    from actlas.nn.structured import Unit

    check_span(span)
    found = find_subject(name, parameter or ())
    if cite:
        key = found.id if isinstance(found, Unit) else found.name
        typer.echo(found.paper.bibtex(key))
    elif source is not None:
        typer.echo(_source(found, source))
    elif as_json:
        _print_json(found)
    elif isinstance(found, Unit):
        print_unit(console(), found)
    else:
        print_function(console(), found, span)


def _source(found: Activation | Unit, language: str) -> str:
    from actlas.errors import ActlasError
    from actlas.nn.structured import Unit

    if isinstance(found, Unit):
        raise ActlasError(f"{found.id} is a structured unit; it has no source but its module")
    return found.source(language)


def _print_json(found: Activation | Unit) -> None:
    from actlas.cli._records import function_record, unit_record
    from actlas.cli._terminal import print_json
    from actlas.nn.structured import Unit

    record: dict[str, Any]
    record = unit_record(found) if isinstance(found, Unit) else function_record(found)
    print_json(record)
