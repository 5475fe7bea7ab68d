"""Timing calls side by side: in rounds, each call of a round in an order drawn anew."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from actlas.bench.peers import Call

Times = npt.NDArray[np.float64]
Quartiles = tuple[float, float, float]

SAMPLE = 1e-3  # seconds that one timing lasts at least: shorter calls are repeated
SETTLE = 6e-3  # seconds for which idle threads of torch and ONNX Runtime spin and slow others down
SPINNING = ("torch", "onnxruntime")
LEAST, FEWEST, MOST = 5, 3, 20  # rounds: usually, for calls that take long, at all
# Seconds, below which a call is made once before it is timed: what the call before it left in the
# caches and gave back to the system, pages that cost ten times their arithmetic, is not its own.
_SHORT = 1.0


@dataclass(frozen=True)
class Side:
    """A call with the name under which it is reported."""

    name: str
    call: Call
    runtime: str = "torch"


def race(sides: Sequence[Side], share: float, generator: np.random.Generator) -> dict[str, Times]:
    """Time the sides in turns; return the seconds per call of each side, one for each round.

    Every call must have been made once before, so that it is compiled and its memory there. Every
    side gets `share` seconds, and a few rounds at the least; one that has used up its share sits
    out (NaN). The first side, to which all are compared, never does.
    """
    once = {side.name: _duration(side.call) for side in sides}
    least = LEAST if max(once.values()) * LEAST < 10 * share else FEWEST
    spent, rounds, last = dict.fromkeys(once, 0.0), list[dict[str, float]](), ""
    with _undisturbed():
        while len(rounds) < MOST:
            running = [s for s in sides if len(rounds) < least or spent[s.name] < share]
            if not any(side is not sides[0] for side in running):
                break
            present = [side for side in sides if side in (sides[0], *running)]
            drawn = _order(present, last, generator)
            rounds.append(_round(drawn, last, once))
            last = drawn[-1].runtime
            for name, duration in rounds[-1].items():
                spent[name] += max(duration, SAMPLE)
    return {name: np.array([r.get(name, np.nan) for r in rounds]) for name in once}


def _round(sides: Sequence[Side], last: str, once: dict[str, float]) -> dict[str, float]:
    """Time the sides in order; `last` is the runtime that ran before them."""
    times: dict[str, float] = {}
    for side in sides:
        if last != side.runtime and last in SPINNING:
            time.sleep(SETTLE)
        times[side.name], last = _sample(side.call, once[side.name]), side.runtime
    return times


def _sample(call: Call, once: float) -> float:
    """Return the seconds of one call, averaged over as many in a row as a sample needs."""
    repeats = max(1, round(SAMPLE / once))
    if once < _SHORT:
        call()
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - started) / repeats


def _duration(call: Call) -> float:
    """Return roughly how long a call takes that has been made before."""
    started = time.perf_counter()
    call()
    first = time.perf_counter() - started
    if first > SAMPLE:
        return first
    started = time.perf_counter()
    for _ in range(5):
        call()
    return max((time.perf_counter() - started) / 5, 1e-7)


def _order(sides: Sequence[Side], last: str, generator: np.random.Generator) -> list[Side]:
    """Return the sides in a random order, those of a runtime together, the last runtime first."""
    drawn = [sides[index] for index in generator.permutation(len(sides))]
    runtimes = [last, *dict.fromkeys(side.runtime for side in drawn)]
    return sorted(drawn, key=lambda side: runtimes.index(side.runtime))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the garbage collector from running inside a timing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def quartiles(values: Times) -> Quartiles:
    """Return (lower quartile, median, upper quartile) of what is not NaN, to four digits."""
    low, middle, high = (float(f"{q:.4g}") for q in np.nanpercentile(values, (25, 50, 75)))
    return low, middle, high
