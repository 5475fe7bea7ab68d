"""The page about the monitor and its example run, and the benchmark compares like with like."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from tests.docs.test_readme import block, run_script
from tests.support import scripts

ROOT = Path(__file__).parents[2]
KEPT = sorted((ROOT / "benchmarks" / "results").glob("monitor-*.json"))


@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
def test_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__page__"}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for code in block((ROOT / "docs" / "monitor.md").read_text(encoding="utf-8"), "python"):
            exec(compile(code, "monitor.md", "exec"), names)
    shown = capsys.readouterr().out
    assert "2 activation sites after 20 steps, 4 of them observed" in shown
    assert (tmp_path / "monitor.png").stat().st_size > 10_000
    torch.compiler.reset()


def test_the_example_runs(tmp_path: Path) -> None:
    script = ROOT / "examples" / "monitor_training.py"
    shown = run_script(script, tmp_path)
    assert "3 activation sites after 300 steps, 60 of them observed" in shown
    assert (tmp_path / "monitor.png").is_file()
    assert len(script.read_text(encoding="utf-8").splitlines()) < 40


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return scripts.benchmark("monitor")


def test_the_benchmark_measures(benchmark: ModuleType) -> None:
    row = benchmark.measure("relu", 1, 0.0, np.random.default_rng(0))
    assert row.rounds >= 7
    for low, middle, high in (row.alone_ms, row.watched, row.chance):
        assert 0 < low <= middle <= high
    assert benchmark.table([row]).row_count == 1


def test_all_arms_train_the_same_network(benchmark: ModuleType) -> None:
    for activation in benchmark.ACTIVATIONS:
        one, other = (benchmark.network(activation) for _ in range(2))
        other.load_state_dict(one.state_dict())
        for model in (one, other):
            benchmark.stepper(model)()
        for left, right in zip(one.parameters(), other.parameters(), strict=True):
            assert torch.equal(left, right)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_kept_results_stay_below_the_limit(benchmark: ModuleType, path: Path) -> None:
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert {row["activation"] for row in kept["rows"]} == set(benchmark.ACTIVATIONS)
    for row in kept["rows"]:
        low, middle, high = row["watched"]
        assert low <= middle <= high
        assert middle < benchmark.LIMIT + max(0.0, row["chance"][2] - 1), row
