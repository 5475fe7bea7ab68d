"""The card of a structured unit, made from the docstring of its class."""

from __future__ import annotations

import inspect
import re

from actlas.docs import _source
from actlas.docs._markdown import code, display, page, plain, section
from actlas.nn.structured import Unit

_MATH = re.compile(r"^\.\. math::(.*(?:\n(?:[ ]+.*)?)*)", re.MULTILINE)
_INLINE_MATH = re.compile(r":math:`(.+?)`")


def unit_card(unit: Unit) -> str:
    """Return the card of a structured unit in Markdown.

    >>> from actlas.nn.structured import units
    >>> "## Formula" in unit_card(units()["frelu"])
    True
    """
    formulas, text, lines = told(unit)
    return page(
        unit.title,
        plain(unit.description),
        f"{_source.status(unit)}  \n{_source.called(unit)}  \n**Family:** structured units",
        section("Formula", display(*formulas) if formulas else ""),
        section("Arguments", code(f"actlas.nn.{unit.cls.__name__}{_signature(unit)}", "python"),
                code(text, "text") if text else ""),
        _source.notes(unit),
        section("Example", code(f"{_imports(unit)}\n{lines}", "pycon")),
        _source.source(unit),
    )  # fmt: skip


def told(unit: Unit) -> tuple[list[str], str, str]:
    """Return what the docstring holds: its formulas, its text without the sentence, its example."""
    body = (inspect.getdoc(unit.cls) or "").partition("\n")[2]
    text, prompt, example = body.partition(">>> ")
    formulas = [" ".join(found.split()) for found in _MATH.findall(text)]
    rest = _INLINE_MATH.sub(r"\1", _MATH.sub("", text))
    return formulas, re.sub(r"\n{3,}", "\n\n", rest).strip(), (prompt + example).strip()


def _signature(unit: Unit) -> str:
    """Return the arguments with their defaults; what they are, the docstring says."""
    slots = inspect.signature(unit.cls).parameters.values()
    bare = [slot.replace(annotation=inspect.Parameter.empty) for slot in slots]
    return str(inspect.Signature(bare))


def _imports(unit: Unit) -> str:
    return f">>> import torch\n>>> from actlas.nn import {unit.cls.__name__}"
