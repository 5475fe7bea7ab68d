"""Entering names into another library's tables, and taking them out again."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from actlas.catalogue import Definition, load
from actlas.errors import ActlasError, nearest
from actlas.nn import class_of
from actlas.nn._module import ElementwiseModule
from actlas.nn.functional import function_of

PREFIX = "actlas:"
Table = MutableMapping[str, Any]


@dataclass(frozen=True)
class Change:
    """One value set in one table; `old` is None where the name was free."""

    table: Table
    name: str
    old: Any
    new: Any


@dataclass(frozen=True, repr=False)
class Registration:
    """What one call of `register` has changed.

    added: the names entered, bare and with the prefix "actlas:".
    kept: the names that the library had before; they mean what they meant, and actlas's function
        of that name is reached with the prefix.
    replaced: the names of the library that were overwritten because the caller listed them.
    """

    added: tuple[str, ...]
    kept: tuple[str, ...]
    replaced: tuple[str, ...]
    changes: tuple[Change, ...]

    def undo(self) -> None:
        """Put the tables back; a name that somebody has set anew since is left alone."""
        for change in reversed(self.changes):
            if _read(change.table, change.name) is not change.new:
                continue
            if change.old is None:
                del change.table[change.name]
            else:
                change.table[change.name] = change.old

    def __repr__(self) -> str:
        counts = f"{len(self.added)} names added, {len(self.kept)} kept"
        return f"<Registration: {counts}, {len(self.replaced)} replaced>"


def register_in(
    layers: Iterable[Table], functions: Iterable[Table] = (), overwrite: Iterable[str] = ()
) -> Registration:
    """Enter every function of one input under its id and aliases.

    Args:
        layers: tables of module classes; the first one says which names the library has.
        functions: tables of functions of a tensor.
        overwrite: names of the library that are to mean actlas's function.

    Raises:
        ActlasError: if `overwrite` is a string or lists a name that not both sides have.
    """
    layers, functions = list(layers), list(functions)
    entries = _named()
    taken = {name for name in entries if _foreign(_read(layers[0], name))}
    replaced = _checked(overwrite, taken)
    kept = taken - replaced
    changes = [
        Change(table, name, _read(table, name), new)
        for tables, make in ((layers, _layer), (functions, function_of)) for table in tables
        for name, entry in entries.items() if name not in kept
        for new in [make(entry)] if _read(table, name) is not new
    ]  # fmt: skip
    for change in changes:
        change.table[change.name] = change.new
    changed = [change.name for change in changes if change.table is layers[0]]
    return Registration(
        tuple(name for name in changed if name not in replaced), tuple(sorted(kept)),
        tuple(name for name in changed if name in replaced), tuple(changes),
    )  # fmt: skip


def _layer(entry: Definition) -> Any:
    return class_of(entry.name)


def _named() -> dict[str, Definition]:
    """Return every name, bare and with the prefix; in lower case, as these tables have them."""
    found: dict[str, Definition] = {}
    for entry in load().values():
        if len(entry.inputs) == 1:
            for name in (entry.name, *entry.aliases):
                found[name.lower()] = found[PREFIX + name.lower()] = entry
    return found


def _read(table: Table, name: str) -> Any:
    """Return what stands in a table: transformers' own builds a module when it is indexed."""
    return dict.get(table, name) if isinstance(table, dict) else table.get(name)


def _foreign(value: Any) -> bool:
    """Say whether a table's value is there and somebody else's."""
    cls = value[0] if isinstance(value, tuple) else value
    ours = isinstance(cls, type) and issubclass(cls, ElementwiseModule)
    return value is not None and not ours


def _checked(overwrite: Iterable[str], taken: set[str]) -> set[str]:
    if isinstance(overwrite, str):
        raise ActlasError(f"overwrite is a list of names, got the string {overwrite!r}")
    listed = set(overwrite)
    for name in listed - taken:
        raise ActlasError(
            f"overwrite: {name!r} is not a name that both libraries have.{nearest(name, taken)}"
        )
    return listed
