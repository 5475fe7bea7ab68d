"""What the docstring of a structured unit holds, for cards of every kind."""

from __future__ import annotations

import inspect
import re

from actlas.nn.structured._registry import Unit

_MATH = re.compile(r"^\.\. math::(.*(?:\n(?:[ ]+.*)?)*)", re.MULTILINE)
_INLINE_MATH = re.compile(r":math:`(.+?)`")


def told(unit: Unit) -> tuple[list[str], str, str]:
    """Return what the docstring holds: its formulas, its text without the sentence, its example.

    >>> from actlas.nn.structured import units
    >>> bool(told(units()["frelu"])[0])
    True
    """
    body = (inspect.getdoc(unit.cls) or "").partition("\n")[2]
    text, prompt, example = body.partition(">>> ")
    formulas = [" ".join(found.split()) for found in _MATH.findall(text)]
    rest = _INLINE_MATH.sub(r"\1", _MATH.sub("", text))
    return formulas, re.sub(r"\n{3,}", "\n\n", rest).strip(), (prompt + example).strip()


def signature(unit: Unit) -> str:
    """Return the arguments with their defaults; what they are, the docstring says."""
    slots = inspect.signature(unit.cls).parameters.values()
    bare = [slot.replace(annotation=inspect.Parameter.empty) for slot in slots]
    return str(inspect.Signature(bare))


def example(unit: Unit) -> str:
    """Return the example of the docstring with the imports that it needs."""
    lines = told(unit)[2]
    torch = "" if ">>> import torch\n" in lines else ">>> import torch\n"
    return f"{torch}>>> from actlas.nn import {unit.cls.__name__}\n{lines}"
