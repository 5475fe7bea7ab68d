"""The index: every function by family, then the structured units."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from actlas.api import Activation, get, names
from actlas.catalogue import Paper
from actlas.cli._records import gain
from actlas.docs._drawing import thumbnail
from actlas.docs._markdown import page, plain, section, table
from actlas.facts.wording import number
from actlas.nn.structured import Unit, units

UNIT_FOLDER = "units"
UNIT_FAMILY = "structured units"
_MARK = " †"


def index(members: Sequence[str] | None = None, *, pictured: bool = False) -> str:
    """Return the index in Markdown; its links lead to the cards beside it.

    Args:
        members: ids of the functions that are listed, by default all.
        pictured: with a small curve in every row, as SVG, which GitHub does not show.
    """
    functions = sorted(
        map(get, names() if members is None else members), key=lambda function: function.family
    )
    families = groupby(functions, key=lambda function: function.family)
    return page(
        "Functions",
        f"{len(functions)} functions and {len(units())} structured units. The gain is "
        "1/√E f(z)², z ~ N(0, 1), at the default parameters; † means reconstructed: a formula or "
        "default could not be read in its paper, and the card says why.",
        *(_family(family, list(members), pictured) for family, members in families),
        section(UNIT_FAMILY, _units(list(units().values()))),
    )


def in_words(family: str) -> str:
    """Return the heading of a family, from its id."""
    return family.replace("_", " ")


def _family(family: str, members: list[Activation], pictured: bool) -> str:
    headings = ("function", "what it is", "source", "parameters", "gain")
    rows = map(_row, members)
    if not pictured:
        return section(in_words(family), table(headings, rows))
    curves = [(thumbnail(member), *row) for member, row in zip(members, rows, strict=True)]
    return section(in_words(family), table(("curve", *headings), curves))


def _row(function: Activation) -> tuple[str, ...]:
    parameters = ", ".join(f"`{name}`" for name in function.parameters)
    return (
        f"[{plain(function.title)}]({function.name}.md){_mark(function)}",
        plain(function.description), _paper(function.paper), parameters,
        number(gain(function), 4),
    )  # fmt: skip


def _units(members: list[Unit]) -> str:
    rows = [
        (f"[{plain(unit.title)}]({UNIT_FOLDER}/{unit.id}.md){_mark(unit)}",
         plain(unit.description), _paper(unit.paper))
        for unit in members
    ]  # fmt: skip
    return table(("unit", "what it is", "source"), rows)


def _mark(item: Activation | Unit) -> str:
    return "" if item.status == "verified" else _MARK


def _paper(paper: Paper) -> str:
    if paper.year <= 1:
        return "–"
    return f"[{plain(paper.short)}]({paper.link})" if paper.link else plain(paper.short)
