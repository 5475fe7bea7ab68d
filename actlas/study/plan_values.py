"""What values of a plan may look like: names with commas, each once, of those that are known."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

from actlas.errors import nearest

Value = TypeVar("Value")


def agreed(several: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what all of them hold with the same value."""
    first, *others = several
    return {
        key: value
        for key, value in first.items()
        if all(key in other and other[key] == value for other in others)
    }


def beyond(known: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is not known already; None says nothing."""
    return {
        key: value for key, value in own.items() if value is not None and known.get(key) != value
    }


def joined(value: Any, what: str) -> Any:
    """Return names given as a list, or with commas between them, with commas between them."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, (list, tuple)) or not all(isinstance(n, str) for n in value):
        return value
    names = [name.strip() for name in value]
    if not all(names) or not names or len(set(names)) < len(names):
        raise ValueError(f"name at least one {what}, and each of them once")
    return ",".join(names)


def number(value: Any) -> Any:
    """Return a number as people write it, and anything else as it is."""
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"{value:g}" if plain else value


def each_once(values: tuple[Value, ...] | None) -> tuple[Value, ...] | None:
    """Return the values; ValueError if one is there twice."""
    if values is not None and len(set(values)) < len(values):
        raise ValueError("each value may be given once")
    return values


def one_of(name: str | None, allowed: Collection[str]) -> str | None:
    """Return the name; ValueError with the nearest one if it is not allowed. None is."""
    if name is not None and name not in allowed:
        raise ValueError(f"allowed: {', '.join(allowed)}.{nearest(name, allowed)}")
    return name


def each_one_of(names: str | None, allowed: Collection[str]) -> str | None:
    """Return names with commas between them, each of which is allowed; ValueError else."""
    for name in (names or "").split(","):
        one_of(name or None, allowed)
    return names
