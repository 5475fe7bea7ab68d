"""The benchmark of the GPU: it says when there is none, and a copy is the measure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from actlas.catalogue import find
from tests.support import scripts


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return scripts.benchmark("triton_bandwidth")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_and_fails(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(scripts.BENCHMARKS / "triton_bandwidth.py"), "--out", str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode != 0
    assert done.stderr.startswith("Nothing was measured: ")
    assert not list(tmp_path.iterdir())


def test_a_copy_is_the_measure(benchmark: ModuleType) -> None:
    """Two tensors move forward and three backward; the ratio is taken within a round."""
    copy = np.array([2.0, 4.0, 2.0])
    times = {"copy": copy, "actlas": copy, "native": 2 * copy}
    assert benchmark.fractions("forward", times) == {"actlas": (1.0,) * 3, "native": (0.5,) * 3}
    assert benchmark.fractions("backward", times)["actlas"] == (1.5,) * 3


def test_peers_compute_the_same_function(benchmark: ModuleType) -> None:
    x, grad = torch.linspace(-3, 3, 31), torch.ones(31)
    calls = benchmark.peer("native", find("leaky_relu"), x, grad)
    assert torch.equal(calls["forward"](), torch.nn.LeakyReLU()(x))
    (slope,) = calls["backward"]()
    assert slope.tolist() == torch.where(x > 0, 1.0, 0.01).tolist()
    with pytest.raises(LookupError, match=r"torch.nn has no such function"):
        benchmark.peer("native", find("telu"), x, grad)
