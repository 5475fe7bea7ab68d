"""The benchmark compares like with like, and the kept results are of its form."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"
KEPT = sorted((FOLDER / "results").glob("composition-*.json"))


@pytest.fixture(scope="module")
def composition() -> ModuleType:
    spec = importlib.util.spec_from_file_location("composition", FOLDER / "composition.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["composition"] = module  # where dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_both_sides_compute_the_same(composition: ModuleType) -> None:
    x = 3 * torch.randn(1000, generator=torch.Generator().manual_seed(0))
    found = list(composition.pairs())
    assert len(found) >= 20
    for name, ours, theirs in found:
        message = f"{name}: {{}}".format
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-6, msg=message)
    assert {"relu", "gelu", "silu", "mish"} <= {name for name, *_ in found}


def test_gradients_are_timed(composition: ModuleType) -> None:
    _, ours, theirs = next(pair for pair in composition.pairs() if pair[0] == "prelu")
    x = torch.tensor([-2.0, 3.0])
    for module in (ours, theirs):
        to_input, to_weight = composition.forward_and_backward(module, x)()
        assert to_input.tolist() == [0.25, 1.0]
        assert to_weight.tolist() == [-2.0]
        assert not composition.forward(module, x)().requires_grad


def test_ratio_is_taken_within_a_round(composition: ModuleType) -> None:
    """A machine that is ten times slower in one round leaves the ratio as it is."""
    ours, theirs = np.array([2e-3, 2e-2, 2e-3]), np.array([1e-3, 1e-2, 1e-3])
    row = composition._row(("relu", 1000, composition.FORWARD), ours, theirs)
    assert row.ratio == (2.0, 2.0, 2.0)
    assert row.actlas_ns[1] == pytest.approx(2000)
    assert row.rounds == 3


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_kept_results_are_whole(composition: ModuleType, path: Path) -> None:
    kept = json.loads(path.read_text(encoding="utf-8"))
    cells = {(row["function"], row["elements"], row["mode"]) for row in kept["rows"]}
    names = {name for name, *_ in composition.pairs()}
    modes = (composition.FORWARD, composition.BOTH)
    assert cells >= {(n, size, mode) for n in names for size in composition.SIZES for mode in modes}
    assert {"torch", "numpy", "python", "processor"} <= set(kept["machine"])
    for row in kept["rows"]:
        assert 0 < row["ratio"][0] <= row["ratio"][1] <= row["ratio"][2]


def test_there_is_a_kept_result() -> None:
    assert KEPT
