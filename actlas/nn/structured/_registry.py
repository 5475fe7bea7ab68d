"""The one list of structured units: filled by the decorator above each class."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from torch import nn

from actlas.catalogue import Paper, fold
from actlas.errors import ActlasError

ModuleClass = TypeVar("ModuleClass", bound=type[nn.Module])
_STATUSES = ("verified", "reconstructed")


@dataclass(frozen=True)
class Unit:
    """A unit that is not element-wise: its module class, where it comes from and what to know."""

    id: str
    title: str
    cls: type[nn.Module]
    paper: Paper
    aliases: tuple[str, ...] = ()
    description: str = ""
    status: str = "verified"
    status_reason: str = ""
    errata: tuple[str, ...] = ()
    collisions: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name the unit answers to: id, title, class name and aliases, each once."""
        return tuple(dict.fromkeys((self.id, self.title, self.cls.__name__, *self.aliases)))


_units: dict[str, Unit] = {}


def unit(
    *,
    id: str,
    paper: Paper,
    title: str = "",
    aliases: Sequence[str] = (),
    status: str = "verified",
    status_reason: str = "",
    collisions: Sequence[str] = (),
    errata: Sequence[str] = (),
) -> Callable[[ModuleClass], ModuleClass]:
    """Enter the decorated module class among the structured units.

    The first line of the class's docstring is the description and `title` defaults to the class
    name. Raises ActlasError when a name is taken, the sentence is missing or the status is unknown.
    """

    def enter(cls: ModuleClass) -> ModuleClass:
        entry = Unit(
            id=id, title=title or cls.__name__, cls=cls, paper=paper, aliases=tuple(aliases),
            description=(cls.__doc__ or "").strip().partition("\n")[0].strip(), status=status,
            status_reason=status_reason, errata=tuple(errata), collisions=tuple(collisions),
        )  # fmt: skip
        _check(entry)
        _units[id] = entry
        return cls

    return enter


def units() -> dict[str, Unit]:
    """Return every structured unit by id, in alphabetical order; the dictionary is a copy.

    >>> from actlas.nn.structured import units
    >>> units()["maxout"].paper.short
    'Goodfellow et al. 2013'
    """
    return dict(sorted(_units.items()))


def find_unit(name: str) -> Unit | None:
    """Return the unit that answers to `name`, or None.

    Id and aliases count in any case and with any separators, the name of the class only as it is
    written: a function of the catalogue may differ from it by its case alone (ACONC, AconC).

    >>> from actlas.nn.structured import find_unit
    >>> find_unit("Max-Out").id, find_unit("mish")
    ('maxout', None)
    """
    folded = fold(str(name))
    for entry in _units.values():
        if name == entry.cls.__name__ or folded in map(fold, (entry.id, *entry.aliases)):
            return entry
    return None


def _check(entry: Unit) -> None:
    where = f"unit {entry.id!r} ({entry.cls.__module__}.{entry.cls.__name__})"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", entry.id):
        raise ActlasError(f"{where}: an id is written in lower_snake_case")
    if not entry.description.endswith("."):
        raise ActlasError(f"{where}: the first line of the docstring must be one sentence")
    if entry.status not in _STATUSES:
        raise ActlasError(f"{where}: status is one of {', '.join(_STATUSES)}, got {entry.status!r}")
    if entry.status == "reconstructed" and not entry.status_reason:
        raise ActlasError(f"{where}: a reconstructed unit needs a status_reason")
    others = (known for known in _units.values() if not _same_class(known.cls, entry.cls))
    taken = {fold(name): known.id for known in others for name in known.names}
    for name in entry.names:
        if fold(name) in taken:
            raise ActlasError(f"{where}: the name {name!r} belongs to {taken[fold(name)]!r}")


def _same_class(one: type, other: type) -> bool:
    # A module that is imported anew defines its classes again under the same name.
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)
