"""The table of functions and of structured units."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from actlas.api import Activation, get, names
from actlas.catalogue import Paper
from actlas.cli._records import gain
from actlas.cli._terminal import console
from actlas.facts.wording import number
from actlas.nn.structured import Unit, units
from actlas.plotting import RECONSTRUCTED

_WIDE = 118  # columns from which family and status have columns of their own
_PIPED = 160

_KEYS: dict[str, Callable[[Activation], Any]] = {
    "family": lambda f: f.family,
    "name": lambda f: f.name,
    "year": lambda f: f.paper.year,
    "gain": lambda f: float("inf") if gain(f) is None else gain(f),
    "parameters": lambda f: len(f.parameters),
    "status": lambda f: f.status,
}


def functions_found(tag: str | None, word: str | None, order: str) -> list[Activation]:
    """Return the functions with a tag and a word, in the order of a column.

    Within equals the catalogue's own order stays: by family, oldest first.
    """
    found = [get(name) for name in names(tag)]
    if word is not None:
        found = [f for f in found if _has(word, _words(f))]
    return sorted(found, key=_KEYS[order])


def units_found(word: str | None) -> list[Unit]:
    """Return the structured units that have a word in their names, paper or sentence."""
    everything = units().values()
    return [u for u in everything if word is None or _has(word, (*u.names, *_told(u)))]


def _words(function: Activation) -> Iterable[str]:
    return (function.name, function.title, *function.aliases, function.family, *_told(function))


def _told(item: Activation | Unit) -> tuple[str, ...]:
    return (item.description, item.paper.author, item.paper.title, item.paper.arxiv)


def _has(word: str, texts: Iterable[str]) -> bool:
    return any(word.lower() in text.lower() for text in texts)


def print_listing(functions: Sequence[Activation], structured: Sequence[Unit]) -> None:
    """Print both tables and how many rows they have."""
    screen = console(piped_width=_PIPED)
    if functions:
        screen.print(_function_table(screen, functions))
    if structured:
        screen.print(_unit_table(screen, structured))
    screen.print(_count(functions, structured), style="bold")
    everything: list[Activation | Unit] = [*functions, *structured]
    if any(item.status != "verified" for item in everything):
        note = "reconstructed: a formula or default could not be read in its paper; see actlas show"
        screen.print(f"{RECONSTRUCTED} {note}", style="magenta")


def _function_table(screen: Console, functions: Sequence[Activation]) -> Table:
    """Lay the functions out; a narrow terminal leaves out title, family and the status in words."""
    wide = screen.width >= _WIDE
    table = _table("id", *(["title", "family"] if wide else []), "year", "paper", "parameters",
                   *(["status"] if wide else []))  # fmt: skip
    table.add_column("gain", justify="right", no_wrap=True)
    for function in functions:
        more = [function.title, function.family] if wide else []
        status = [Text(function.status, style=_style(function))] if wide else []
        table.add_row(
            _name(function.name, function), *more, _year(function.paper),
            _link(screen, function.paper), _parameters(function), *status,
            number(gain(function), 4),
        )  # fmt: skip
    return table


def _unit_table(screen: Console, structured: Sequence[Unit]) -> Table:
    wide = screen.width >= _WIDE
    table = _table("structured unit", "class", "year", "paper",
                   *(["what it does"] if wide else []))  # fmt: skip
    for unit in structured:
        more = [unit.description] if wide else []
        table.add_row(_name(unit.id, unit), unit.cls.__name__, _year(unit.paper),
                      _link(screen, unit.paper), *more)  # fmt: skip
    return table


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    for heading in headings:
        free = heading in ("parameters", "what it does")
        table.add_column(heading, no_wrap=not free, overflow="fold")
    return table


def _style(item: Activation | Unit) -> str:
    return "" if item.status == "verified" else "bold magenta"


def _name(name: str, item: Activation | Unit) -> Text:
    mark = "" if item.status == "verified" else f" {RECONSTRUCTED}"
    return Text(name + mark, style=_style(item) or "cyan")


def _year(paper: Paper) -> str:
    return str(paper.year) if paper.year > 1 else ""


def _link(screen: Console, paper: Paper) -> Text:
    """Return the arXiv id, or what to click on in a terminal, or the whole address in a pipe."""
    word = "doi" if paper.doi else "web" if paper.url else "–"
    elsewhere = word if screen.is_terminal or not paper.link else paper.link
    return Text(paper.arxiv or elsewhere, style=f"link {paper.link}" if paper.link else "")


def _parameters(function: Activation) -> Text:
    """Name the parameters; those that networks learn are underlined."""
    text = Text(overflow="fold")
    for index, (name, parameter) in enumerate(function.parameters.items()):
        text.append(", " if index else "")
        text.append(name, style="underline" if parameter.learnable else "")
    return text


def _count(functions: Sequence[Activation], structured: Sequence[Unit]) -> str:
    counts = []
    if functions or not structured:
        counts.append(f"{len(functions)} function{'s' * (len(functions) != 1)}")
    if structured:
        counts.append(f"{len(structured)} structured unit{'s' * (len(structured) != 1)}")
    return " and ".join(counts)
