"""The store and the processes: nothing that is finished is lost, nothing is trained twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from actlas.errors import ActlasError
from actlas.study import Progress, StudyInterrupted, compare
from actlas.study.store import Store
from actlas.study.training import Phase, Record, RunSpec

STUDY = {"activations": ["relu", "tanh"], "seeds": 4, "budget": 1, "epochs": 20}
RUNS = 3 * (2 + 4)  # arms, tuning seeds, seeds


@pytest.fixture
def record(make_spec: Callable[..., RunSpec]) -> Callable[[int], Record]:
    def make(seed: int) -> Record:
        return Record(make_spec(seed=seed), 90.0, 91.0, 0, (90.0,), (1.0,), False, 1.0, {}, 0.1, {})

    return make


def test_what_is_added_is_found_again(tmp_path: Path, record: Callable[[int], Record]) -> None:
    with Store(tmp_path / "new" / "out") as store:
        store.add(record(0))
    with Store(tmp_path / "new" / "out") as store:
        assert len(store) == 1
        assert store[record(0).spec.key] == record(0)
        assert record(1).spec.key not in store


def test_a_line_that_was_cut_short_is_dropped(
    tmp_path: Path, record: Callable[[int], Record]
) -> None:
    with Store(tmp_path) as store:
        store.add(record(0))
        store.add(record(1))
    content = store.path.read_bytes()
    store.path.write_bytes(content[:-40])
    with Store(tmp_path) as store:
        assert len(store) == 1
        store.add(record(1))
    assert store.path.read_bytes() == content


def test_a_spoilt_line_is_named(tmp_path: Path, record: Callable[[int], Record]) -> None:
    with Store(tmp_path) as store:
        store.add(record(0))
    store.path.write_bytes(b"{}\n" + store.path.read_bytes())
    with pytest.raises(ActlasError, match=r"results\.jsonl, line 1 is not a finished run"):
        Store(tmp_path)


def test_a_folder_that_cannot_be_written_stops_before_any_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    events: list[Progress] = []
    with pytest.raises(ActlasError, match="cannot write to the output folder"):
        compare(out=tmp_path / "file" / "out", progress=events.append, workers=1, **STUDY)
    assert events == []


def test_ctrl_c_keeps_what_was_finished(tmp_path: Path) -> None:
    def stop(event: Progress) -> None:
        if event.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(StudyInterrupted, match=r"results\.jsonl: 3\. Give the same command"):
        compare(out=tmp_path, progress=stop, workers=1, **STUDY)
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 3
    assert not (tmp_path / "report.html").exists()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_a_killed_study_goes_on_where_it_was(tmp_path: Path) -> None:
    """kill -9 on a real study with worker processes; then the same study in this process."""
    script = tmp_path / "study.py"
    script.write_text(
        f"from actlas.study import compare\n"
        f"if __name__ == '__main__':\n    compare(out='out', workers=2, **{STUDY!r})\n"
    )
    results = tmp_path / "out" / "results.jsonl"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, str(script)], cwd=tmp_path, env=environment)
    try:
        assert wait_until(lambda: lines(results) >= 3, seconds=180)
        workers = children(process.pid)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(workers) >= 2
    assert wait_until(lambda: not any(map(is_running, workers)), seconds=30)

    before = results.read_bytes().rpartition(b"\n")[0]
    kept = before.count(b"\n") + 1
    assert 3 <= kept < RUNS
    with results.open("ab") as file:
        file.write(b'{"key": "cut sho')
    events: list[Progress] = []
    outcome = compare(out=tmp_path / "out", workers=1, progress=events.append, **STUDY)
    assert results.read_bytes().startswith(before + b"\n")
    assert len(results.read_text().splitlines()) == len(outcome.records) == RUNS
    trained = [event for event in events if event.record is not None]
    assert len(trained) == RUNS - kept
    assert {event.phase for event in trained} <= set(Phase)
