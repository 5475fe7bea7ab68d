"""Changes of a model that can be taken back: all of them or none."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn

from actlas.errors import ActlasError

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "nothing"})()


class Change(Protocol):
    """One reversible step; `intact` says whether the model still is as `apply` left it."""

    def apply(self) -> None: ...
    def revert(self) -> None: ...
    def intact(self) -> bool: ...


@dataclass(frozen=True)
class Item:
    """A key of a dictionary of the model, such as a module's children or its attributes."""

    place: str
    items: MutableMapping[str, Any]
    key: str
    before: Any
    after: Any

    def apply(self) -> None:
        _put(self.items, self.key, self.after)

    def revert(self) -> None:
        _put(self.items, self.key, self.before)

    def intact(self) -> bool:
        return self.items.get(self.key, MISSING) is self.after


def _put(items: MutableMapping[str, Any], key: str, value: Any) -> None:
    if value is MISSING:
        items.pop(key, None)
    else:
        items[key] = value


@dataclass(frozen=True)
class Class:
    """The class of a module."""

    place: str
    module: nn.Module
    before: type
    after: type

    def apply(self) -> None:
        self.module.__class__ = self.after

    def revert(self) -> None:
        self.module.__class__ = self.before

    def intact(self) -> bool:
        return type(self.module) is self.after


@dataclass
class Scale:
    """A weight times a factor.

    Taken back, an untouched weight is again what it was, bit for bit; one that was trained or
    loaded since is divided by the factor.
    """

    place: str
    weight: nn.Parameter
    factor: float
    saved: torch.Tensor | None = field(default=None, repr=False)
    version: int = -1

    def apply(self) -> None:
        with torch.no_grad():
            self.saved = self.weight.detach().clone()
            self.weight.mul_(self.factor)
            self.version = self.weight._version

    def revert(self) -> None:
        with torch.no_grad():
            if self.saved is not None and self.weight._version == self.version:
                self.weight.copy_(self.saved)
            else:
                self.weight.div_(self.factor)

    def intact(self) -> bool:
        return True


def apply_all(changes: Sequence[Change]) -> None:
    """Make all changes, or none if one of them fails."""
    done: list[Change] = []
    try:
        for change in changes:
            change.apply()
            done.append(change)
    except BaseException:
        for change in reversed(done):
            change.revert()
        raise


def revert_all(changes: Sequence[Change]) -> None:
    """Take all changes back.

    Raises:
        ActlasError: if the model was changed again at one of the places; nothing is done then.
    """
    for change in _altered(changes):
        raise ActlasError(f"{getattr(change, 'place', 'the model')} was changed again since; take "
                          f"the later change back first")  # fmt: skip
    for change in reversed(changes):
        change.revert()


def _altered(changes: Sequence[Change]) -> Iterable[Change]:
    """Yield changes that something else has overwritten; a later one of ours may cover one."""
    covered: set[Any] = set()
    for change in reversed(changes):
        what = _what(change)
        if what not in covered and not change.intact():
            yield change
        covered.add(what)


def _what(change: Any) -> Any:
    if isinstance(change, Item):
        return id(change.items), change.key
    return id(getattr(change, "module", change)), type(change)
