"""All pages together, and writing them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from actlas.api import get, names
from actlas.cli._subject import find_subject
from actlas.docs._functions import function_card
from actlas.docs._index import UNIT_FOLDER, index
from actlas.docs._units import unit_card
from actlas.errors import ActlasError
from actlas.nn.structured import Unit, units


def card(name: str) -> str:
    """Return the card of the function or structured unit called `name`, in Markdown.

    Args:
        name: any of its names, with parameters where wanted: "elu(alpha=2)". Where a function
            and a unit share a name, as the logic operators do, it is the function.

    Raises:
        ActlasError: for an unknown name, with the nearest one.

    >>> card("maxout").splitlines()[2]
    'Maximum over groups of neighbouring channels; the width shrinks by the group size.'
    """
    found = find_subject(name)
    return unit_card(found) if isinstance(found, Unit) else function_card(found)


def pages() -> Iterator[tuple[str, str]]:
    """Yield (file name, text) of the index and of every card; each is made when asked for."""
    yield "index.md", index()
    for name in names():
        yield f"{name}.md", function_card(get(name))
    for unit in units().values():
        yield f"{UNIT_FOLDER}/{unit.id}.md", unit_card(unit)


def write(folder: str | os.PathLike[str]) -> int:
    """Write the index and all cards into `folder` and return how many files these are.

    Files that are there already are replaced, others are left alone; nothing is written before
    the last card is made.

    Raises:
        ActlasError: if the folder cannot be made or written.
    """
    root = Path(folder)
    try:
        (root / UNIT_FOLDER).mkdir(parents=True, exist_ok=True)
        made = dict(pages())
        for name, text in made.items():
            (root / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ActlasError(f"cannot write the cards into {root}: {error.strerror}") from None
    return len(made)
