"""`actlas compare`: arguments reach the study, and whatever goes wrong is one sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("scipy")

from tests.study.test_store import finished

QUICK = ("--activations", "relu,gelu", "--seeds", "2", "--epochs", "1", "--budget", "1",
         "--workers", "1")  # fmt: skip


def records(folder):
    from actlas.study.store import Store

    with Store(folder) as store:
        return list(store.records())


def test_a_study_ends_with_table_verdict_and_report(run, tmp_path):
    out = tmp_path / "out"
    result = run("compare", *QUICK, "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "reference" in result.stdout
    assert "GELU: undecided (" in result.stdout
    assert f"{out / 'report.html'}" in result.stdout.replace("\n", "")
    assert (out / "report.html").stat().st_size > 1000
    before = len(records(out))
    assert run("compare", *QUICK, "--out", str(out)).exit_code == 0
    assert len(records(out)) == before
    assert 'activations = ["relu", "gelu"]' in result.stdout  # the study file it stands for


def test_several_tasks_are_told_one_by_one_and_together(run, tmp_path):
    tasks = "tests.study.tiny_tasks:signs,tests.study.tiny_tasks:bumps"
    options = ("--task", tasks, "--reference", "tanh", "--design", "adaptive", "--seeds", "5")
    words = ("compare", *QUICK[:2], *options, *QUICK[4:], "--out", str(tmp_path / "out"))
    result = run(*words)
    assert result.exit_code == 0, result.output
    said = result.stdout
    places = [said.index(text) for text in ("sign of a product", "a bump", "Compared with Tanh")]
    assert places == sorted(places)
    assert f'task = "{tasks}"' in said
    assert 'reference = "tanh"' in said
    assert "runs are finished" in run("study", "status", str(tmp_path / "out")).stdout


def test_the_verdict_is_shown_on_80_columns(run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = run("compare", *QUICK, "--out", str(tmp_path / "out")).stdout
    row = next(line for line in shown.splitlines() if "│ GELU" in line)
    assert "undecided" in row
    assert len(row) <= 80


def test_a_study_file_and_options_that_win(run, tmp_path):
    study = tmp_path / "study.toml"
    study.write_text('activations = ["relu", "telu"]\nseeds = 3\nepochs = 1\nbudget = 1\n')
    out = tmp_path / "out"
    result = run(
        "compare", "--plan", str(study), "--seeds", "2", "--workers", "1", "--out", str(out)
    )
    assert result.exit_code == 0, result.output
    assert "2 paired seeds" in result.stdout
    assert "TeLU" in result.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--activations", "relu,gelo"), "'gelu'"),
        (("--activations", "elu(alpha=-1)"), "alpha must be"),
        (("--task", "digit"), "'digits'"),
        (("--task", "nowhere:task"), "cannot be imported"),
        (("--optimizer", "adamm"), "'adam'"),
        (("--seeds", "1"), "at least 2"),
        (("--seeds", "0"), "seeds"),
        (("--workers", "0"), "workers"),
        (("--plan", "missing.toml"), "missing.toml"),
        (("--download",), "nothing to download"),
        (("--task", "mnist", "--data-root", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_one_sentence(run, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ACTLAS_DATA", raising=False)
    result = run("compare", *words)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert result.stderr.startswith("actlas: ")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out" / "report.html").exists()


def test_an_unknown_key_in_a_study_file(refused, tmp_path):
    study = tmp_path / "study.toml"
    study.write_text("sedes = 3\n")
    assert "'seeds'" in refused("compare", "--plan", str(study))


def test_a_download_needs_a_folder(refused, monkeypatch):
    monkeypatch.delenv("ACTLAS_DATA", raising=False)
    assert "--data-root" in refused("compare", "--task", "mnist", "--download")


def test_ctrl_c_keeps_what_is_finished(tmp_path):
    out = tmp_path / "out"
    words = ["compare", "--seeds", "500", "--epochs", "3", "--workers", "1", "--out", str(out)]
    # A shell that starts tests in the background makes them, and what they start, deaf to Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "actlas", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 120
    while not finished(out) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "kept" in complaint
    assert "again" in complaint
    assert "Traceback" not in complaint
    assert len(records(out)) >= 1
