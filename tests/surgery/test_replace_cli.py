"""`actlas replace` in a folder with a model of one's own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from actlas.cli import app

NET = """
from torch import nn

def build():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.LeakyReLU(0.2))

ready = build()
number = 3
def needs(width): return nn.ReLU()
"""
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    (tmp_path / "some_net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("COLUMNS", "100")
    yield lambda *words: CliRunner().invoke(app, ["replace", *words], prog_name="actlas")
    sys.modules.pop("some_net", None)


def test_a_dry_run_says_what_would_be_done(run: Run) -> None:
    shown = run("some_net:build", "--old", "relu", "--new", "telu", "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert "would be" in shown.stdout
    assert "1 would be replaced; 1 others kept: leaky_relu ×1" in shown.stdout


def test_the_new_weights_are_written(run: Run, tmp_path: Path) -> None:
    words = ("some_net:ready", "--old", "relu", "--new", "pvlu", "--old",
             "leaky_relu(negative_slope=0.2)", "--new", "prelu", "--warm-start")  # fmt: skip
    assert run(*words, "-o", "new.pt").exit_code == 0
    state = torch.load(tmp_path / "new.pt", weights_only=True)
    assert state["1.alpha"].item() == 0.0
    assert state["3.weight"].item() == pytest.approx(0.2)
    assert "is there already" in run(*words, "-o", "new.pt").stderr
    again = run("some_net:build", "--old", "leaky_relu", "--new", "telu", "--weights", "new.pt")
    assert "does not fit the model" in again.stderr


def test_json_for_machines(run: Run) -> None:
    shown = run("some_net:build", "--old", "*", "--new", "telu", "--where", "1", "--rescale",
                "--json")  # fmt: skip
    record = json.loads(shown.stdout)
    assert not record["dry_run"]
    statuses = {row["path"]: row["status"] for row in record["rows"]}
    assert statuses == {"1": "replaced", "3": "kept"}
    assert record["rows"][0]["rescaled"] == pytest.approx(0.9721, rel=1e-3)


@pytest.mark.parametrize(
    ("words", "says"),
    [("some_net:biuld --old relu --new telu", "some_net has no 'biuld'. Did you mean 'build'?"),
     ("some_net --old relu --new telu", "name the model as module:factory"),
     ("no_net:build --old relu --new telu", "cannot be imported"),
     ("some_net:number --old relu --new telu", "makes no model"),
     ("some_net:needs --old relu --new telu", "cannot be called without arguments"),
     ("some_net:build --old relu --new telu --new mish", "one --new for each --old"),
     ("some_net:build --old gelu --new telu", "does not call gelu"),
     ("some_net:build --old relu --new telu --dry-run -o x.pt", "nothing to write"),
     ("some_net:build --old relu --new telu --weights x.pt", "there is no file x.pt"),
     ("some_net:build --old relu --new telu -o a/x.pt", "there is no folder a")],
    ids=str,
)  # fmt: skip
def test_one_sentence_for_what_cannot_be_done(run: Run, words: str, says: str) -> None:
    shown = run(*words.split())
    assert shown.exit_code == 2, shown.output
    assert shown.stdout == ""
    assert says in shown.stderr
    assert "\n" not in shown.stderr.strip()
