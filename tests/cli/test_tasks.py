"""`actlas tasks`: every task once, and whether its data are at hand."""

from __future__ import annotations

import json

import pytest

from actlas.study.tasks import built_in_tasks

NAMES = [task.name for task in built_in_tasks()]


def listed(run, *words):
    return {row["name"]: row for row in json.loads(run("tasks", "--json", *words).stdout)["tasks"]}


def test_every_task_is_listed_once(run):
    shown = run("tasks").stdout
    firsts = [line.split()[0] for line in shown.splitlines() if line.strip()]
    assert [word for word in firsts if word in NAMES] == NAMES
    assert f"{len(NAMES)} tasks" in shown


def test_records_say_what_a_task_is(run):
    rows = listed(run)
    assert list(rows) == NAMES
    assert rows["digits"]["network"] == "MLP 64-64-10"
    assert rows["digits"]["higher_is_better"]
    assert not rows["jsb-chorales"]["higher_is_better"]
    assert "mnist" in rows["mnist-mlp"]["aliases"]


def test_data_are_at_hand_where_their_folder_is(run, tmp_path, monkeypatch):
    monkeypatch.delenv("ACTLAS_DATA", raising=False)
    (tmp_path / "mnist").mkdir()
    without = {name for name, row in listed(run).items() if row["at_hand"]}
    found = {name for name, row in listed(run, "--data-root", str(tmp_path)).items()
             if row["at_hand"]}  # fmt: skip
    assert "digits" in without
    assert found - without == {"mnist-mlp", "mnist-cnn"}
    shown = run("tasks", "--search", "pinn").stdout
    assert "--download" in shown


def test_a_search_narrows_the_list(run):
    assert set(listed(run, "--search", "PARITY")) == {"parity-5"}
    assert "0 tasks" in run("tasks", "--search", "no such word").stdout


@pytest.mark.parametrize("width", [60, 100, 160])
def test_no_line_is_wider_than_the_terminal(run, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    shown = run("tasks").stdout
    assert max(map(len, shown.splitlines())) <= width
    assert ("title" in shown.splitlines()[0]) == (width > 150)
