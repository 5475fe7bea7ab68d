"""`actlas study`: a file, other values, stop and go on, status, report, export, schema."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("scipy")

FILE = 'activations = ["relu", "telu"]\nseeds = 3\nepochs = 1\nbudget = 1\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a finished study, made by the command itself."""
    from typer.testing import CliRunner

    from actlas.cli import app

    place = tmp_path_factory.mktemp("study")
    (place / "study.toml").write_text(FILE)
    words = ["study", "run", str(place / "study.toml"), "--set", "seeds=2", "--workers", "1",
             "--out", str(place / "out")]  # fmt: skip
    result = CliRunner().invoke(app, words, prog_name="actlas")
    assert result.exit_code == 0, result.output
    assert "TeLU" in result.stdout
    return place / "out"


def test_status_and_export(run, folder, tmp_path):
    shown = run("study", "status", str(folder)).stdout
    assert "tuning: 6 of at least 6 runs are finished, 0 are being trained" in shown
    assert "confirmation: 6 of 6 runs are finished" in shown  # two seeds, three arms
    lines = run("study", "export", str(folder)).stdout.splitlines()
    assert len([json.loads(line) for line in lines]) == 12
    table = tmp_path / "runs.csv"
    assert "12 runs" in run("study", "export", str(folder), "-o", str(table)).stdout
    assert len(table.read_text(encoding="utf-8").splitlines()) == 13


def test_nothing_is_overwritten_unless_forced(run, refused, folder, tmp_path):
    table = tmp_path / "runs.csv"
    table.write_text("mine")
    assert "--force" in refused("study", "export", str(folder), "-o", str(table))
    assert table.read_text() == "mine"
    assert run("study", "export", str(folder), "-o", str(table), "--force").exit_code == 0


def test_report_and_resume_train_nothing_anew(run, folder):
    (folder / "report.html").unlink()
    shown = run("study", "report", str(folder))
    assert shown.exit_code == 0, shown.output
    assert "2 paired seeds" in shown.stdout
    assert (folder / "report.html").is_file()
    before = run("study", "export", str(folder)).stdout
    assert run("study", "resume", str(folder), "--workers", "1").exit_code == 0
    assert run("study", "export", str(folder)).stdout == before


def test_the_report_in_other_forms(run, folder):
    shown = run("study", "report", str(folder), "--format", "markdown", "--format", "latex")
    assert shown.exit_code == 0, shown.output
    assert str(folder / "report.md") in shown.stdout
    assert "What this study cannot say" in (folder / "report.md").read_text("utf-8")
    assert "TeLU" in (folder / "tables.tex").read_text("utf-8")


def test_a_form_that_does_not_exist(refused, folder):
    (folder / "report.html").write_text("as it was")
    assert "Did you mean 'latex'" in refused("study", "report", str(folder), "--format", "latx")
    assert (folder / "report.html").read_text() == "as it was"


def test_the_schema_is_json(run):
    assert "seeds" in json.loads(run("study", "schema").stdout)["properties"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "missing.toml"), "cannot read the study file missing.toml"),
        (("run", "study.toml", "--set", "seed=3"), "Did you mean 'seeds'"),
        (("run", "study.toml", "--set", "seeds"), "key=value"),
        (("run", "wrong.toml"), "Did you mean 'activations'"),
        (("resume", "nowhere"), "no study in nowhere"),
        (("status", "nowhere"), "no study in nowhere"),
        (("report", "nowhere"), "no study in nowhere"),
        (("export", "nowhere"), "no study in nowhere"),
    ],
    ids=" ".join,
)
def test_bad_input_is_one_sentence(refused, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.toml").write_text(FILE)
    (tmp_path / "wrong.toml").write_text('activation = ["relu"]\n')
    assert said in refused("study", *words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study.toml", "wrong.toml"]


def test_a_foreign_file_is_refused(refused, tmp_path):
    (tmp_path / "study.db").write_text("not a database")
    assert "not an SQLite database" in refused("study", "status", str(tmp_path))
    assert (tmp_path / "study.db").read_text() == "not a database"
