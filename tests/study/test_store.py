"""The store: nothing finished is lost, nothing is trained twice, no foreign file is touched."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from actlas.errors import ActlasError
from actlas.study import Progress, StudyInterrupted, compare, experiment, leases
from actlas.study import store as store_module
from actlas.study.leases import is_alive, new_owner
from actlas.study.store import Store
from actlas.study.training import Phase, Record, RunSpec
from tests.study.refusals import refused

STUDY = {"activations": ["relu", "tanh"], "seeds": 4, "budget": 1, "epochs": 20}
RUNS = 3 * (2 + 4)  # arms, tuning seeds, seeds
CODE = "of this test"

Make = Callable[[int], Record]


@pytest.fixture
def record(make_spec: Callable[..., RunSpec]) -> Make:
    def make(seed: int) -> Record:
        return Record(make_spec(seed=seed), 90.0, 91.0, 0, (90.0,), (1.0,), False, 1.0, {}, 0.1, {})

    return make


# ---------------------------------------------------------------- finished runs


def test_what_is_added_is_found_again(tmp_path: Path, record: Make) -> None:
    with Store(tmp_path / "new" / "out") as store:
        store.add(record(0))
    with Store(tmp_path / "new" / "out") as store:
        assert len(store) == 1
        assert store[record(0).spec.key] == record(0)
        assert record(1).spec.key not in store
        with pytest.raises(KeyError):
            store[record(1).spec.key]


def test_the_first_result_stays(tmp_path: Path, record: Make) -> None:
    from dataclasses import replace

    with Store(tmp_path) as store:
        store.add(record(0))
        store.add(replace(record(0), test=0.0))
        assert store[record(0).spec.key].test == 91.0


def test_runs_of_the_former_file_are_taken_over_once(tmp_path: Path, record: Make) -> None:
    old = tmp_path / "results.jsonl"
    lines = [record(seed).to_json() for seed in range(3)]
    old.write_text(f"{lines[0]}\n{lines[1]}\n{lines[2][:-40]}")  # the last one was cut by a kill
    with Store(tmp_path) as store:
        assert [found.spec.seed for found in store.records()] == [0, 1]
    old.write_text("changed afterwards\n")
    with Store(tmp_path) as store:
        assert len(store) == 2


def test_a_spoilt_line_of_the_former_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text("{}\n")
    with pytest.raises(ActlasError, match=r"results\.jsonl, line 1 is not a finished run"):
        Store(tmp_path)


def test_a_transaction_that_cannot_be_ended_is_undone(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        connection = store._database.connection
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
        connection.execute(
            "CREATE TABLE children (id REFERENCES parents DEFERRABLE INITIALLY DEFERRED)"
        )
        with pytest.raises(sqlite3.IntegrityError), store._database.transaction():
            connection.execute("INSERT INTO children VALUES (1)")  # refused by COMMIT
        assert not connection.in_transaction


@pytest.mark.parametrize(
    ("failures", "code", "kept"),
    [(1, sqlite3.SQLITE_BUSY, True), (2, sqlite3.SQLITE_BUSY, False),
     (1, sqlite3.SQLITE_FULL, False)],
)  # fmt: skip
def test_a_busy_file_is_tried_once_more(
    tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch,
    failures: int, code: int, kept: bool,
) -> None:  # fmt: skip
    remaining = [sqlite3.OperationalError("no luck") for _ in range(failures)]
    for error in remaining:
        error.sqlite_errorcode = code
    write = Store._insert

    def insert(self: Store, found: Record) -> None:
        if remaining:
            raise remaining.pop()
        write(self, found)

    with Store(tmp_path) as store:
        monkeypatch.setattr(Store, "_insert", insert)
        if kept:
            store.add(record(0))
        else:
            with pytest.raises(ActlasError, match=r"cannot be kept in .*study\.db: no luck"):
                store.add(record(0))
        assert len(store) == kept


def test_every_plan_is_kept(tmp_path: Path, record: Make) -> None:
    with Store(tmp_path) as store:
        store.keep_plan("seeds = 3", "code")
        store.keep_plan("seeds = 4", "code")  # before the first run: nothing to tell
        store.add(record(0))
        store.keep_plan("seeds = 4", "code")
        store.keep_plan("seeds = 4", "other code")
        store.keep_plan("seeds = 5", "other code")
        assert [(plan.text, plan.code, plan.runs) for plan in store.former_plans()] == [
            ("seeds = 3", "code", 0), ("seeds = 4", "code", 1), ("seeds = 4", "other code", 1)
        ]  # fmt: skip
        assert store.plan_changes() == (1,)
        assert store.recall("plan") == "seeds = 5"


def test_a_plan_in_another_order_is_no_change(tmp_path: Path, record: Make) -> None:
    """Another version of actlas may write the same plan in another order."""
    with Store(tmp_path) as store:
        store.keep_plan("seeds = 3\nbudget = 2", "code")
        store.add(record(0))
        store.keep_plan("budget = 2\nseeds = 3", "code")
        assert store.plan_changes() == ()
        store.keep_plan("budget = 3\nseeds = 3", "code")
        assert store.plan_changes() == (1,)


# ---------------------------------------------------------------- leases


def check_that_a_run_is_given_to_one_runner(place: Path | str, record: Make) -> None:
    specs = [record(seed).spec for seed in range(4)]
    with Store(place) as one, Store(place) as other:
        first = one.claims(specs)
        assert next(first).seed == 0
        assert [spec.seed for spec in other.claims(specs)] == [1, 2, 3]
        assert list(first) == []
        assert one.counts()[Phase.CONFIRMATION] == (0, 3)
        other.add(record(1))
        assert list(one.claims(specs[1:2])) == []
        assert one.attempts() == 4


def test_a_run_is_given_to_one_runner(tmp_path: Path, record: Make) -> None:
    check_that_a_run_is_given_to_one_runner(tmp_path, record)


def test_leases_that_were_not_used_are_given_back(tmp_path: Path, record: Make) -> None:
    specs = [record(0).spec]
    with Store(tmp_path) as one:
        assert list(one.claims(specs)) == specs
    with Store(tmp_path) as other:
        assert list(other.claims(specs)) == specs


def test_a_lease_ends_with_its_time(
    tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runner on another machine: nothing is known of its process."""
    specs = [record(0).spec]
    elsewhere = "elsewhere/1/1/00000000"
    with Store(tmp_path, lease_seconds=0.2) as one, Store(tmp_path) as other:
        monkeypatch.setattr(one, "owner", elsewhere)
        assert list(one.claims(specs)) == specs
        assert list(other.claims(specs)) == []
        time.sleep(0.5)  # renewed meanwhile
        assert list(other.claims(specs)) == []
        assert one._heartbeat is not None
        one._heartbeat.stop()
        time.sleep(0.3)
        assert list(other.claims(specs)) == specs


def _claim_and_wait(folder: Path, specs: list[RunSpec], claimed: str) -> None:
    store = Store(folder)
    assert list(store.claims(specs)) == specs
    Path(claimed).touch()
    time.sleep(600)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_the_lease_of_a_killed_process_is_void_at_once(tmp_path: Path, record: Make) -> None:
    specs, claimed = [record(0).spec], tmp_path / "claimed"
    child = multiprocessing.get_context("spawn").Process(
        target=_claim_and_wait, args=(tmp_path, specs, str(claimed)), daemon=True
    )
    child.start()
    try:
        assert wait_until(claimed.exists, seconds=120)
        with Store(tmp_path) as store:
            assert list(store.claims(specs)) == []
            child.kill()
            child.join()
            assert list(store.claims(specs)) == specs
            assert store.attempts() == 2
    finally:
        child.kill()


def parent(**changes: str) -> str:
    """Return an owner in the process that started this one."""
    host, boot, space, _, _, draw = new_owner().rsplit("/", 5)
    pid = str(os.getppid())
    fields = {"boot": boot, "space": space, "pid": pid, "started": leases._started(pid)}
    return "/".join((host, *(fields | changes).values(), draw))


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_who_is_alive() -> None:
    assert is_alive(parent()) is True
    assert is_alive(parent(started="1")) is False  # another process with that number
    for owner in (parent(boot="another"), parent(space="pid:[1]"), parent(pid="x"), "a/1/1/0", ""):
        assert is_alive(owner) is None
    assert is_alive(new_owner()) is None  # another runner in this process


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_a_living_process_keeps_its_lease_past_its_time(
    tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that slept: the time is over, but the runner goes on."""
    specs = [record(0).spec]
    with Store(tmp_path, lease_seconds=0.1) as one, Store(tmp_path) as other:
        monkeypatch.setattr(one, "owner", parent())
        assert list(one.claims(specs)) == specs
        assert one._heartbeat is not None
        one._heartbeat.stop()
        time.sleep(0.2)
        assert list(other.claims(specs)) == []


# ---------------------------------------------------------------- files that are not ours


def spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 + 8 : 4096 + 600] = bytes(592)
    path.write_bytes(bytes(content))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:6000])


def of_another_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def of_another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE trials (key TEXT)")


def a_text(path: Path) -> None:
    path.write_text("key,score\n" * 2000)


def without_a_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE study")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (spoil, "it is damaged"),
        (cut, "it is damaged"),
        (without_a_table, "it is damaged (no such table: study)"),
        (of_another_version, "its version is 99, this program reads version 1"),
        (of_another_program, "it is the database of another program"),
        (a_text, "it is not an SQLite database"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_other_files_are_refused_and_left_as_they_are(
    tmp_path: Path, record: Make, change: Callable[[Path], None], message: str
) -> None:
    with Store(tmp_path) as store:
        for seed in range(30):
            store.add(record(seed))
    path = tmp_path / store_module.FILE_NAME
    change(path)
    before, beside = path.read_bytes(), sorted(tmp_path.iterdir())
    with refused(message, "left as it is"):
        Store(tmp_path)
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == beside


def test_a_run_that_cannot_be_read_is_named(tmp_path: Path, record: Make) -> None:
    with Store(tmp_path) as store:
        store.add(record(0))
        store._database.execute("UPDATE trials SET record = '{}'")
        with pytest.raises(ActlasError, match=f"the run {record(0).spec.key} in it cannot be read"):
            list(store.records())


def test_an_empty_file_is_a_beginning(tmp_path: Path) -> None:
    """What is left of a process that was killed before its first transaction."""
    (tmp_path / store_module.FILE_NAME).touch()
    with Store(tmp_path) as store:
        assert len(store) == 0


def test_a_folder_that_cannot_be_written_stops_before_any_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    events: list[Progress] = []
    with pytest.raises(ActlasError, match="cannot write to the output folder"):
        compare(out=tmp_path / "file" / "out", progress=events.append, workers=1, **STUDY)
    assert events == []


# ---------------------------------------------------------------- whole studies


def test_ctrl_c_keeps_what_was_finished(tmp_path: Path) -> None:
    def stop(event: Progress) -> None:
        if event.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(StudyInterrupted, match=r"study\.db: 3\. Give the same command"):
        compare(out=tmp_path, progress=stop, workers=1, **STUDY)
    with Store(tmp_path) as store:
        assert len(store) == 3
        assert store.counts()[Phase.TUNING] == (3, 0)
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


def finished(folder: Path) -> int:
    """Return how many runs are finished, without being a runner."""
    if not (folder / "study.db").exists():
        return 0
    with closing(sqlite3.connect(folder / "study.db", timeout=10)) as connection:
        try:
            query = "SELECT count(*) FROM trials WHERE record IS NOT NULL"
            return int(connection.execute(query).fetchone()[0])
        except sqlite3.OperationalError:  # not made yet
            return 0


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def start(folder: Path, workers: int) -> subprocess.Popen[bytes]:
    """Start the study in a process of its own; an edit of the code meanwhile does not matter."""
    script = folder / "study.py"
    script.write_text(
        f"from actlas.study import compare, experiment\n"
        f"experiment.code_version = lambda *_: {CODE!r}\n"
        f"if __name__ == '__main__':\n    compare(out='out', workers={workers}, **{STUDY!r})\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, str(script)], cwd=folder, env=environment)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_a_killed_study_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 on a real study with worker processes; then the same study in this process."""
    out = tmp_path / "out"
    process = start(tmp_path, workers=2)
    try:
        assert wait_until(lambda: finished(out) >= 3, seconds=180)
        workers = children(process.pid)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(workers) >= 2
    assert wait_until(lambda: not any(map(is_running, workers)), seconds=30)

    kept = finished(out)
    assert 3 <= kept < RUNS
    monkeypatch.setattr(experiment, "code_version", lambda *_: CODE)
    events: list[Progress] = []
    begun = time.monotonic()
    outcome = compare(out=out, workers=1, progress=events.append, **STUDY)
    assert time.monotonic() - begun < store_module.LEASE_SECONDS  # no waiting for dead leases
    assert finished(out) == len(outcome.records) == RUNS
    assert sum(event.record is not None for event in events) == RUNS - kept
    with Store(out) as store:
        assert store.attempts() <= RUNS + 3  # what the killed one had begun


@pytest.mark.slow
def test_two_runners_of_one_study_train_nothing_twice(tmp_path: Path) -> None:
    processes = [start(tmp_path, workers=1) for _ in range(2)]
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    with Store(tmp_path / "out") as store:
        assert store.attempts() == len(store) == RUNS
    assert (tmp_path / "out" / "report.html").is_file()
