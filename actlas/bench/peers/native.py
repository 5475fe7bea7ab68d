"""PyTorch's own functions, found by the names of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, partial
from types import ModuleType
from typing import Any

import torch

from actlas.api import Activation, get
from actlas.bench.peers._peer import Function, Peer
from actlas.bench.peers.formula import filled
from actlas.catalogue import Definition, fold, load

Meaning = tuple[Definition, dict[str, str]]


def meanings(activation: Activation) -> list[Meaning]:
    """Return the entries that are this function, with the variant that they must be asked for.

    >>> [(entry.name, options) for entry, options in meanings(get("gelu_tanh"))]
    [('gelu_tanh', {}), ('gelu', {'approximate': 'tanh'})]
    """
    root = filled(activation)
    found: list[Meaning] = [(activation.definition, {})]
    return found + [(entry, options) for entry, options in _variants()
                    if filled(get(entry.name, **options)) is root]  # fmt: skip


def _variants() -> Iterator[Meaning]:
    for entry in load().values():
        for name, parameter in entry.parameters.items():
            yield from ((entry, {name: option}) for option in parameter.choices)


def names_of(entry: Definition) -> dict[str, None]:
    """Return the names of an entry in their folded form, in order."""
    return dict.fromkeys(map(fold, (entry.name, *entry.aliases, entry.title)))


@cache
def _index(place: ModuleType) -> dict[str, list[str]]:
    """Return the public names of a module by their folded form; those with "_" work in place."""
    found: dict[str, list[str]] = {}
    for name in dir(place):
        if not name.startswith("_") and not name.endswith("_"):
            found.setdefault(fold(name), []).append(name)
    return found


def namesakes(activation: Activation, places: Sequence[ModuleType]) -> Iterator[Function]:
    """Yield what modules have under any name of the function; of torch.nn's classes an object."""
    for entry, options in meanings(activation):
        for place in places:
            for name in (name for key in names_of(entry) for name in _index(place).get(key, ())):
                made = getattr(place, name)
                if isinstance(made, type):
                    made = made_from(made)
                if callable(made):
                    yield partial(made, **options) if options else made


def made_from(cls: type, **options: Any) -> Any:
    """Return a module of the class, in evaluation mode; None for another class or with a need."""
    if not issubclass(cls, torch.nn.Module):
        return None
    try:
        return cls(**options).eval()
    except Exception:  # whatever a foreign constructor asks for
        return None


def _candidates(activation: Activation) -> Iterator[Function]:
    return namesakes(activation, (torch.nn.functional, torch, torch.special, torch.nn))


PEER = Peer("torch", "PyTorch's own function of the same meaning", _candidates)
