"""Fixtures and the one way to parametrise over the catalogue."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from actlas.catalogue import Definition, load

ENTRIES: tuple[Definition, ...] = tuple(load().values())


def over(entries: Iterable[Definition] = ENTRIES) -> pytest.MarkDecorator:
    """Parametrise a test over entries; tests of one entry share a worker and its references."""
    return pytest.mark.parametrize(
        "entry",
        [pytest.param(e, id=e.name, marks=pytest.mark.xdist_group(e.name)) for e in entries],
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run slow tests last, everything else in the order it stands."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
