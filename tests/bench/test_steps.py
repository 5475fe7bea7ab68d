"""The script about training steps: the same network around each form of a function."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from tests.support.scripts import BENCHMARKS, benchmark

KEPT = sorted((BENCHMARKS / "results").glob("steps-*.json"))


@pytest.fixture(scope="module")
def steps() -> ModuleType:
    return benchmark("steps")


def test_the_sides_learn_alike(steps: ModuleType) -> None:
    """Every network, from the same start, has the same gradients around each form."""
    for build in steps.NETWORKS.values():
        found = []
        for _, make in steps.makers("mish"):
            torch.manual_seed(0)
            network, x = build(make)
            steps.step(network, x)
            found.append([parameter.grad.clone() for parameter in network.parameters()])
        assert len(found) == 3
        for other in found[1:]:
            torch.testing.assert_close(found[0], other, rtol=1e-3, atol=1e-5)


def test_a_row_for_every_network_and_function(
    steps: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "NETWORKS", {"small": steps.small_mlp})
    check(list(steps.measure(0.0)), {"small"}, steps.FUNCTIONS)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_kept_results_are_whole(steps: ModuleType, path: Path) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    assert {"machine", "threads", "measured", "versions", "engine"} <= found.keys()
    check(found["rows"], set(steps.NETWORKS), steps.FUNCTIONS)


def check(rows: list[dict[str, Any]], networks: set[str], functions: tuple[str, ...]) -> None:
    assert [(row["network"], row["function"]) for row in rows] == [
        (network, name) for network in dict.fromkeys(r["network"] for r in rows)
        for name in functions
    ]  # fmt: skip
    assert {row["network"] for row in rows} == networks
    for row in rows:
        assert row["ratio"]["actlas"][1] == 1
        assert row["ratio"].keys() == row["seconds"].keys()
        for low, median, high in (*row["ratio"].values(), *row["seconds"].values()):
            assert 0 < low <= median <= high
