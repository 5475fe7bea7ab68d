"""What other libraries compute under a name: the table `dialects.toml`, read once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from actlas.catalogue import fold
from actlas.errors import ActlasError, nearest

_FILE = Path(__file__).with_name("dialects.toml")
_NAME = re.compile(r"([^(]*?)\s*(?:\((.*)\))?", re.DOTALL)


@dataclass(frozen=True)
class Library:
    """A library that names activation functions, and where its definitions were read."""

    id: str
    title: str
    source: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dialect:
    """What one library computes under one name.

    A function has a `formula` of x; a gated unit has `gate` and `linear`, each a formula of x, and
    the `layout` of the two halves. `parameters` are numbers with the library's own names.
    """

    library: str
    name: str
    options: Mapping[str, str]
    about: str
    formula: str = ""
    gate: str = ""
    linear: str = ""
    layout: str = ""
    parameters: Mapping[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name as one writes it: "onnx:Gelu(approximate=tanh)"."""
        options = ", ".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.library}:{self.name}" + (f"({options})" if options else "")

    @property
    def source(self) -> str:
        """Where the definition was read."""
        return libraries()[self.library].source


@cache
def _table() -> dict[str, Any]:
    with _FILE.open("rb") as file:
        return tomllib.load(file)


@cache
def libraries() -> dict[str, Library]:
    """Return the libraries of the table by id.

    >>> libraries()["jax"].source
    'jax/_src/nn/functions.py'
    """
    return {
        key: Library(key, found["title"], found["source"], tuple(found["aliases"]))
        for key, found in _table()["libraries"].items()
    }


@cache
def dialects() -> tuple[Dialect, ...]:
    """Return every name of every library, functions first, in the order of the table."""
    functions = [
        _dialect(name, block, formula=block["formula"])
        for block in _table()["function"]
        for name in block["names"]
    ]
    units = [
        _dialect(name, block, gate=block["gate"], linear=block["linear"], layout=layout)
        for block in _table()["gated"]
        for name, layout in block["names"].items()
    ]
    return (*functions, *units)


def _dialect(label: str, block: Mapping[str, Any], **forms: str) -> Dialect:
    library, _, rest = label.partition(":")
    name, options = split_options(rest)
    written = {key: str(value) for key, value in options.items()}
    return Dialect(library, name, written, " ".join(block["about"].split()),
                   parameters=block.get("parameters", {}), **forms)  # fmt: skip


def config_keys() -> tuple[str, ...]:
    """Return the keys under which configurations name a function, the more specific first."""
    return tuple(_table()["config_keys"])


def split_options(text: str) -> tuple[str, dict[str, Any]]:
    """Split "Gelu(approximate=tanh)" into the name and its options; numbers become floats.

    >>> split_options("LeakyRelu(alpha=0.3)")
    ('LeakyRelu', {'alpha': 0.3})
    """
    match = _NAME.fullmatch(text.strip())
    name, inside = (match[1], match[2] or "") if match else (text, "")
    options: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in inside.split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not (key.isidentifier() and equals and value):
            raise ActlasError(f"cannot read {part!r} in {text!r}; write name(option=value)")
        try:
            options[key] = float(value)
        except ValueError:
            options[key] = value.strip("\"'")
    return name, options


def find_library(name: str) -> Library | None:
    """Return the library called `name`, by id or alias in any case, or None."""
    for library in libraries().values():
        if fold(name) in map(fold, (library.id, *library.aliases)):
            return library
    return None


def find_dialect(name: str, library: str, options: Mapping[str, Any]) -> Dialect:
    """Return what `library` computes under `name`.

    Args:
        name: as the library writes it; in any case where that is not ambiguous.
        library: an id or alias of a library of the table.
        options: numbers replace the parameters of the dialect, the rest chooses the variant.

    Raises:
        ActlasError: for an unknown library, name or option, with the nearest valid one.

    >>> find_dialect("gelu", "jax", {}).about.split(".")[0]
    'GELU in its tanh form'
    """
    home = find_library(library)
    if home is None:
        known = [n for found in libraries().values() for n in (found.id, *found.aliases)]
        listed = ", ".join(libraries())
        raise ActlasError(f"there is no table of names for {library!r}; the libraries are {listed} "
                          f"and torch.{nearest(library, known)}")  # fmt: skip
    own = [dialect for dialect in dialects() if dialect.library == home.id]
    named = [d for d in own if d.name == name] or [d for d in own if fold(d.name) == fold(name)]
    if not named:
        hint = nearest(name, [dialect.name for dialect in own])
        raise ActlasError(f"{home.title} is not known to have an activation {name!r}.{hint}")
    return _variant(named, options)


def _variant(named: list[Dialect], options: Mapping[str, Any]) -> Dialect:
    """Return the one of the dialects of a name that the options ask for."""
    numbers = {k: v for k, v in options.items() if k in named[0].parameters}
    chosen = {k: str(v).lower() for k, v in options.items() if k not in numbers}
    for dialect in named:
        if {k: v.lower() for k, v in dialect.options.items()} == chosen:
            return _with_numbers(dialect, numbers)
    known = [*named[0].parameters, *dict.fromkeys(k for d in named for k in d.options)]
    variants = ", ".join(d.label for d in named if d.options)
    told = f" Its variants: {variants}." if variants else ""
    wrong = ", ".join(f"{key}={value}" for key, value in options.items() if key not in numbers)
    raise ActlasError(f"{named[0].library}:{named[0].name} has no option {wrong}; its options: "
                      f"{', '.join(known) or 'none'}.{told}")  # fmt: skip


def _with_numbers(dialect: Dialect, numbers: Mapping[str, Any]) -> Dialect:
    for key, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ActlasError(f"{dialect.label}: {key} must be a number, got {value!r}")
    fields = {**vars(dialect), "parameters": {**dialect.parameters, **numbers}}
    return Dialect(**fields)


def named_elsewhere(name: str) -> list[Dialect]:
    """Return the dialects of all libraries that have this name and no options."""
    return [d for d in dialects() if fold(d.name) == fold(name) and not d.options]
