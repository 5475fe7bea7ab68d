"""The script about allocators: each setting in a process of its own, quartiles for every call."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from actlas.bench.circumstances import HUGE_PAGES, KEEP_MEMORY, memory_advice, written
from tests.support.scripts import BENCHMARKS, benchmark

KEPT = sorted((BENCHMARKS / "results").glob("allocators-*.json"))


@pytest.fixture(scope="module")
def allocators() -> ModuleType:
    return benchmark("allocators")


def test_calls_are_timed_in_a_process_with_the_setting(allocators: ModuleType) -> None:
    words = ["--threads", "1", "--rounds", "2", "--sizes", "1000"]
    found = allocators.in_a_process({**HUGE_PAGES, "OMP_NUM_THREADS": "1"}, words)
    assert found.keys() == {"1000"}
    assert {len(seconds) for seconds in found["1000"].values()} == {2}


def test_quartiles_are_kept_for_every_setting_and_call(
    allocators: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = {name: [1e-6, 3e-6] for name in ("copy, ready", "copy, new", "actlas, new")}
    monkeypatch.setattr(allocators, "in_a_process", lambda setting, words: {"1000": calls})
    rows = allocators.measure([], turns=2)
    check({"machine": {}, "threads": 1, "measured": "", "versions": {}, "rows": rows})
    assert rows[0]["ns"] == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_kept_results_are_whole(path: Path) -> None:
    check(json.loads(path.read_text(encoding="utf-8")))


def check(found: dict[str, Any]) -> None:
    assert {"machine", "threads", "measured", "versions"} <= found.keys()
    settings = {row["setting"] for row in found["rows"]}
    assert {"nothing set", written(KEEP_MEMORY), written(HUGE_PAGES)} <= settings
    calls = {row["call"] for row in found["rows"]}
    assert {"copy, ready", "copy, new", "actlas, new"} <= calls
    sizes = {row["size"] for row in found["rows"]}
    assert len(found["rows"]) == len(settings) * len(calls) * len(sizes)
    for row in found["rows"]:
        assert 0 < row["ns"][0] <= row["ns"][1] <= row["ns"][2]


def test_advice_is_given_where_nothing_is_set() -> None:
    advice = memory_advice({})
    assert written(KEEP_MEMORY) in advice
    assert written(HUGE_PAGES) in advice
    assert memory_advice(KEEP_MEMORY) == f"{written(KEEP_MEMORY)} is set"
