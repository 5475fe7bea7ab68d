"""The few Markdown forms that cards are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def plain(text: str) -> str:
    """Return text in which no character is read as Markdown.

    >>> print(plain("x*tanh(a_1*x) for |x| < 1"))
    x\\*tanh(a\\_1\\*x) for \\|x\\| \\< 1
    """
    return re.sub(r"([\\`*_<|$\[\]])", r"\\\1", text)


def code(text: str, language: str = "") -> str:
    """Return a block of code."""
    return f"```{language}\n{text}\n```"


def display(*formulas: str) -> str:
    """Return formulas in LaTeX, each on a line of its own between double dollars."""
    return "\n\n".join(f"$$\n{formula}\n$$" for formula in formulas)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; its cells are Markdown already.

    >>> print(table(["a", "b"], [["1", "2"]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [headings, *rows]
    head, *body = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([head, f"|{'---|' * len(headings)}", *body])


def bullets(notes: Iterable[str]) -> str:
    """Return a list of notes of plain text."""
    return "\n".join(f"- {plain(note)}" for note in notes)


def section(title: str, *blocks: str) -> str:
    """Return a heading with what stands under it, or "" where there is nothing."""
    filled = [block for block in blocks if block]
    return "\n\n".join([f"## {title}", *filled]) if filled else ""


def page(title: str, *blocks: str) -> str:
    """Return a whole page; empty blocks are left out."""
    return "\n\n".join([f"# {plain(title)}", *(block for block in blocks if block)]) + "\n"
