"""Study files, other values, the schema; what a folder holds; runs for other programs."""

from __future__ import annotations

import csv
import json
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actlas.errors import ActlasError
from actlas.study import Plan, Result, make_plan, run_plan
from actlas.study.command import Command
from actlas.study.exporting import FORMATS, export_runs, flat, json_lines
from actlas.study.folder import existing, progress_of, read_result, stored_plan
from actlas.study.store import Store
from actlas.study.study_file import changed, plan_from_text, plan_text, schema
from actlas.study.training import Phase, Record

PLAN = make_plan({"activations": ("relu", "prelu"), "seeds": 2, "budget": 2, "epochs": 1})


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run_plan(PLAN, out=tmp_path_factory.mktemp("study"), workers=1)


# ---------------------------------------------------------------- plans as text


@pytest.mark.parametrize(
    "plan",
    [
        Plan(),
        PLAN,
        Plan(task="a \"b\" \\ é", learning_rates=(1e-5, 0.1), practical_difference=0.25,
             activations=("leaky_relu(negative_slope=0.2)", "gelu"), tuning_seeds=(7, 9)),
    ],
    ids=["default", "small", "strange"],
)  # fmt: skip
def test_a_plan_is_what_its_text_says(plan: Plan) -> None:
    assert plan_from_text(plan_text(plan)) == plan


@pytest.mark.parametrize(
    ("setting", "name", "value"),
    [
        ("seeds=3", "seeds", (0, 1, 2)),
        ("seeds=[4, 5]", "seeds", (4, 5)),
        ("optimizer=adam", "optimizer", "adam"),
        ("activations=relu,leaky_relu(negative_slope=0.2)", "activations",
         ("relu", "leaky_relu(negative_slope=0.2)")),
        ('activations = ["relu", "gelu"]', "activations", ("relu", "gelu")),
        ("learning_rates=[0.01, 0.1]", "learning_rates", (0.01, 0.1)),
    ],
)  # fmt: skip
def test_values_of_the_command_line(setting: str, name: str, value: Any) -> None:
    assert getattr(changed(Plan(budget=3), [setting]), name) == value
    assert changed(Plan(budget=3), [setting]).budget == 3


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("seed", "key=value, as in seeds=5; got 'seed'. Did you mean 'seeds'"),
        ("sedes=3", "unknown key 'sedes'"),
        ("budget=many", "budget = 'many' is not allowed"),
        ("optimizer=adma", "Did you mean 'adam'"),
    ],
)
def test_wrong_values_of_the_command_line(setting: str, message: str) -> None:
    with pytest.raises(ActlasError) as caught:
        changed(Plan(), [setting])
    assert message in str(caught.value)


def test_the_schema_knows_and_explains_every_key() -> None:
    found = schema()
    assert set(found["properties"]) == {*Plan.model_fields, *Command.model_fields}
    assert all(entry["description"] for entry in found["properties"].values())
    assert found["additionalProperties"] is False
    kinds = {entry["type"] for entry in found["properties"]["seeds"]["anyOf"]}
    assert kinds == {"integer", "array"}
    json.dumps(found)


# ---------------------------------------------------------------- the folder of a study


def test_the_folder_knows_its_plan_and_how_far_it_is(result: Result) -> None:
    folder = result.report_path.parent
    with existing(folder) as store:
        assert stored_plan(store) == result.plan
        counts = progress_of(store)
    assert (counts[Phase.TUNING].finished, counts[Phase.TUNING].planned) == (12, 12)
    assert (counts[Phase.CONFIRMATION].finished, counts[Phase.CONFIRMATION].planned) == (6, 6)


def test_runs_of_another_plan_are_not_counted(result: Result, tmp_path: Path) -> None:
    longer = result.plan.model_copy(update={"epochs": 99})
    with Store(tmp_path) as store:
        store.keep_plan(plan_text(longer), result.records[0].spec.code)
        for record in result.records:
            store.add(record)
        assert [count.finished for count in progress_of(store).values()] == [0, 0]


def test_a_report_is_written_anew_from_the_runs_alone(
    result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the code has changed since: the runs are those of the code that made them."""
    monkeypatch.setattr("actlas.study.experiment.code_version", lambda *_: "another")
    before = result.report_path.read_text(encoding="utf-8")
    result.report_path.unlink()
    found = read_result(result.report_path.parent)
    assert found.analysis == result.analysis
    assert result.report_path.read_text(encoding="utf-8") == before


def test_missing_runs_are_counted_and_not_trained(result: Result, tmp_path: Path) -> None:
    with Store(result.report_path.parent) as old, Store(tmp_path) as new:
        new.keep_plan(old.recall("plan") or "", old.recall("code") or "")
        for record in result.outcome.tuning_records["relu"]:
            new.add(record)
    with pytest.raises(ActlasError, match="8 of 12 runs of the tuning are missing"):
        read_result(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_folder_without_a_study_stays_empty(tmp_path: Path) -> None:
    with pytest.raises(ActlasError, match=r"there is no study in .*: no study\.db"):
        read_result(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_store_without_a_plan_says_so(tmp_path: Path, result: Result) -> None:
    with Store(tmp_path) as store:
        store.add(result.records[0])
        with pytest.raises(ActlasError, match="does not say which study it belongs to"):
            stored_plan(store)


# ---------------------------------------------------------------- export


def test_json_lines_are_read_back(result: Result) -> None:
    lines = json_lines(result.records).splitlines()
    assert tuple(map(Record.from_json, lines)) == result.records


def test_csv_holds_every_run(result: Result, tmp_path: Path) -> None:
    assert export_runs(result.records, tmp_path / "runs.csv") == len(result.records)
    with (tmp_path / "runs.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["key"] for row in rows] == [record.spec.key for record in result.records]
    assert [float(row["validation"]) for row in rows] == [r.validation for r in result.records]
    assert json.loads(rows[0]["validation_curve"]) == list(result.records[0].validation_curve)
    assert rows[0]["test"] == ""  # a run of the search has none


def test_parquet_holds_every_run(result: Result, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    export_runs(result.records, tmp_path / "runs.parquet")
    rows = parquet.read_table(tmp_path / "runs.parquet").to_pylist()
    assert rows == [flat(record) for record in result.records]


def test_parquet_without_its_packages_names_the_extra(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actlas.study.exporting.find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ActlasError, match=r'pip install "actlas\[parquet\]"'):
        export_runs(result.records, tmp_path / "runs.parquet")
    assert list(tmp_path.iterdir()) == []


def test_the_extra_that_is_named_is_there() -> None:
    project = Path(__file__).parents[2] / "pyproject.toml"
    extras = tomllib.loads(project.read_text("utf-8"))["project"]["optional-dependencies"]
    assert any(need.startswith("pyarrow") for need in extras["parquet"])


@pytest.mark.parametrize(
    ("name", "message"),
    [("runs.parket", "Did you mean 'parquet'"), ("runs", r"must end in .jsonl, .csv, .parquet"),
     ("none/runs.csv", "cannot write")],
)  # fmt: skip
def test_where_runs_cannot_go(result: Result, tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ActlasError, match=message):
        export_runs(result.records, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_export(tmp_path: Path) -> None:
    assert set(FORMATS) == {"jsonl", "csv", "parquet"}
    with pytest.raises(ActlasError, match="no finished run"):
        export_runs([], tmp_path / "runs.csv")


def test_diverged_runs_are_exported_too(result: Result, tmp_path: Path) -> None:
    diverged = replace(result.records[-1], diverged=True, validation_curve=(), loss_curve=())
    export_runs([diverged], tmp_path / "runs.csv")
    assert "True" in (tmp_path / "runs.csv").read_text(encoding="utf-8")
