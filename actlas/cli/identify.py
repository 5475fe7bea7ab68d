"""`actlas identify WHAT`: which function of the catalogue is it?"""

from __future__ import annotations

from typing import Annotated, Any

import typer

What = Annotated[
    str,
    typer.Argument(
        help='A name ("jax:gelu", "onnx:Gelu(approximate=tanh)"), a formula ("x*sigmoid(1.7*x)") '
        'or an object in Python ("my_package.my_module:my_function").'
    ),
]
Library = Annotated[str | None, typer.Option(metavar="NAME", help="Whose name it is.")]
Span = Annotated[
    tuple[float, float], typer.Option("--range", metavar="LOW HIGH", help="Where to compare.")
]
Tolerance = Annotated[
    float, typer.Option(metavar="NUMBER", help="The difference up to which it counts as known.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def command(
    what: What,
    library: Library = None,
    span: Span = (-10.0, 10.0),
    tolerance: Tolerance = 1e-3,
    as_json: AsJson = False,
) -> None:
    """Say which function of the catalogue a name, a formula or an object is, and how near."""
    from actlas.cli._terminal import check_span, print_json
    from actlas.surgery.identification import identify

    check_span(span)
    found = identify(_object(what), library=library, interval=span, tolerance=tolerance)
    if as_json:
        print_json(found.as_dict())
    else:
        typer.echo(str(found))


def _object(what: str) -> Any:
    """Return the Python object that "module:name" means, or the text itself."""
    import re

    from actlas.errors import ActlasError, import_here
    from actlas.surgery.identification.table import find_library

    place = re.fullmatch(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)", what)
    if place is None or find_library(place[1]) or place[1] in ("torch", "pytorch"):
        return what
    try:
        found: Any = import_here(place[1])
    except ActlasError:
        if "." in place[1]:
            raise
        return what  # more likely a library whose name is misspelt
    for part in place[2].split("."):
        if not hasattr(found, part):
            raise ActlasError(f"{place[1]} has no {place[2]}")
        found = getattr(found, part)
    return found
