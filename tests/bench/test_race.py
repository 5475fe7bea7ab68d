"""The timing: rounds, samples, pauses, ratios within a round; on a clock of the test's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

from actlas.bench import race as timing
from actlas.bench.cells import Cell
from actlas.bench.race import FEWEST, LEAST, MOST, SAMPLE, SETTLE, Side, quartiles, race
from actlas.bench.record import row_of


@dataclass
class Clock:
    """Stands for the module `time`: calls move it on by what they are said to take."""

    now: float = 0.0
    events: list[str] = field(default_factory=list)

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds == SETTLE
        self.events.append("pause")

    def side(self, name: str, seconds: float, runtime: str = "torch") -> Side:
        def call() -> None:
            self.now += seconds
            self.events.append(name)

        return Side(name, call, runtime)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(timing, "time", made)
    return made


def run(sides: list[Side], share: float = 0.05) -> dict[str, np.ndarray]:
    return race(sides, share, np.random.default_rng(0))


@pytest.mark.parametrize("seconds", [3e-6, 1e-3, 0.5])
def test_a_call_of_any_length_is_timed(clock: Clock, seconds: float) -> None:
    times = run([clock.side("ours", seconds), clock.side("theirs", 2 * seconds)])
    for name, factor in (("ours", 1), ("theirs", 2)):
        np.testing.assert_allclose(times[name][~np.isnan(times[name])], factor * seconds)


def test_a_sample_is_long_enough(clock: Clock) -> None:
    """A thousand calls of a microsecond make one sample, after one that is not counted."""
    run([clock.side("ours", 1e-6), clock.side("theirs", 1e-6)], share=1e-4)
    assert clock.events.count("ours") == pytest.approx(LEAST * (SAMPLE / 1e-6 + 1) + 7, abs=30)


def test_a_call_is_made_once_before_it_is_timed_if_it_is_short(clock: Clock) -> None:
    for seconds, calls in ((4e-3, 2), (4e-1, 2), (4.0, 1)):
        clock.events.clear()
        rounds = len(run([clock.side("ours", seconds), clock.side("theirs", seconds)])["ours"])
        assert clock.events.count("ours") == calls * rounds + 1


def test_a_slow_side_takes_a_few_rounds_and_the_first_takes_all(clock: Clock) -> None:
    times = run([clock.side("ours", 1e-3), clock.side("slow", 1.0), clock.side("fast", 1e-3)])
    rounds = {name: int((~np.isnan(values)).sum()) for name, values in times.items()}
    assert rounds["slow"] == FEWEST
    assert FEWEST < rounds["fast"] <= MOST
    assert rounds["ours"] == len(times["ours"]) >= rounds["fast"]


def test_no_side_can_run_for_ever(clock: Clock) -> None:
    times = run([clock.side("ours", 1e-9), clock.side("theirs", 1e-9)], share=1e9)
    assert len(times["ours"]) == MOST


def test_a_runtime_that_spins_is_given_time_before_another_one(clock: Clock) -> None:
    """And only then: within a runtime, and after JAX, nobody waits."""
    runtimes = {"a": "torch", "b": "torch", "c": "jax", "d": "onnxruntime"}
    times = run([clock.side(name, 2e-2, runtime) for name, runtime in runtimes.items()])
    rounds, changes = len(times["a"]), 0
    for before, after in pairwise(clock.events[4:]):  # after the calls that tell their length
        if "pause" in (before, after):
            changes += after == "pause"
            continue
        assert runtimes[before] in (runtimes[after], "jax"), (before, after)
    assert rounds <= changes <= 2 * rounds


def test_every_round_has_an_order_of_its_own(clock: Clock) -> None:
    run([clock.side(name, 2e-2) for name in "abc"], share=1.0)
    timed = clock.events[3::2]  # each of them was made once before
    orders = {tuple(timed[place : place + 3]) for place in range(0, len(timed), 3)}
    assert len(timed) == 3 * MOST
    assert len(orders) == 6
    assert "pause" not in timed


def test_the_ratio_is_taken_within_a_round() -> None:
    """A machine that is ten times slower in one round leaves the ratio as it is."""
    ours, theirs = np.array([2e-3, 2e-2, 2e-3]), np.array([4e-3, 4e-2, np.nan])
    row = row_of(Cell("relu", size=1000), {"actlas": ours, "torch": theirs})
    assert row.ratio == {"torch": (2.0, 2.0, 2.0)}
    assert row.ns["actlas"][1] == pytest.approx(2000)
    assert row.rounds == 3


def test_quartiles_leave_out_what_was_not_timed() -> None:
    assert quartiles(np.array([1.0, np.nan, 3.0, 2.0])) == (1.5, 2.0, 2.5)


def test_bandwidth_counts_what_must_be_moved() -> None:
    """8 bytes forward in 2 ns are 4 GB/s; a copy that takes 1 ns makes 8."""
    times = {"actlas": np.full(5, 2e-6), "copy": np.full(5, 1e-6)}
    row = row_of(Cell("relu", "forward", 1000), times)
    assert row.bandwidth == pytest.approx(4)
    assert row.share_of_copy == pytest.approx(0.5)
    both = row_of(Cell("relu", "forward+backward", 1000, "bf16"), times)
    assert both.bandwidth == pytest.approx(5)
