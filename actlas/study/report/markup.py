"""HTML and SVG as nested calls; whatever is not markup already is escaped."""

from __future__ import annotations

from html import escape
from typing import Union

Child = Union["Markup", str, float, None]
_VOID = {"br", "meta", "hr", "line", "circle", "rect", "polyline", "polygon"}


class Markup(str):
    """Text that is markup already, and is not escaped again."""

    __slots__ = ()


def element(name: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """Return an element; text is escaped, None is left out.

    Args:
        name: the tag.
        children: elements made by this function, or plain text and numbers.
        attributes: `class_` for class, other underscores become hyphens.

    >>> element("td", "a < b", class_="name")
    '<td class="name">a &lt; b</td>'
    """
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    content = join(*children)
    if not content and name in _VOID:
        return Markup(f"<{name}{pairs}/>")
    return Markup(f"<{name}{pairs}>{content}</{name}>")


def join(*children: Child) -> Markup:
    """Return several children one after the other."""
    parts = (_text(child) for child in children if child is not None)
    escaped = (
        part if isinstance(child, Markup) else escape(part)
        for part, child in zip(parts, (c for c in children if c is not None), strict=True)
    )
    return Markup("".join(escaped))


def _text(value: str | float) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
