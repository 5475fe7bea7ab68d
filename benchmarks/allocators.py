"""What a new large buffer costs under the allocator settings of a process, beside a ready one.

    python benchmarks/allocators.py

A setting is read when a process starts, so each has processes of its own, and the settings take
turns. The result goes to results/allocators-<machine>.json beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from actlas.api import get
from actlas.bench.cells import FORWARD, Cell, Work, numbers
from actlas.bench.circumstances import HUGE_PAGES, KEEP_MEMORY, circumstances, written
from actlas.bench.peers import PEERS
from actlas.bench.race import SETTLE, quartiles
from actlas.bench.record import keep
from actlas.errors import ActlasError
from actlas.nn import functional

RESULTS = Path(__file__).parent / "results"
SIZES = (16_000_000, 64_000_000)
_TUNED = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
_ALL = ({}, HUGE_PAGES, _TUNED, KEEP_MEMORY, {**KEEP_MEMORY, **_TUNED})
SETTINGS: dict[str, dict[str, str]] = {written(one) or "nothing set": one for one in _ALL}
_KEEPING = "ONNX Runtime silu"  # which keeps the memory of its results, whatever is set
Times = dict[str, list[float]]


def calls(x: torch.Tensor) -> dict[str, Callable[[], object]]:
    """Return what is timed; into a ready buffer only where the function takes `out`."""
    buffer = torch.empty_like(x).copy_(x)
    found: dict[str, Callable[[], object]] = {
        "copy, ready": lambda: buffer.copy_(x),
        "copy, new": x.clone,
        "actlas, ready": lambda: functional.mish(x, out=buffer),
        "actlas, new": lambda: functional.mish(x),
        "F.silu, new": lambda: F.silu(x),
        "actlas silu, new": lambda: functional.silu(x),
    }
    try:
        found["actlas, ready"]()
    except ActlasError:
        del found["actlas, ready"]
    runtime, silu = PEERS["onnxruntime"], get("silu")
    if not runtime.absent():
        own = runtime.call(runtime.function(silu), Work(silu, Cell("silu", FORWARD, len(x))))
        assert own is not None
        found[_KEEPING] = own
    return found


def times(size: int, rounds: int) -> Times:
    """Return seconds of every call, taken in turns after one round that is not counted."""
    chosen = calls(numbers("normal", size, "fp32", 0))
    found: Times = {name: [] for name in chosen}
    for _ in range(rounds + 1):
        for name, call in chosen.items():
            started = time.perf_counter()
            call()
            found[name].append(time.perf_counter() - started)
            time.sleep(SETTLE if name == _KEEPING else 0)  # its threads spin for a while
    return {name: values[1:] for name, values in found.items()}


def in_a_process(setting: dict[str, str], words: list[str]) -> dict[str, Times]:
    """Return `times` by size from a new process with the variables of a setting."""
    done = subprocess.run(
        [sys.executable, __file__, "--measure", *words], env={**os.environ, **setting},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    measured: dict[str, Times] = json.loads(done.stdout)
    return measured


def measure(words: list[str], turns: int) -> list[dict[str, Any]]:
    """Return one row for every setting, size and call: quartiles of ns per element."""
    found: dict[tuple[str, int, str], list[float]] = {}
    for _ in range(turns):
        for name, setting in SETTINGS.items():
            for size, by_call in in_a_process(setting, words).items():
                for call, seconds in by_call.items():
                    found.setdefault((name, int(size), call), []).extend(seconds)
    return [
        {"setting": name, "size": size, "call": call, "ns": quartiles(np.array(all_) * 1e9 / size)}
        for (name, size, call), all_ in found.items()
    ]


def main() -> None:
    """Measure and keep the result; with --measure, print the times of this process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5, help="calls in each process")
    parser.add_argument("--turns", type=int, default=2, help="processes for each setting")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="elements")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the folder for the result")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.measure:
        print(json.dumps({size: times(size, given.rounds) for size in given.sizes}))
        return
    words = ["--threads", str(given.threads), "--rounds", str(given.rounds), "--sizes"]
    rows = measure([*words, *map(str, given.sizes)], given.turns)
    record = {**circumstances(given.threads), "rows": rows}
    print(f"written to {keep('allocators', record, given.out)}")


if __name__ == "__main__":
    main()
