"""The page of systems is up to date, whole, and names tests that are there."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from actlas.docs.systems import systems_page
from actlas.models import networks

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return tomllib.loads((DOCS / "systems.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(record: dict[str, Any]) -> str:
    return systems_page(record)


def test_the_page_is_what_would_be_written_now(page: str) -> None:
    assert (DOCS / "systems.md").read_text(encoding="utf-8") == page


def test_every_network_and_method_has_a_check(record: dict[str, Any]) -> None:
    checked = {row["system"] for row in record["check"]}
    counted = {name for name, entry in networks().items() if entry.parameters}
    assert set(networks()) - checked - counted == set()
    assert set(record["method"]) - checked == set()
    assert checked <= {*networks(), *record["method"], "recurrent"}


def test_checks_name_tests_that_are_there(record: dict[str, Any]) -> None:
    for row in record["check"]:
        assert (DOCS.parent / row["test"]).is_file(), row["test"]


def test_counts_agree(page: str) -> None:
    rows = [line.split(" | ") for line in page.partition("## parameter counts")[2].splitlines()]
    counts = [
        (row[2], row[3].rstrip(" |")) for row in rows if len(row) == 4 and "expected" not in row
    ]
    assert len(counts) > 50
    for expected, obtained in counts:
        assert expected == obtained


def test_an_old_page_is_seen(record: dict[str, Any], page: str) -> None:
    fewer = {**record, "check": record["check"][1:]}
    assert systems_page(fewer) != page
