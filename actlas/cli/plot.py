"""`actlas plot NAME...`: figures for papers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from actlas.api import Activation
    from actlas.plotting import Panel

Names = Annotated[
    list[str], typer.Argument(help='Functions, also with parameters: relu "elu(alpha=2)".')
]
Derivative = Annotated[
    bool, typer.Option("-d", "--derivative", help="Draw the derivatives beside the functions.")
]
Order = Annotated[
    int, typer.Option(min=1, max=4, help="With --derivative: up to this order, 2 for f''.")
]
Saturation = Annotated[bool, typer.Option("--saturation", help="Draw |f'| on a logarithmic scale.")]
Quotient = Annotated[
    bool, typer.Option("--quotient", help="Draw the vanishing-gradient quotient f'/g'.")
]
Against = Annotated[str, typer.Option(metavar="NAME", help="The g of --quotient.")]
Span = Annotated[
    tuple[float, float] | None,
    typer.Option(
        "--range", metavar="LOW HIGH",
        help="What is drawn; by default -5 5, and -10 0 for --saturation and --quotient.",
    ),
]  # fmt: skip
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="A .png, .svg or .pdf file; by default named after all."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")]


def command(
    names: Names,
    derivative: Derivative = False,
    order: Order = 1,
    saturation: Saturation = False,
    quotient: Quotient = False,
    against: Against = "telu",
    span: Span = None,
    output: Output = None,
    force: Force = False,
) -> None:
    """Draw functions, their derivatives, and where these vanish.

    The options add panels: `actlas plot telu gelu -d --saturation --quotient` draws four.
    """
    from actlas.cli._output import default_name, writable
    from actlas.cli._subject import find_function
    from actlas.cli._terminal import check_span
    from actlas.errors import need_extra
    from actlas.plotting import draw, label, save

    if span is not None:
        check_span(span)
    functions = list(dict.fromkeys(find_function(name) for name in names))
    orders = [] if (saturation or quotient) and not derivative else [0]
    orders += list(range(1, order + 1)) if derivative or order > 1 else []
    shown = {"derivative": bool(orders[1:]), "saturation": saturation, "quotient": quotient}
    labels = list(map(label, functions))
    words = [word for word, wanted in shown.items() if wanted]
    path = writable(output or default_name(labels, words), force)
    need_extra("matplotlib", "plot")
    panels = _panels(functions, orders, saturation, against if quotient else None, span)
    few = functions if len(functions) <= 4 else []
    save(draw(panels, [(label(f), f.latex) for f in few]), path)
    typer.echo(f"drew {', '.join(labels)} into {path}")


def _panels(
    functions: Sequence[Activation],
    orders: Sequence[int],
    saturated: bool,
    against: str | None,
    span: tuple[float, float] | None,
) -> list[Panel]:
    from actlas.cli._subject import find_function
    from actlas.plotting import quotient, saturation, values

    where, left = span or (-5.0, 5.0), span or (-10.0, 0.0)
    panels = [values(functions, order, where) for order in orders]
    if saturated:
        panels.append(saturation(functions, left))
    if against is not None:
        panels.append(quotient(functions, find_function(against), left))
    return panels
