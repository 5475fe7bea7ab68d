"""`actlas bench`: a small run from the words to the files, and whatever goes wrong."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import pytest
import torch

import actlas
from actlas.bench import Request, measure
from actlas.bench import runner as running
from actlas.bench.goals import defined
from actlas.bench.peers import PEERS
from actlas.bench.record import read

TINY = Request(("relu",), ("torch",), (1000,), ("fp32",), threads=1)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(Request, "share", 1e-3)


def test_a_small_run(run, tmp_path):
    result = run("bench", "--functions", "relu,TanhExp", "--peers", "torch,eager", "--sizes",
                 "1e3", "--dtypes", "fp32", "--threads", "1", "--out", str(tmp_path))  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "float32, 1,000 numbers, forward" in result.stdout
    (path,) = tmp_path.glob("engine-*.json")
    assert path.name in result.stdout.replace("\n", "")
    found = read(path)
    assert {row.cell.function for row in found.rows} == {"relu", "telu"}
    assert {row.cell.mode for row in found.rows} >= {"forward", "forward+backward"}
    assert found.about["left_out"] == 0
    assert found.about["failed"] == []
    assert found.about["threads"] == 1
    by_peers = {tuple(row.ns) for row in found.rows if row.cell.function == "telu"}
    assert ("actlas", "copy", "eager") in by_peers
    for row in found.rows:
        assert all(0 < q[0] <= q[1] <= q[2] for q in [*row.ns.values(), *row.ratio.values()])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--functions", "gelo"), "'gelu'"),
        (("--peers", "jaxx"), "'jax'"),
        (("--sizes", "1.5"), "whole number"),
        (("--sizes", "inf"), "whole number"),
        (("--sizes", "many"), "'many'"),
        (("--dtypes", "fp8"), "fp32, bf16"),
        (("--threads", "9999"), "cores"),
        (("--minutes", "0"), "minutes"),
    ],
)
def test_bad_input_is_one_sentence(refused, tmp_path, words, said):
    assert said in refused("bench", *words, "--out", str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_peer_that_is_not_there_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = run("bench", "--functions", "relu", "--peers", "jax", "--sizes", "1000", "--dtypes",
                 "fp32", "--threads", "1", "--out", str(tmp_path))  # fmt: skip
    assert 'jax was left out: jax is not installed: pip install "actlas[bench]"' in result.stdout


def test_stopping_keeps_what_was_measured(run, tmp_path, monkeypatch):
    def interrupt(run_, planned):
        if run_.done:
            raise KeyboardInterrupt
        original(run_, planned)

    original = running._time_one
    monkeypatch.setattr(running, "_time_one", interrupt)
    result = run("bench", "--functions", "relu", "--peers", "torch", "--sizes", "1000",
                 "--threads", "1", "--out", str(tmp_path))  # fmt: skip
    assert result.exit_code == 130
    assert "stopped; 1 rows are in" in result.stderr.replace("\n", " ")
    assert len(read(next(tmp_path.glob("*.json"))).rows) == 1


def test_everything_is_put_back(monkeypatch):
    monkeypatch.setattr(running, "names", lambda: ["relu", defined()[0]])
    threads = torch.get_num_threads()
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    record = measure(Request(minutes=1e-9, threads=1))
    assert set(record.paths()) == {"relu", defined()[0]}
    assert defined()[0] not in actlas.names()
    assert torch.get_num_threads() == threads
    assert cores is None or os.sched_getaffinity(0) == cores


def test_a_peer_that_fails_is_named_and_the_others_are_timed(monkeypatch):
    def broken(function, work):
        raise RuntimeError("out of\norder")

    monkeypatch.setitem(
        PEERS, "torch", running.Peer("torch", "", PEERS["torch"].candidates, broken)
    )
    record = measure(TINY)
    assert ["torch", "relu", "forward", "fp32", "RuntimeError: out of order"] in (
        record.about["failed"]
    )
    assert all("torch" not in row.ns for row in record.rows)
    assert record.rows


def test_a_fault_of_our_own_is_never_passed_over(run, tmp_path, monkeypatch):
    """The rest is kept, for a run takes long; but it does not end well."""

    def broken(function, work):
        if work.cell.mode == "into":
            raise RuntimeError("ours")
        return call(function, work)

    call = running.ACTLAS.call
    monkeypatch.setattr(running, "ACTLAS", replace(running.ACTLAS, call=broken))
    result = run("bench", "--functions", "relu", "--peers", "torch", "--sizes", "1000",
                 "--dtypes", "fp32", "--threads", "1", "--out", str(tmp_path))  # fmt: skip
    assert result.exit_code == 2
    assert "actlas itself failed: actlas relu into fp32 RuntimeError: ours" in result.stderr
    modes = {row.cell.mode for row in read(next(tmp_path.glob("*.json"))).rows}
    assert modes == {"forward", "forward+backward"}


def test_what_fails_while_it_is_timed_ends_nothing(monkeypatch):
    def late(sides, share, generator):
        if len(timed) == 1:
            timed.append("late")
            raise MemoryError("no more")
        timed.append("fine")
        return original(sides, share, generator)

    timed, original = [], running.race
    monkeypatch.setattr(running, "race", late)
    record = measure(TINY)
    assert ["MemoryError: no more"] == [why for *_, why in record.about["failed"]]
    assert len(record.rows) == timed.count("fine") > 1


def test_what_does_not_fit_into_memory_is_left_out(monkeypatch):
    monkeypatch.setattr(running, "available_memory", lambda: 50 * 1000)
    asked = Request(("mish",), ("torch", "eager"), (1000,), ("fp32",), threads=1)
    assert measure(asked).rows == ()
    monkeypatch.setattr(running, "available_memory", lambda: 70 * 1000)
    found = {side for row in measure(asked).rows for side in row.ns}
    assert "torch" in found
    assert "eager" not in found


def test_no_peer_is_loaded_that_was_not_asked_for(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch_activation", raising=False)
    measure(TINY)
    assert "torch_activation" not in sys.modules
