"""From what is typed on the command line to a function or a structured unit."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from actlas.api import Activation, get
from actlas.catalogue import fold, load
from actlas.errors import ActlasError, nearest
from actlas.nn.structured import Unit, units
from actlas.study.arms import parse_activation


def find_subject(text: str, settings: Sequence[str] = ()) -> Activation | Unit:
    """Return the function or unit that `text` names: "elu", "elu(alpha=2)", "Maxout".

    Where both have the name (the logic operators), it is the function.

    Args:
        text: a name, with parameters in brackets where wanted.
        settings: further parameters, each as "name=value".

    Raises:
        ActlasError: for an unknown name or parameter, or a parameter given to a unit.
    """
    name, inside = parse_activation(text)
    given = {**inside, **dict(map(parse_setting, settings))}
    unit = next((u for u in units().values() if fold(name) in map(fold, u.names)), None)
    if unit is None or _in_catalogue(name):
        _check_name(name)
        return get(name, **given)
    if given:
        raise ActlasError(
            f"{unit.id} is a module of its own and takes no parameters here: "
            f"write actlas.nn.{unit.cls.__name__}(...) in Python"
        )
    return unit


def find_function(text: str, settings: Sequence[str] = ()) -> Activation:
    """Return the function of one input that `text` names; ActlasError for anything else."""
    found = find_subject(text, settings)
    if isinstance(found, Unit):
        raise ActlasError(f"{found.id} is a structured unit; it has no curve to draw")
    if len(found.definition.inputs) != 1:
        inputs = " and ".join(found.definition.inputs)
        raise ActlasError(f"{found.name} is a function of {inputs}; it has no single curve to draw")
    return found


def _in_catalogue(name: str) -> bool:
    return any(fold(name) in map(fold, (e.name, e.title, *e.aliases)) for e in load().values())


def _check_name(name: str) -> None:
    """Raise ActlasError with the nearest names, structured units among them."""
    if not _in_catalogue(name):
        of_functions = (word for e in load().values() for word in (e.name, *e.aliases))
        of_units = (word for unit in units().values() for word in unit.names)
        hint = nearest(name, [*of_functions, *of_units])
        raise ActlasError(
            f"there is no activation called {name!r}.{hint} See them all with: actlas list"
        )


def parse_setting(text: str) -> tuple[str, Any]:
    """Split "name=value"; the value is a number, a sequence of numbers or a word.

    >>> parse_setting("beta=1.5"), parse_setting("a=1,2"), parse_setting("version=A")
    (('beta', 1.5), ('a', (1, 2)), ('version', 'A'))
    """
    name, equals, value = text.partition("=")
    if not (name.strip().isidentifier() and equals and value.strip()):
        raise ActlasError(f"cannot read the parameter {text!r}; write name=value, as in beta=1.5")
    try:
        return name.strip(), ast.literal_eval(value.strip())
    except (ValueError, SyntaxError):
        return name.strip(), value.strip()
