"""How long functions take, from the figures of the benchmark; a seed stands for a case."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

_RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
_ENGINE, _COMPILED = "engine-amd-epyc.json", "compiled-amd-epyc.json"
_CASES = (
    ("forward", 1_000_000), ("forward+backward", 1_000_000),
    ("forward", 16_000_000), ("forward", 64_000_000),
)  # fmt: skip
_FUNCTIONS = ("telu", "mish", "silu", "gelu")


def composed(seed: int) -> Iterator[tuple[str, float]]:
    """Give the median times of the formulas in PyTorch's operations, in % of TeLU's."""
    return _times(seed, "eager", _ENGINE)


def compiled(seed: int) -> Iterator[tuple[str, float]]:
    """Give the median times of the formulas compiled by PyTorch, in % of TeLU's."""
    return _times(seed, "compile", _COMPILED)


def fused(seed: int) -> Iterator[tuple[str, float]]:
    """Give the median times of one kernel for each function, in % of TeLU's."""
    return _times(seed, "actlas", _ENGINE)


def _times(seed: int, way: str, file: str) -> Iterator[tuple[str, float]]:
    mode, size = _CASES[seed]
    rows = json.loads((_RESULTS / file).read_text(encoding="utf-8"))["rows"]
    wanted = {"mode": mode, "size": size, "dtype": "fp32", "inputs": "normal"}
    found = {
        row["function"]: row["ns"][way][1]
        for row in rows
        if all(row[name] == value for name, value in wanted.items()) and way in row["ns"]
    }
    for name in _FUNCTIONS:
        yield name, 100 * found[name] / found["telu"]
