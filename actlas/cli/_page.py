"""The page of one function in the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from actlas.api import Activation
from actlas.catalogue import Definition, Parameter, Value
from actlas.cli._braille import Line, draw
from actlas.cli._formula import formula
from actlas.facts.evidence import Evidence, evidence
from actlas.facts.wording import fact_rows, finding, listed, moment_rows, number
from actlas.nn.structured import Unit
from actlas.plotting import RECONSTRUCTED

F_STYLE, SLOPE_STYLE = "bold cyan", "yellow"
_GAP = Text("")
_MOST_LINES = 12  # of a formula


def print_function(console: Console, function: Activation, span: tuple[float, float]) -> None:
    """Print everything that is known about a function; `span` is what the curve shows."""
    console.print(_head(function.title, function.name, function.family, function.paper.year))
    console.print(function.description, _GAP, _formulas(console, function), sep="\n")
    if function.parameters:
        console.print(_GAP, _parameters(function), sep="\n")
    if len(function.definition.inputs) == 1:
        console.print(_GAP, _curves(console, function, span), _GAP, _facts(function), sep="\n")
        if function.definition.claims:
            console.print(_GAP, _claims(function), sep="\n")
    entry = function.definition
    console.print(_GAP, _source(entry, _calls(function)), sep="\n")
    _print_notes(console, entry.collisions, entry.errata)


def print_unit(console: Console, unit: Unit) -> None:
    """Print what is known about a structured unit."""
    import inspect

    console.print(_head(unit.title, unit.id, "structured unit", unit.paper.year))
    signature = str(inspect.signature(unit.cls)).replace("'", "").removesuffix(" -> None")
    console.print(unit.description, _GAP, sep="\n")
    call = f"actlas.nn.{unit.cls.__name__}{signature}"
    console.print(Text("\n".join(textwrap.wrap(call, console.width - 4, subsequent_indent="    "))))
    console.print(_GAP, _source(unit), sep="\n")
    _print_notes(console, unit.collisions, unit.errata)


def _head(title: str, name: str, family: str, year: int) -> Text:
    known = [name, family.replace("_", " "), *([str(year)] if year > 1 else [])]
    return Text.assemble((title, "bold"), ("   " + " · ".join(known), "bright_black"))


def _formulas(console: Console, function: Activation) -> RenderableType:
    width = console.width - 4
    names = ", ".join(function.definition.inputs)
    printed = _short(formula(function.expression(as_printed=True), f"f({names})", width))
    slope = "f′(x)" if len(function.definition.inputs) == 1 else "∂f/∂x"
    first = _short(formula(function.derivative().expression(), slope, width))
    latex = Text.assemble(("LaTeX  ", "bright_black"), (function.latex, "bright_black"))
    rows = (Text(printed, style=F_STYLE), Text(first, style=SLOPE_STYLE), latex)
    return Padding(Group(*rows), (0, 0, 0, 2))


def _short(text: str) -> str:
    head = text.partition(" = ")[0]
    fits = len(text.splitlines()) <= _MOST_LINES
    return text if fits else f"{head} = …   (long: --json has it in LaTeX)"


def _parameters(function: Activation) -> Table:
    table = _table("parameter", "value", "default", "domain", "learnable")
    values = dict(function.values)
    for name, parameter in function.parameters.items():
        table.add_row(
            name, _value(values[name]), _value(parameter.default), _domain(parameter),
            "yes" if parameter.learnable else "no",
        )  # fmt: skip
    return table


def _value(value: Value) -> str:
    if isinstance(value, str):
        return value
    return f"({listed(value)})" if isinstance(value, tuple) else number(value)


def _domain(parameter: Parameter) -> str:
    each = "each " if parameter.is_vector else ""
    return " or ".join(parameter.choices) if parameter.choices else each + parameter.domain.text


def _curves(console: Console, function: Activation, span: tuple[float, float]) -> RenderableType:
    slope = function.derivative()

    def values(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(function(x))

    def slopes(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(slope(x))

    lines = [Line(values, F_STYLE), Line(slopes, SLOPE_STYLE, dotted=True)]
    legend = Text.assemble(("━━ f", F_STYLE), "   ", ("┅┅ f′", SLOPE_STYLE))
    columns = max(min(console.width - 12, 72), 20)
    picture = draw(lines, *span, columns=columns, rows=15)
    return Padding(Group(legend, picture), (0, 0, 0, 2))


def _facts(function: Activation) -> RenderableType:
    """Lay the facts out: shape to the left, what a standard normal input meets to the right."""
    facts = function.facts
    proofs = evidence(facts)
    rows = [(name, value, _mark(proofs.get(name))) for name, value in fact_rows(facts)]
    grid = Table.grid(padding=(0, 3))
    grid.add_row(
        _rows(("computed facts", "", ""), rows),
        _rows(("for z ~ N(0, 1)", ""), moment_rows(facts)),
    )
    return Group(grid, _proofs(proofs)) if proofs else grid


def _mark(found: Evidence | None) -> Text:
    if found is None:
        return Text("")
    return Text("proved", style="green") if found.proved else Text("not proved", style="magenta")


def _proofs(proofs: Mapping[str, Evidence]) -> Text:
    """Say what is behind the word, and why it is missing where it is."""
    notes = ["  proved by ball arithmetic; --json has the bounds"]
    notes += [f"  {name}: {e.word}: {e.detail}" for name, e in proofs.items() if not e.proved]
    return Text("\n".join(notes), style="bright_black")


def _rows(headings: Iterable[str], rows: Iterable[Iterable[RenderableType]]) -> Table:
    table = _table(*headings)
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(*row)
    return table


def _claims(function: Activation) -> Table:
    """Judge each claim at the default parameters: these are what its paper speaks of."""
    from actlas.facts import facts_of

    changed = any(value != function.parameters[name].default for name, value in function.values)
    table = _table("the paper says", "we find at the defaults" if changed else "we find")
    facts = facts_of(function.definition)
    for claim in function.definition.claims:
        holds, said = finding(claim, facts)
        mark = Text("✓ ", style="green") if holds else Text("✗ ", style="bold red")
        table.add_row(claim.statement, mark.append(said, style="default"))
    return table


def _calls(function: Activation) -> str:
    from actlas.nn import class_of

    inputs = ", ".join(function.definition.inputs)
    module = class_of(function.name).__name__
    return f"actlas.functional.{function.name}({inputs}), actlas.nn.{module}()"


def _source(entry: Definition | Unit, calls: str = "") -> Table:
    paper = entry.paper
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    if paper.year > 1:
        told = Text(f"{paper.short}. {paper.title}".rstrip(" ."))
        table.add_row("paper", told.append(f"\n{paper.link}", style=f"link {paper.link}")
                      if paper.link else told)  # fmt: skip
    if entry.aliases:
        table.add_row("also called", ", ".join(entry.aliases))
    if calls:
        table.add_row("in PyTorch", calls)
    if entry.status == "verified":
        table.add_row("status", Text("verified against a primary source", style="green"))
    else:
        table.add_row(
            "status",
            Text(f"{RECONSTRUCTED} {entry.status}: {entry.status_reason}", style="bold magenta"),
        )
    return table


def _print_notes(console: Console, collisions: Iterable[str], errata: Iterable[str]) -> None:
    for title, notes in (("name collisions", collisions), ("errata", errata)):
        table = Table.grid(padding=(0, 1))
        for note in notes:
            table.add_row("  •", note)
        if table.row_count:
            console.print(_GAP, Text(title, style="bold"), table, sep="\n")


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
