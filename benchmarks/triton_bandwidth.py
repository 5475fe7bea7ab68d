"""How near the Triton kernels come to the bandwidth of a copy, on a GPU.

    python benchmarks/triton_bandwidth.py [--functions gelu mish] [--elements 268435456]

Forward and backward of every function of one tensor in bfloat16, in turns with a copy, with
torch.nn's own kernel where there is one, and with torch.compile of the composition. What counts
is bytes that must move (two tensors forward, three backward) over time, as a fraction of what a
copy moves in the same round. Written to results/triton-<GPU>.json; without a GPU nothing is
measured, and the command says so and fails.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import actlas
from actlas.catalogue import Definition, find, unroll
from actlas.kernels import triton as kernels
from actlas.study.provenance import machine

ELEMENTS = 2**28
FORWARD, BACKWARD = "forward", "backward"
TENSORS = {FORWARD: 2, BACKWARD: 3}  # that are read or written
PEERS = ("native", "compile")
RESULTS = Path(__file__).parent / "results"

Call = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One function and direction: the fraction of a copy's bandwidth that each side reaches.

    Each fraction is [lower quartile, median, upper quartile] over rounds; a peer that there is
    not, or that failed, is absent and `missing` says why.
    """

    function: str
    direction: str
    milliseconds: float
    fractions: dict[str, tuple[float, float, float]]
    missing: dict[str, str]


def ours(entry: Definition, x: Tensor, grad: Tensor, into: Tensor) -> dict[str, Call]:
    """Return the calls of our kernels, into a ready buffer."""
    numbers = tuple(unroll(entry.bind({})).values())
    kernel = (entry.expression(), ("x", *entry.scalars(entry.default_shape)), numbers)
    values = [x, *numbers]
    return {
        FORWARD: lambda: kernels.value(kernel, values, out=into),
        BACKWARD: lambda: kernels.gradients(kernel, values, grad, [0], into={0: into}),
    }


def through_autograd(
    function: Callable[[Tensor], Tensor], x: Tensor, grad: Tensor
) -> dict[str, Call]:
    """Return the calls of a differentiable function, backward apart from forward."""
    leaf = x.detach().requires_grad_()
    y = function(leaf)

    def forward() -> Tensor:
        with torch.no_grad():
            return function(x)

    return {
        FORWARD: forward,
        BACKWARD: lambda: torch.autograd.grad(y, leaf, grad, retain_graph=True),
    }


def native(entry: Definition) -> nn.Module | None:
    """Return torch.nn's module of this title at our defaults, if there is one."""
    made = getattr(nn, entry.title, None)
    if "torch" not in entry.tags or made is None:
        return None
    shared = set(inspect.signature(made).parameters) & set(entry.parameters)
    return made(**{name: entry.parameters[name].default for name in shared})


def peer(name: str, entry: Definition, x: Tensor, grad: Tensor) -> dict[str, Call]:
    """Return a peer's calls; LookupError where it has no such function."""
    if name == "compile":
        plain = actlas.functional
        return through_autograd(torch.compile(getattr(plain, entry.name), dynamic=False), x, grad)
    module = native(entry)
    if module is None:
        raise LookupError("torch.nn has no such function")
    return through_autograd(module.to(x.device, x.dtype), x, grad)


def milliseconds(call: Call) -> float:
    """Return the time of one call on the device."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    call()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end))


def measure(calls: dict[str, Call], rounds: int) -> dict[str, np.ndarray[Any, Any]]:
    """Time calls in turns, in an order drawn anew for every round, after two unmeasured rounds."""
    generator, names = np.random.default_rng(0), list(calls)
    times: dict[str, list[float]] = {name: [] for name in names}
    for count in range(rounds + 2):
        for index in generator.permutation(len(names)):
            taken = milliseconds(calls[names[index]])
            if count >= 2:
                times[names[index]].append(taken)
    return {name: np.array(taken) for name, taken in times.items()}


def fractions(
    direction: str, times: dict[str, np.ndarray[Any, Any]]
) -> dict[str, tuple[float, float, float]]:
    """Return bytes over time as a fraction of the copy's in the same round, with quartiles."""
    copy = times["copy"] / TENSORS[FORWARD]  # time for one tensor
    return {
        side: tuple(float(f"{q:.3g}") for q in np.percentile(TENSORS[direction] * copy / taken,
                                                             (25, 50, 75)))
        for side, taken in times.items() if side != "copy"
    }  # type: ignore[misc]  # fmt: skip


def rows_of(entry: Definition, elements: int, peers: tuple[str, ...], rounds: int) -> list[Row]:
    """Measure one function against a copy and its peers."""
    generator = torch.Generator("cuda").manual_seed(0)
    x, grad = (
        2 * torch.randn(elements, generator=generator, device="cuda", dtype=torch.bfloat16)
        for _ in range(2)
    )
    into, missing = torch.empty_like(x), {}
    sides = {"actlas": ours(entry, x, grad, into)}
    for name in peers:
        try:
            sides[name] = peer(name, entry, x, grad)
        except (LookupError, RuntimeError) as error:
            missing[name] = str(error).splitlines()[0]
    rows = []
    for direction in (FORWARD, BACKWARD):
        calls = {"copy": lambda: into.copy_(x), **{n: s[direction] for n, s in sides.items()}}
        times = measure(calls, rounds)
        taken = float(np.median(times["actlas"]))
        rows.append(Row(entry.name, direction, taken, fractions(direction, times), missing))
    return rows


def record(rows: list[Row], elements: int) -> dict[str, Any]:
    """Return what is written: the machine, the versions, how it was measured, the rows."""
    return {
        "what": "bandwidth in bfloat16 as a fraction of a copy's in the same round; "
        "[lower quartile, median, upper quartile] over rounds",
        "machine": {**machine(), "gpu": torch.cuda.get_device_name(), "triton": version("triton"),
                    "cuda": str(torch.version.cuda or torch.version.hip)},
        "actlas": actlas.__version__,
        "elements": elements,
        "rows": [asdict(row) for row in rows],
    }  # fmt: skip


def main() -> None:
    """Measure, print as it goes, and keep the result; fail where there is nothing to measure on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--functions", nargs="*", help="ids; by default all of one tensor")
    parser.add_argument("--elements", type=int, default=ELEMENTS)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=RESULTS, help="the folder for the result")
    given = parser.parse_args()
    if not (torch.cuda.is_available() and kernels.available()):
        sys.exit(f"Nothing was measured: {kernels.available().reason or 'PyTorch sees no GPU'}.")
    entries = [find(name) for name in given.functions or actlas.names()]
    rows: list[Row] = []
    for entry in (e for e in entries if len(e.inputs) == 1):
        rows += rows_of(entry, given.elements, tuple(given.peers), given.rounds)
        for row in rows[-2:]:
            reached = ", ".join(f"{side} {f[1]:.0%}" for side, f in row.fractions.items())
            print(f"{row.function} {row.direction}: {reached} of a copy", flush=True)
    slug = re.sub(r"[^a-z0-9]+", "-", torch.cuda.get_device_name().lower()).strip("-")
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / f"triton-{slug}.json"
    path.write_text(json.dumps(record(rows, given.elements), indent=1) + "\n", encoding="utf-8")
    print(f"written to {path}")


if __name__ == "__main__":
    main()
