"""Looking on: the pace of a study, curves for TensorBoard, a look that writes nothing; and data."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actlas.errors import ActlasError
from actlas.study import Plan, Progress
from actlas.study.experiment import code_of
from actlas.study.exporting import json_lines
from actlas.study.fingerprint import _of_data, fingerprint
from actlas.study.folder import existing, progress_of
from actlas.study.progress import Pace, told_to
from actlas.study.store import Store
from actlas.study.study_file import plan_text
from actlas.study.tasks import load_data
from actlas.study.tensorboard import tensorboard_sink
from actlas.study.training import Phase, Record, RunSpec

Make = Callable[..., Record]


@pytest.fixture
def record(make_spec: Callable[..., RunSpec]) -> Make:
    def make(activation: str = "relu", **changes: Any) -> Record:
        spec = make_spec(activation, **changes)
        return Record(spec, 90.0, 91.0, 1, (80.0, 90.0), (1.0, 0.5), False, 1.0, {}, 0.1, {})

    return make


# ---------------------------------------------------------------- pace


def test_rate_and_remaining_time(record: Make) -> None:
    seconds = iter([0.0, 0.0, 30.0, 60.0, 90.0])
    pace = Pace(lambda: next(seconds))
    start = Progress(Phase.TUNING, 2, 10, 2)
    assert pace(start) == ""
    assert pace(replace(start, done=3, record=record())) == "2 runs/min, 0:03:30 left"
    assert pace(replace(start, done=6, note="by another runner")) == "4 runs/min, 0:01:00 left"
    assert pace(replace(start, done=10, record=record())) == "5.33 runs/min"


def test_every_phase_has_a_pace_of_its_own(record: Make) -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    pace(Progress(Phase.TUNING, 0, 2, 0))
    now[0] = 600.0
    begin = Progress(Phase.CONFIRMATION, 0, 2, 0)
    assert pace(begin) == ""
    now[0] = 660.0
    assert pace(replace(begin, done=1, record=record())) == "1 runs/min, 0:01:00 left"
    assert pace(begin) == ""  # the same phase of another task
    now[0] = 720.0
    assert pace(replace(begin, done=1, record=record())) == "1 runs/min, 0:01:00 left"


def test_a_later_look_has_a_pace_of_its_own(record: Make) -> None:
    """What was done before it began says nothing of how fast it is."""
    now = [0.0]
    pace = Pace(lambda: now[0])
    pace(Progress(Phase.CONFIRMATION, 0, 10, 0))
    now[0] = 60.0
    look = Progress(Phase.CONFIRMATION, 10, 14, 0)
    assert pace(look) == ""
    now[0] = 120.0
    assert pace(replace(look, done=12, record=record())) == "2 runs/min, 0:01:00 left"


def test_every_listener_is_told(record: Make) -> None:
    one: list[Progress] = []
    other: list[Progress] = []
    event = Progress(Phase.TUNING, 1, 2, 0, record())
    told_to(one.append, other.append)(event)
    assert one == other == [event]


# ---------------------------------------------------------------- TensorBoard


class Writer:
    """Stands for SummaryWriter: notes what is written where."""

    written: list[tuple[str, str, float, int]] = []  # noqa: RUF012

    def __init__(self, log_dir: str) -> None:
        self.folder = log_dir

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.written.append((self.folder, name, value, step))


def test_every_run_has_its_curves_in_tensorboard(
    tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(Writer, "written", [])
    runs = [record(), record(twin=True), record(task="command:command=a/b&")]
    with tensorboard_sink(tmp_path / "board") as listener:
        listener(Progress(Phase.TUNING, 0, 3, 0))
        for run in runs:
            listener(Progress(Phase.TUNING, 1, 3, 0, run))
    folders = list(dict.fromkeys(Path(entry[0]) for entry in Writer.written))
    assert len(folders) == 3
    parts = [folder.relative_to(tmp_path / "board").parts for folder in folders]
    assert [part[:3] for part in parts] == [
        ("digits", "confirmation", "relu"), ("digits", "confirmation", "relu A-A"),
        ("program", "confirmation", "relu")]  # fmt: skip
    first = [entry[1:] for entry in Writer.written if Path(entry[0]) == folders[0]]
    assert first == [
        ("validation", 80.0, 1), ("validation", 90.0, 2), ("loss", 1.0, 1), ("loss", 0.5, 2),
        ("final/validation", 90.0, 2), ("final/test", 91.0, 2)]  # fmt: skip


def test_tensorboard_itself_reads_what_is_written(tmp_path: Path, record: Make) -> None:
    pytest.importorskip("tensorboard")
    with tensorboard_sink(tmp_path) as listener:
        listener(Progress(Phase.TUNING, 1, 1, 0, record()))
    assert list(tmp_path.rglob("events.out.*"))


def test_without_the_package_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with (
        pytest.raises(ActlasError, match=r'pip install "actlas\[tensorboard\]"'),
        tensorboard_sink(tmp_path),
    ):
        pass


# ---------------------------------------------------------------- a look that writes nothing


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_look_changes_nothing(tmp_path: Path, record: Make) -> None:
    plan = Plan(weight_decay=0.0, epochs=2, batch_size=64, optimizer="sgd", selection="best epoch")
    with Store(tmp_path) as store:
        store.keep_plan(plan_text(plan), "")
        store.add(record())
    before = files(tmp_path)
    assert sorted(before) == ["study.db"]
    for path in (tmp_path / "study.db", tmp_path):
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    try:
        with existing(tmp_path, read_only=True) as store:
            assert progress_of(store)[Phase.CONFIRMATION].finished == 1
            assert json_lines(store.records()) == record().to_json() + "\n"
            with pytest.raises(ActlasError, match=r"readonly|read.?only|immutable"):
                store.add(record(seed=1))
    finally:
        tmp_path.chmod(0o700)
    assert files(tmp_path) == before


def test_a_look_sees_what_a_runner_has_just_finished(tmp_path: Path, record: Make) -> None:
    with Store(tmp_path) as runner:
        runner.add(record())
        with existing(tmp_path, read_only=True) as look:
            assert len(look) == 1
            runner.add(record(seed=1))
            assert len(look) == 2


def test_nothing_is_made_where_no_study_is(tmp_path: Path) -> None:
    (tmp_path / "study.db").touch()
    for folder in (tmp_path, tmp_path / "none"):
        with (
            pytest.raises(ActlasError, match="there is no study in"),
            existing(folder, read_only=True),
        ):
            pass
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [0]


# ---------------------------------------------------------------- the data in the key


@pytest.mark.parametrize(
    "other",
    [
        [torch.zeros(2, 3), "a", {"b": np.ones(2)}],
        [torch.zeros(3, 2, dtype=torch.float64), "a", {"b": np.ones(2)}],
        [torch.zeros(3, 2), "b", {"b": np.ones(2)}],
        [torch.zeros(3, 2), "a", {"c": np.ones(2)}],
        [torch.zeros(3, 2), "a", {"b": np.ones(2, np.float32)}],
        [torch.zeros(3, 2), "a", {"b": np.array([1.0, 1.5])}],
        [[torch.zeros(3, 2), "a"], {"b": np.ones(2)}],
    ],
    ids=["shape", "type", "text", "name", "precision", "value", "nesting"],
)
def test_whatever_differs_gives_another_fingerprint(other: list[Any]) -> None:
    one = [torch.zeros(3, 2), "a", {"b": np.ones(2)}]
    assert fingerprint(one) == fingerprint([torch.zeros(2, 3).T * 1.0, "a", {"b": np.ones(2)}])
    assert fingerprint(one) != fingerprint(other)


def test_a_scalar_and_an_odd_type_have_fingerprints() -> None:
    found = {fingerprint(torch.tensor(v, dtype=torch.bfloat16)) for v in (1.0, 2.0)}
    assert len(found) == 2
    assert fingerprint(torch.empty(0)) != fingerprint(torch.empty(0, 1))


TASK = """
from pathlib import Path
import torch
from torch import nn
from actlas.study import Data, Split, Task

def data(root: Path) -> Data:
    values = torch.tensor([float(n) for n in Path("data.txt").read_text().split()])
    part = Split(values.reshape(-1, 2), torch.arange(len(values) // 2) % 2)
    return Data(part, part, part)

def network(activation):
    return nn.Sequential(nn.Linear(2, 2), activation(), nn.Linear(2, 2))

own = Task(name="own", title="own data", data=data, network=network, epochs=1, batch_size=4,
           practical_difference=1.0, limits=("Eight points.",))
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Return a folder with a task of one's own and its data."""
    (tmp_path / "mine.py").write_text(TASK)
    (tmp_path / "data.txt").write_text(" ".join(str(n / 7) for n in range(16)))
    return tmp_path


def test_changed_data_give_other_runs(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own)
    monkeypatch.setattr(sys, "path", list(sys.path))
    plan = Plan(task="mine:own")

    def code_now() -> str:
        """Return what a new process would say: data are read once in each."""
        load_data.cache_clear()
        _of_data.cache_clear()
        return code_of(plan, None)

    try:
        before = code_now()
        assert code_now() == before
        (own / "data.txt").write_text((own / "data.txt").read_text() + " 1 2")
        assert code_now() != before
    finally:
        sys.modules.pop("mine", None)
        load_data.cache_clear()


@pytest.mark.slow
def test_a_task_of_ones_own_works_in_worker_processes(own: Path) -> None:
    (own / "study.py").write_text(
        "from actlas.study import make_plan, run_plan\n"
        "if __name__ == '__main__':\n"
        "    plan = make_plan({'task': 'mine:own', 'activations': 'relu,tanh', 'seeds': 2,\n"
        "                      'budget': 1, 'tuning_seeds': 1})\n"
        "    print(len(run_plan(plan, out='out', workers=2).records))\n"
    )
    done = subprocess.run(
        [sys.executable, "study.py"], cwd=own, check=True, text=True, capture_output=True,
        env=_environment(),
    )  # fmt: skip
    assert done.stdout.split() == ["9"]


def _environment() -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join([root, *sys.path])
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
