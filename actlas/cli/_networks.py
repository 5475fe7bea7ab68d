"""The table of networks, and each of them as a dictionary."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from rich import box
from rich.table import Table

from actlas.cli._terminal import console
from actlas.models import Network, count_parameters, networks

_WIDE = 150
_MORE = ("title", "input", "what it is")  # columns of a wide terminal


def found(word: str | None) -> list[Network]:
    """Return the networks that have a word in their names, paper or sentence."""
    everything = networks().values()
    return [entry for entry in everything if word is None or _has(entry, word.lower())]


def _has(entry: Network, word: str) -> bool:
    return any(word in text.lower() for text in _told(entry))


def _told(entry: Network) -> tuple[str, ...]:
    paper = entry.paper
    return (*entry.names, entry.title, entry.description, paper.author, paper.title, paper.arxiv)


def default_count(entry: Network) -> int:
    """Return how many parameters the network has with its default options; nothing is drawn."""
    with torch.device("meta"):
        return count_parameters(entry.build())


def record(entry: Network) -> dict[str, Any]:
    """Return everything that is known about a network."""
    options = inspect.signature(entry.build).parameters.values()
    return {
        "id": entry.id,
        "title": entry.title,
        "description": entry.description,
        "aliases": entry.aliases,
        "paper": {**vars(entry.paper), "link": entry.paper.link},
        "takes": entry.takes,
        "input": entry.input,
        "options": {
            option.name: None if option.default is option.empty else _plain(option.default)
            for option in options
        },
        "parameters": default_count(entry),
        "published_parameters": dict(entry.parameters),
        "deviations": entry.deviations,
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, float, str, tuple, list, type(None))) else str(value)


def print_networks(entries: Sequence[Network]) -> None:
    """Print the table and how many rows it has."""
    screen = console(piped_width=160)
    wide = screen.width >= _WIDE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    for heading in ("id", *_MORE[:1] * wide, "paper", "takes", *_MORE[1:2] * wide):
        table.add_column(heading, no_wrap=True)
    table.add_column("parameters", justify="right", no_wrap=True)
    if wide:
        table.add_column(_MORE[2], overflow="fold")
    for entry in entries:
        table.add_row(*_cells(entry, wide))
    screen.print(table)
    screen.print(f"{len(entries)} network{'s' * (len(entries) != 1)}", style="bold")


def _cells(entry: Network, wide: bool) -> list[str]:
    shape = " x ".join(map(str, entry.input))
    count = f"{default_count(entry):,}"
    if not wide:
        return [entry.id, entry.paper.short, entry.takes, count]
    return [entry.id, entry.title, entry.paper.short, entry.takes, shape, count, entry.description]
