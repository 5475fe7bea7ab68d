"""The program as a whole: found commands, light start, exit codes of real processes."""

from __future__ import annotations

import json
import os
import pkgutil
import subprocess
import sys

import pytest

import actlas
from actlas import cli


def process(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "actlas", *words],
        capture_output=True, text=True, encoding="utf-8", check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )  # fmt: skip


def test_every_file_is_a_command_with_help(run):
    files = {m.name for m in pkgutil.iter_modules(cli.__path__) if not m.name.startswith("_")}
    assert {"compare", "doctor", "list", "plot", "show"} <= files
    overview = run("--help").stdout
    for name in files:
        assert name in overview
        assert run(name, "--help").exit_code == 0


def test_help_and_version_load_nothing_heavy():
    code = (
        "import sys; from actlas.cli import app; app(['--help'], standalone_mode=False); "
        "heavy = {'torch', 'numpy', 'matplotlib', 'scipy', 'mpmath'} & set(sys.modules); "
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_version(run):
    assert run("--version").stdout == f"actlas {actlas.__version__}\n"


def test_a_wrong_command_or_option_exits_with_2(run):
    assert run("lsit").exit_code == 2
    assert run("list", "--nonsense").exit_code == 2
    assert run("compare", "--seeds", "many").exit_code == 2


@pytest.mark.parametrize("words", [("show", "gelo"), ("plot", "relu", "-o", "no/such.png")])
def test_a_real_process_refuses_without_traceback(words):
    done = process(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("actlas: ")
    assert done.stderr.count("\n") == 1


def test_a_pipe_gets_plain_text():
    done = process("show", "mish")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


def test_a_terminal_without_unicode_does_not_crash():
    done = process("show", "mish", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_doctor_is_content(run, monkeypatch):
    monkeypatch.delenv("ACTLAS_DATA", raising=False)
    result = run("doctor", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["self-check"]["values"].startswith("right")
    assert found["data sets"]["digits"] == "complete"
    assert found["data sets"]["mnist-mlp"].startswith("not found")
    assert str(len(actlas.names())) in found["catalogue"]["functions"]


def test_doctor_names_what_is_missing(run, monkeypatch, tmp_path):
    from actlas.cli import _diagnosis

    monkeypatch.setenv("ACTLAS_DATA", str(tmp_path))
    monkeypatch.setattr(_diagnosis, "declared_extras", lambda: {"plot": ["no-such-package"]})
    monkeypatch.setattr(_diagnosis, "self_check", list)
    shown = run("doctor").stdout
    assert 'pip install "actlas[plot]"' in shown
    assert "missing: cannot read" in shown


def test_doctor_fails_when_values_are_wrong(run, monkeypatch):
    from actlas.cli import _diagnosis

    monkeypatch.setattr(_diagnosis, "_is_right", lambda name: name != "mish")
    monkeypatch.delenv("ACTLAS_DATA", raising=False)
    result = run("doctor")
    assert result.exit_code == 1
    assert "failed for mish" in result.stdout
