"""`actlas facts`: typed columns, a schema that fits, files that read back; and what is proved."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from actlas import get
from actlas.catalogue import find
from actlas.facts import facts_of, table
from actlas.facts.evidence import CLAIMS_OF, evidence
from actlas.facts.proofs import stored
from actlas.facts.wording import fact_rows
from tests.conftest import ENTRIES, over

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,),
    "array": (list,), "null": (type(None),),
}  # fmt: skip


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Say whether a value fits the part of JSON Schema that the table uses."""
    if "anyOf" in schema:
        return any(fits(value, each) for each in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    allowed = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if isinstance(value, bool) and "boolean" not in allowed:
        return False
    if not isinstance(value, tuple(t for name in allowed for t in TYPES[name])):
        return False
    if isinstance(value, dict) or value is None or "items" not in schema:
        return True
    return all(fits(each, schema["items"]) for each in value)


@over()
def test_every_row_has_every_column_with_its_type(entry) -> None:
    schema = table.schema()["items"]
    row = json.loads(json.dumps(table.row(entry)).replace("Infinity", '"inf"').replace('-"', '"-'))
    assert list(row) == schema["required"] == list(schema["properties"])
    wrong = [name for name, value in row.items() if not fits(value, schema["properties"][name])]
    assert wrong == []
    if len(entry.inputs) == 1:
        facts = facts_of(entry)
        assert row["lipschitz"] in (facts.lipschitz, "inf")
        assert row["infimum_proved"] == stored()[entry.name][1]["infimum"].proved


def test_a_value_that_does_not_fit_is_seen() -> None:
    columns = table.schema()["items"]["properties"]
    for name, wrong in (("id", 3), ("year", "x"), ("gain", True), ("gain", "infinite"),
                        ("kinks", [None]), ("monotone", 1)):  # fmt: skip
        assert not fits(wrong, columns[name]), name


def test_json(run) -> None:
    rows = json.loads(run("facts", "mish", "elu(alpha=2)", "and_il", "--json").stdout)
    assert [row["id"] for row in rows] == ["mish", "elu", "and_il"]
    assert rows[0]["range_high"] == "inf"
    assert rows[0]["minimum"] == get("mish").facts.minimum.value
    assert json.loads(rows[1]["parameters"]) == {"alpha": 2.0}
    assert rows[0]["infimum_proved"] is True
    assert rows[1]["infimum_proved"] is False  # nothing is proved at these parameters
    assert rows[2]["gain"] is None


def test_csv_reads_back(run) -> None:
    found = list(csv.DictReader(io.StringIO(run("facts", "relu", "and_il", "--csv").stdout)))
    assert found[0]["bounded"] == "false"
    assert math.isinf(float(found[0]["range_high"]))
    assert json.loads(found[0]["kinks"]) == [0.0]
    assert found[1]["kinks"] == ""


def test_parquet_has_typed_columns(run, tmp_path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    place = tmp_path / "facts.parquet"
    assert "wrote 2 rows" in run("facts", "relu", "and_il", "--parquet", str(place)).stdout
    read = parquet.read_table(place)
    assert str(read.schema.field("kinks").type).startswith("list<")
    assert read.to_pylist()[0]["kinks"] == [0.0]
    assert [row["gain"] is None for row in read.to_pylist()] == [False, True]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--json", "--csv"], "give one of --json, --csv, --parquet and --schema"),
        (["--parquet", "facts.csv"], "must end in .parquet"),
        (["rulu", "--json"], "no activation called 'rulu'"),
        (["maxout"], "maxout is a structured unit; facts are those of functions"),
    ],
)
def test_what_is_wrong_is_said(run, words, said) -> None:
    result = run("facts", *words)
    assert result.exit_code == 2
    assert said in result.stderr


def test_without_pyarrow_one_sentence(run, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("actlas.cli._facts_files.find_spec", lambda name: None)
    result = run("facts", "relu", "--parquet", str(tmp_path / "f.parquet"))
    assert 'pip install "actlas[parquet]"' in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_short_table(run) -> None:
    shown = run("facts", "telu", "snake").stdout
    assert re.search(r"telu +−0\.353286 +∞ +no +C\^inf +1\.06198 .* 7 of 7", shown)
    assert re.search(r"snake .* 6 of 7", shown)


def test_the_schema_is_printed_and_documented(run) -> None:
    assert json.loads(run("facts", "--schema").stdout) == table.schema()
    page = (Path(__file__).parents[2] / "docs" / "facts.md").read_text(encoding="utf-8")
    for c in table.COLUMNS:
        about = c.about.replace("|", "\\|")
        assert f"| `{c.name}` | {c.type} | {about} |" in page, c.name


# ---------------------------------------------------------------- the word "proved"


@over([entry for entry in ENTRIES if len(entry.inputs) == 1])
def test_rows_that_are_certified_say_so(entry) -> None:
    facts = facts_of(entry)
    told, rows = evidence(facts), dict(fact_rows(facts))
    assert set(told) == set(CLAIMS_OF) <= set(rows)
    for name, found in told.items():
        claims = [stored()[entry.name][1][claim] for claim in CLAIMS_OF[name]]
        assert found.proved == all(claim.proved for claim in claims)
        assert found.proved or found.detail == "; ".join(c.reason for c in claims if c.reason)


def test_the_page_says_what_is_proved(run) -> None:
    page = run("show", "mish").stdout
    assert re.search(r"minimum +−0\.308843 at x = −1\.19243 +proved", page)
    assert "proved" not in run("show", "mish", "--source", "c").stdout
    moved = run("show", "elu(alpha=2)").stdout
    assert "proved" not in moved
    assert re.search(r"monotone: computed, not proved: \w+", run("show", "snake").stdout)


def test_the_record_has_the_certificates(run) -> None:
    found = json.loads(run("show", "mish", "--json").stdout)["proofs"]
    bound = next(each for each in found if each["claim"] == "minimum")
    assert bound["bound"][0] <= get("mish").facts.minimum.value <= bound["bound"][1]
    assert bound["proved"] is True
    assert 0 < bound["precision"] < 3e-12


def test_details_name_bound_and_method() -> None:
    detail = evidence(facts_of(find("mish")))["minimum"].detail
    assert detail.startswith("value from −0.308843413")
    assert "bisection" in detail
    assert "128 bits" in detail
