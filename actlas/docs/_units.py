"""The card of a structured unit, made from the docstring of its class."""

from __future__ import annotations

from actlas.docs import _source
from actlas.docs._index import UNIT_FAMILY
from actlas.docs._markdown import code, display, page, plain, section
from actlas.nn.structured import Unit
from actlas.nn.structured._wording import example, signature, told


def unit_card(unit: Unit) -> str:
    """Return the card of a structured unit in Markdown.

    >>> from actlas.nn.structured import units
    >>> "## Formula" in unit_card(units()["frelu"])
    True
    """
    formulas, text, _ = told(unit)
    return page(
        unit.title,
        plain(unit.description),
        f"{_source.status(unit)}  \n{_source.called(unit)}  \n**Family:** {UNIT_FAMILY}",
        section("Formula", display(*formulas) if formulas else ""),
        section("Arguments", code(f"actlas.nn.{unit.cls.__name__}{signature(unit)}", "python"),
                code(text, "text") if text else ""),
        _source.notes(unit),
        section("Example", code(example(unit), "pycon")),
        _source.source(unit),
    )  # fmt: skip
