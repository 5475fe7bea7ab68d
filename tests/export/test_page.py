"""The generated table of functions in ONNX is what `actlas.export` makes today."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actlas.catalogue import USER
from actlas.export import support
from actlas.export.onnx import OPSETS
from actlas.export.page import data, markdown, rounded_up, write
from tests.conftest import ENTRIES

pytest.importorskip("onnxruntime", reason="the extra export is not installed")

DOCS = Path(__file__).parents[2] / "docs"
ADVICE = "the page is old: run `python -m actlas.export docs`"


def _without_errors(page: str) -> list[str]:
    """Return the lines without the last cell, which depends on the machine."""
    return [line.rpartition(" | ")[0] if line.startswith("| ") else line
            for line in page.splitlines()]  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    return support([entry.name for entry in ENTRIES if entry.paper is not USER])


def test_the_page_is_what_would_be_written_now(rows) -> None:
    stored = (DOCS / "export.md").read_text(encoding="utf-8")
    assert _without_errors(stored) == _without_errors(markdown(rows)), ADVICE


def test_the_data_are_those_of_the_page(rows) -> None:
    stored = json.loads((DOCS / "export.json").read_text(encoding="utf-8"))
    assert len(stored) == len(rows), ADVICE
    for record, row in zip(stored, rows, strict=True):
        assert {**row.record(), "operators": list(row.operators),
                "max_error": record["max_error"]} == record, ADVICE  # fmt: skip
        assert row.max_error <= 2 * record["max_error"] + 2e-7  # processors differ
        assert record["max_error"] <= 1e-6


def test_every_function_is_covered_at_every_opset(rows) -> None:
    for entry in ENTRIES:
        spans = [(r.first_opset, r.last_opset) for r in rows if r.name == entry.name]
        covered = [opset for first, last in spans for opset in range(first, last + 1)]
        assert covered == list(OPSETS), entry.name


def test_an_old_page_is_seen(rows) -> None:
    """A row that is missing, and an operator that changed."""
    page = markdown(rows)
    assert _without_errors(markdown(rows[1:])) != _without_errors(page)
    assert _without_errors(page.replace("Softplus", "Sigmoid", 1)) != _without_errors(page)
    assert json.loads(data(rows))[0]["name"] == rows[0].name


def test_errors_are_rounded_up() -> None:
    assert [rounded_up(e) for e in (1e-7, 1.01e-7, 9.5e-7)] == ["1e-07", "2e-07", "1e-06"]


def test_writing_into_no_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="cannot write into"):
        write(tmp_path / "none")
