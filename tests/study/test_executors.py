"""Executors: whoever trains, a worker that dies costs its own run alone, and that is run again."""

from __future__ import annotations

import gc
import importlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from actlas.errors import ActlasError
from actlas.study import make_plan, run_plan
from actlas.study.executors import names, opened
from actlas.study.store import Store
from tests.study.refusals import refused

# The first call kills the worker that made it; every other one ends well.
PROGRAM = """
import os, signal, sys, time
name, seed, rate = sys.argv[1:4]
def note(file):
    with open(file, "a") as lines:
        lines.write(" ".join(sys.argv[1:]) + "\\n")
note("begun")
try:
    os.close(os.open("killed", os.O_CREAT | os.O_EXCL))
except FileExistsError:
    note("ended")
    print("score", 90 + len(name) + int(seed) % 7 / 10 - abs(float(rate) - 0.1))
else:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)
"""
PLAN = {
    "command": f"{sys.executable} -S program.py {{activation}} {{seed}} {{lr}}",
    "metric": "score (.*)", "activations": ["relu", "tanh"], "learning_rates": [0.1],
    "budget": 1, "seeds": 3, "practical_difference": 0.5,
}  # fmt: skip
RUNS = 3 * (2 + 3)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "program.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(path: Path) -> Counter[str]:
    return Counter(path.read_text().splitlines())


def in_this_process(test: Callable[[Path], None]) -> Callable[[Path], None]:
    """Mark a test of submitit's trial cluster, which leaves its logs open."""
    for warning in ("ResourceWarning", "pytest.PytestUnraisableExceptionWarning"):
        test = pytest.mark.filterwarnings(f"ignore::{warning}")(test)
    return test


def check_that_nothing_is_lost_or_trained_twice(folder: Path) -> None:
    begun, ended = lines(folder / "begun"), lines(folder / "ended")
    assert ended.total() == len(ended) == RUNS
    assert begun.total() == RUNS + 1  # the one whose worker was killed
    with Store(folder / "out", read_only=True) as store:
        assert len(store) == store.attempts() == RUNS
        assert not any(record.diverged for record in store.records())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dask", "ray"])
def test_a_study_outlives_a_killed_worker(folder: Path, name: str) -> None:
    pytest.importorskip({"dask": "distributed"}.get(name, name))
    study = folder / "study.toml"
    study.write_text("".join(f"{key} = {value!r}\n" for key, value in PLAN.items()))
    words = ["study", "run", str(study), "--executor", name, "--workers", "2", "--out", "out"]
    environment = {
        **os.environ, "OMP_NUM_THREADS": "1", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "actlas", *words], cwd=folder, env=environment, check=False,
        timeout=400, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    check_that_nothing_is_lost_or_trained_twice(folder)


# The first call kills the job that made it.
ONCE = """
import os, pathlib, signal
try:
    os.close(os.open(pathlib.Path(__file__).with_name("marker"), os.O_CREAT | os.O_EXCL))
except FileExistsError:
    print("alive")
else:
    os.kill(os.getppid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_killed_job_is_given_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job calls a program, since its process need not be able to import this module."""
    pytest.importorskip("submitit")
    core = importlib.import_module("submitit.core.core")
    monkeypatch.setattr(core.Job, "_results_timeout_s", 0.2)  # how long a lost answer is awaited
    (folder / "once.py").write_text(ONCE)
    words = [sys.executable, "-S", str(folder / "once.py")]
    with opened("slurm:cluster=local", 2, folder) as executor:
        assert executor is not None
        future = executor.submit(subprocess.check_output, words)
        assert executor.submit(pow, 2, 3).result(300) == 8
        assert future.result(300) == b"alive\n"


@in_this_process
def test_a_study_of_jobs(folder: Path) -> None:
    pytest.importorskip("submitit")
    (folder / "killed").touch()  # no worker dies: it would be this process
    result = run_plan(make_plan(PLAN), out="out", workers=1, executor="slurm:cluster=debug")
    assert len(result.records) == lines(folder / "ended").total() == RUNS
    gc.collect()


@pytest.mark.slow
def test_processes_of_this_machine_outlive_one_of_them(folder: Path) -> None:
    run_plan(make_plan(PLAN), out="out", workers=2)
    check_that_nothing_is_lost_or_trained_twice(folder)


def refuse(sentence: str) -> None:
    raise ActlasError(sentence)


@in_this_process
def test_answers_and_errors_come_back(folder: Path) -> None:
    pytest.importorskip("submitit")
    with opened("slurm:cluster=debug", 1, folder) as executor:
        assert executor is not None
        assert executor.submit(pow, 2, 3).result(60) == 8
        assert executor.submit(int, "11", base=2).result(60) == 3
        with pytest.raises(ActlasError, match=r"^this is said as it is$"):
            executor.submit(refuse, "this is said as it is").result(60)
        with pytest.raises(ActlasError, match=r"^ValueError: invalid literal"):
            executor.submit(int, "x").result(60)
    gc.collect()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dusk", "unknown executor 'dusk'; known: dask, local, ray, slurm. Did you mean 'dask'"),
        ("local:4", "local takes no options, got '4'"),
        ("slurm:partition", "slurm takes name=value, as in timeout_min=60; got 'partition'"),
        ("slurm:cluster=none", "cluster must be slurm, local, debug, got 'none'"),
        ("slurm:cluster=debug,partitoin=gpu", "slurm:cluster=debug,partitoin=gpu is refused"),
    ],
)
def test_a_wrong_executor_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    pytest.importorskip("submitit")
    with refused(said), opened(text, 1, tmp_path):
        pass


@pytest.mark.parametrize("name", [name for name in names() if name != "local"])
def test_a_missing_library_names_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for library in ("distributed", "ray", "submitit"):
        monkeypatch.setitem(sys.modules, library, None)
    said = rf'pip install "actlas\[{name}\]"'
    with pytest.raises(ActlasError, match=said), opened(name, 1, tmp_path):
        pass


def test_no_library_is_loaded_before_it_is_named() -> None:
    code = (
        "import sys; import actlas.study, actlas.cli; from actlas.study.executors import opened\n"
        "with opened('local', 1, None): pass\n"
        "print(*{'distributed', 'ray', 'submitit', 'psycopg', 'tensorboard'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout.split() == []
