"""The script about allocators: each setting in a process of its own, quartiles for every call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from actlas.bench.circumstances import HUGE_PAGES, KEEP_MEMORY, memory_advice, written

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "allocators.py"
KEPT = sorted((SCRIPT.parent / "results").glob("allocators-*.json"))


@pytest.mark.slow
def test_a_small_run(tmp_path: Path) -> None:
    words = ["--threads", "1", "--rounds", "1", "--turns", "1", "--sizes", "1000"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *words, "--out", str(tmp_path)],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (path,) = tmp_path.glob("allocators-*.json")
    check(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_kept_results_are_whole(path: Path) -> None:
    check(json.loads(path.read_text(encoding="utf-8")))


def check(found: dict) -> None:
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
