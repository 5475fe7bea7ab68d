"""PostgreSQL as the store: what holds of the file holds of the server, with real processes."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actlas.errors import ActlasError
from actlas.study.folder import existing, progress_of, read_result
from actlas.study.postgres import Postgres
from actlas.study.store import Store
from actlas.study.training import Record, RunSpec
from tests.study import server
from tests.study.test_store import Make, check_that_a_run_is_given_to_one_runner, wait_until

pytestmark = pytest.mark.xdist_group("postgres")

_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    pytest.importorskip("psycopg")
    if server.programs() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with server.running() as found:
        yield found


@pytest.fixture
def url(address: str) -> str:
    """Return the URL of an empty database."""
    import psycopg

    name = f"study{next(_NUMBERS)}"
    with psycopg.connect(f"{address}postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    return address + name


@pytest.fixture
def record(make_spec: Callable[..., RunSpec]) -> Make:
    def make(seed: int) -> Record:
        return Record(make_spec(seed=seed), 90.0, 91.0, 0, (90.0,), (1.0,), False, 1.0, {}, 0.1, {})

    return make


def test_what_is_added_is_found_again(url: str, record: Make) -> None:
    with Store(url) as store:
        store.add(record(0))
        store.add(replace(record(0), test=0.0))  # the first result stays
    with Store(url) as store:
        assert len(store) == 1
        assert store[record(0).spec.key] == record(0)
        assert record(1).spec.key not in store
        assert list(store.records()) == [record(0)]


def test_a_run_is_given_to_one_runner(url: str, record: Make) -> None:
    check_that_a_run_is_given_to_one_runner(url, record)
    specs = [record(0).spec]
    with Store(url) as third:
        assert list(third.claims(specs)) == specs  # given back when its runner ended


def test_leases_of_another_host_last_as_long_as_they_are_renewed(
    url: str, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time is the server's: a host whose clock is wrong takes nobody's runs."""
    specs = [record(0).spec]
    monkeypatch.setattr(time, "time", lambda: 4e9)
    with Store(url, lease_seconds=0.4) as one, Store(url) as other:
        monkeypatch.setattr(one, "owner", "elsewhere/1/1/00000000")
        assert list(one.claims(specs)) == specs
        assert one._heartbeat is not None
        time.sleep(0.8)
        assert list(other.claims(specs)) == []  # renewed meanwhile
        one._heartbeat.stop()
        assert wait_until(lambda: list(other.claims(specs)) == specs, seconds=30)


def test_every_plan_is_kept(url: str, record: Make) -> None:
    with Store(url) as store:
        store.keep_plan("seeds = 3", "code")
        store.add(record(0))
        store.keep_plan("seeds = 4", "code")
        assert [(plan.text, plan.runs) for plan in store.former_plans()] == [("seeds = 3", 1)]
        assert store.plan_changes() == (1,)


def test_a_lost_connection_is_made_anew(url: str, record: Make) -> None:
    with Store(url) as store:
        store.add(record(0))
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ?"
        database = store._database
        assert isinstance(database, Postgres)
        with Store(url) as other:
            other._database.execute(ended, (database._connection.info.backend_pid,))
        store.add(record(1))
        assert len(store) == 2


def _make_foreign(url: str) -> None:
    database = Postgres(url)
    database.execute("DROP TABLE trials")
    database.execute("CREATE TABLE trials (key TEXT)")
    database.close()


def test_tables_of_another_program_are_left_alone(url: str) -> None:
    _make_foreign(url)
    with pytest.raises(ActlasError, match="belong to another program or version; it is left as it"):
        Store(url)


def test_nothing_is_made_by_a_look(url: str) -> None:
    for _ in range(2):
        with pytest.raises(ActlasError, match="there is no study in postgresql://actlas@"):
            Store(url, read_only=True)
    with Store(url) as store, Store(url, read_only=True) as look:
        store.remember("plan", "seeds = 3")
        assert look.recall("plan") == "seeds = 3"
        with pytest.raises(look._database.error):
            look.remember("plan", "seeds = 4")


def test_a_server_that_does_not_answer_is_named_without_the_password() -> None:
    with pytest.raises(ActlasError, match=r"cannot open the store postgresql://me@127\.0\.0\.1:9/"):
        Store("postgresql://me:secret@127.0.0.1:9/db")


# ---------------------------------------------------------------- two processes


def _train(url: str, specs: list[RunSpec], number: int, log: str) -> None:
    """Do what a runner does, and note every run it was given."""
    with Store(url) as store:
        for spec in store.claims(specs):
            with Path(log).open("a") as file:
                file.write(f"{spec.key} {number}\n")
            store.add(Record(spec, 90.0, 91.0, 0, (90.0,), (1.0,), False, 1.0, {}, 0.1, {}))


def _claim_and_wait(url: str, specs: list[RunSpec], claimed: str) -> None:
    store = Store(url)
    assert list(store.claims(specs)) == specs
    Path(claimed).touch()
    time.sleep(600)


@pytest.mark.slow
def test_two_processes_share_the_runs_and_a_killed_one_loses_its_lease(
    url: str, record: Make, tmp_path: Path
) -> None:
    spawn, log = multiprocessing.get_context("spawn"), tmp_path / "log"
    specs = [record(seed).spec for seed in range(60)]
    waiting = spawn.Process(
        target=_claim_and_wait, args=(url, specs[:1], str(tmp_path / "claimed"))
    )
    others = [spawn.Process(target=_train, args=(url, specs, n, str(log))) for n in range(2)]
    waiting.start()
    try:
        assert wait_until((tmp_path / "claimed").exists, seconds=120)
        for process in others:
            process.start()
        for process in others:
            process.join(120)
        assert [process.exitcode for process in others] == [0, 0]
    finally:
        waiting.kill()
        waiting.join()
    given = [line.split()[0] for line in log.read_text().splitlines()]
    assert sorted(given) == sorted(spec.key for spec in specs[1:])  # each of them once
    with Store(url) as store:
        assert list(store.claims(specs)) == specs[:1]
        assert store.attempts() == len(specs) + 1


PROGRAM = """
import sys
name, seed, rate = sys.argv[1:4]
open("begun", "a").write(" ".join(sys.argv[1:]) + "\\n")
print("score", 90 + len(name) + int(seed) % 7 / 10 - abs(float(rate) - 0.1))
"""

STUDY = """
command = "{python} -S program.py {{activation}} {{seed}} {{lr}}"
metric = "score (.*)"
activations = ["relu", "tanh"]
learning_rates = [0.1, 0.2]
budget = 2
seeds = 3
practical_difference = 0.5
"""


@pytest.mark.slow
def test_two_studies_on_one_server_train_nothing_twice(url: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "study.toml").write_text(STUDY.format(python=sys.executable))
    words = [sys.executable, "-m", "actlas", "study", "run", "study.toml", "--workers", "1"]
    environment = {
        **os.environ, "OMP_NUM_THREADS": "1", "ACTLAS_STORE": url,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
    }  # fmt: skip
    runners: list[subprocess.Popen[Any]] = [
        subprocess.Popen([*words, "--out", f"out{n}"], cwd=tmp_path, env=environment,
                         stdout=subprocess.DEVNULL)
        for n in range(2)
    ]  # fmt: skip
    assert [runner.wait(300) for runner in runners] == [0, 0]
    runs = 3 * (2 * 2 + 3)
    begun = (tmp_path / "begun").read_text().splitlines()
    assert len(begun) == len(set(begun)) == runs
    logs = [path.name for n in range(2) for path in (tmp_path / f"out{n}").glob("logs/*.log")]
    assert len(logs) == len(set(logs)) == runs
    with existing(tmp_path, url, read_only=True) as store:
        assert [count.finished for count in progress_of(store).values()] == [12, 9]
    result = read_result(tmp_path / "again", url)
    assert len(result.records) == runs
    assert (tmp_path / "again" / "report.html").is_file()
