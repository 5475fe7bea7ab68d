"""Successive halving: the grid's choice for fewer steps, the same budget for all, resumable."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actlas.errors import ActlasError
from actlas.study import ACCURACY, Result, experiment, make_plan, run_plan, runner
from actlas.study.training import Phase, Record, RunSpec
from actlas.study.tuning import short_epochs, survivors, trained_in_full
from actlas.study.units import Unit

BEST = {"relu": 0.16, "tanh": 0.16, "gelu": 0.5}  # gelu's lies at the edge of a short grid
BUDGET = 7


def planted(units: Iterable[Unit], *_: Any) -> Iterator[Record]:
    """Give every run a score that falls with the distance from its function's best rate."""
    for spec in (spec for unit in units for spec in unit.specs):
        distance = abs(math.log10(spec.learning_rate / BEST[spec.activation]))
        noise = float(np.random.default_rng([spec.seed, spec.epochs]).normal(scale=0.05))
        score = 90.0 - 4 * distance - 20.0 / spec.epochs + noise
        test = score if spec.phase is Phase.CONFIRMATION else None
        yield Record(spec, score, test, 0, (score,), (1.0,), False, 1.0, {}, 0.1,
                     {"processor": "none", "cores": "1", "system": "none", "python": "3",
                      "torch": "2", "numpy": "2"})  # fmt: skip


@pytest.fixture
def studied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    monkeypatch.setattr(runner, "run_all", planted)

    def run(search: str, **changes: Any) -> Result:
        fields = {"activations": list(BEST), "seeds": 2, "budget": BUDGET, "search": search}
        return run_plan(
            make_plan({**fields, **changes}), out=tmp_path / search, workers=1, batched="never"
        )

    return run


def chosen(result: Result) -> dict[str, float]:
    return {label: one.learning_rate for label, one in result.outcome.tunings.items()}


def steps(result: Result) -> int:
    """Return what the search cost, in epochs."""
    return sum(r.spec.epochs for r in result.records if r.spec.phase is Phase.TUNING)


def test_halving_chooses_what_the_grid_chooses_for_fewer_steps(
    studied: Callable[..., Result],
) -> None:
    grid, halving = studied("grid"), studied("halving")
    assert chosen(halving) == chosen(grid)
    assert steps(halving) < 0.5 * steps(grid)
    assert all(tuning.edge == "" for tuning in halving.outcome.tunings.values())


def test_every_function_gets_the_same_runs(studied: Callable[..., Result]) -> None:
    outcome = studied("halving").outcome
    short = {label: {r.spec.learning_rate for r in runs}
             for label, runs in outcome.short_records.items()}  # fmt: skip
    full = {label: Counter(r.spec.learning_rate for r in runs)
            for label, runs in outcome.tuning_records.items()}  # fmt: skip
    assert len({frozenset(rates) for rates in short.values()}) == 1
    (tried,) = {len(rates) for rates in short.values()}
    assert {len(rates) for rates in full.values()} == {trained_in_full("halving", tried)}
    assert all(set(rates.values()) == {2} for rates in full.values())
    assert all(set(full[label]) <= short[label] for label in full)


def test_a_best_rate_at_the_edge_widens_the_grid(studied: Callable[..., Result]) -> None:
    widened = studied("halving", budget=4).outcome.tunings["gelu"]
    assert (len(widened.short), widened.edge) == (4, "")
    assert widened.learning_rate < max(widened.short)
    narrow = studied("halving", budget=3).outcome.tunings["gelu"]
    assert (len(narrow.short), narrow.edge) == (3, "highest")


def test_a_rung_is_stored_and_never_run_again(
    studied: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = studied("halving")
    trained: list[RunSpec] = []

    def none(units: Iterable[Unit], *_: Any) -> Iterator[Record]:
        trained.extend(spec for unit in units for spec in unit.specs)
        yield from ()

    monkeypatch.setattr(runner, "run_all", none)
    again = studied("halving")
    assert trained == []
    assert again.outcome.short_records == first.outcome.short_records
    assert {r.spec.epochs for runs in first.outcome.short_records.values() for r in runs} == {5}


def test_the_survivors_are_the_best_third() -> None:
    scores = {0.01: 80.0, 0.03: 92.0, 0.1: 92.0, 0.3: 91.0, 1.0: 10.0}
    assert survivors(scores, ACCURACY) == (0.03, 0.1)
    assert survivors(scores, replace(ACCURACY, higher_is_better=False)) == (0.01, 1.0)
    assert survivors({0.1: 1.0}, ACCURACY) == (0.1,)
    assert [trained_in_full("halving", rates) for rates in (1, 2, 5, 9)] == [1, 2, 2, 3]


def test_few_rates_are_all_trained_in_full(studied: Callable[..., Result]) -> None:
    outcome = studied("halving", budget=2).outcome
    assert outcome.short_records == {}
    assert {len(runs) for runs in outcome.tuning_records.values()} == {4}


def test_an_unknown_search_is_refused() -> None:
    with pytest.raises(ActlasError, match="'halving', 'grid' or 'joint'"):
        make_plan({"search": "halfing"})


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("survivors", lambda scores, metric: tuple(sorted(scores))[:3]),
     ("short_epochs", lambda epochs: epochs)],
    ids=["the lowest rates survive", "short runs are not short"],
)  # fmt: skip
def test_a_planted_fault_turns_red(
    studied: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, name: str, wrong: Any
) -> None:
    monkeypatch.setattr(experiment, name, wrong)
    with pytest.raises(AssertionError):
        test_halving_chooses_what_the_grid_chooses_for_fewer_steps(studied)


def test_short_runs_are_shorter_but_not_empty() -> None:
    assert [short_epochs(epochs) for epochs in (1, 3, 4, 20)] == [1, 1, 1, 5]
