"""Floor 9: one Markdown card per function and structured unit, and an index of them all.

    python -m actlas.docs FOLDER

writes them. Nothing stands here about any function: a card is made from the definition and from
what is computed of it.

>>> card("telu").splitlines()[0]
'# TeLU'
"""

from __future__ import annotations

from actlas.docs._functions import function_card
from actlas.docs._index import index
from actlas.docs._pages import card, pages, write
from actlas.docs._units import unit_card

__all__ = ["card", "function_card", "index", "pages", "unit_card", "write"]
