"""Structured units as cards: what mixes channels, neighbours or samples has no curve to draw."""

from __future__ import annotations

from typing import Any

from actlas.explorer._cards import mathml
from actlas.nn.structured import Unit, units
from actlas.nn.structured._wording import example, signature, told


def unit_cards() -> list[dict[str, Any]]:
    """Return what the page knows of every structured unit, ready for JSON.

    >>> next(card["title"] for card in unit_cards() if card["id"] == "frelu")
    'FReLU'
    """
    return [_card(unit) for unit in units().values()]


def _card(unit: Unit) -> dict[str, Any]:
    paper, (formulas, text, _) = unit.paper, told(unit)
    return {
        "id": unit.id, "title": unit.title, "names": unit.names, "about": unit.description,
        "status": unit.status, "reason": unit.status_reason, "year": paper.year, "by": paper.short,
        "paper": paper.title, "link": paper.link, "bibtex": paper.bibtex(unit.id),
        "formulas": [mathml(formula) for formula in formulas], "text": text,
        "call": f"actlas.nn.{unit.cls.__name__}{signature(unit)}", "example": example(unit),
        "errata": unit.errata, "collisions": unit.collisions,
    }  # fmt: skip
