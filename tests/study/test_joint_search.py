"""The joint search: the same points for all, found in rate, decay and shape rate, resumable."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actlas.errors import ActlasError
from actlas.study import Result, experiment, make_plan, run_plan, runner
from actlas.study.folder import existing, progress_of, read_result
from actlas.study.settings import Setting, around, joint
from actlas.study.study_file import plan_from_text, plan_text
from actlas.study.training import Phase, Record, RunSpec
from actlas.study.tuning import first_settings, trained_in_full
from actlas.study.units import Unit

BUDGET = 16
BEST = Setting(0.16, 5e-3, 0.3)  # of PReLU, tenfold the usual decay; ReLU has no shape to tune
MACHINE = {"processor": "P", "cores": "1", "system": "S", "python": "3", "torch": "2", "numpy": "2"}


def far(value: float, best: float) -> float:
    return abs(math.log10(value / best))


def planted(units: Iterable[Unit], *_: Any) -> Iterator[Record]:
    """Give every run a score that falls with the distance from the best setting."""
    for spec in (spec for unit in units for spec in unit.specs):
        distance = far(spec.learning_rate, BEST.learning_rate)
        distance += far(spec.weight_decay, BEST.weight_decay)
        if spec.activation == "prelu":
            distance += far(spec.shape_rate, BEST.shape_rate)
        score = 90.0 - 4 * distance + 0.01 * spec.seed
        test = score if spec.phase is Phase.CONFIRMATION else None
        yield Record(spec, score, test, 0, (score,), (1.0,), False, 1.0, {}, 0.1, MACHINE)


@pytest.fixture
def studied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    monkeypatch.setattr(runner, "run_all", planted)

    def run(**changes: Any) -> Result:
        fields = {"activations": ["prelu", "tanh"], "seeds": 2, "search": "joint", **changes}
        return run_plan(make_plan(fields), out=tmp_path, workers=1, batched="never")

    return run


def test_points_are_spread_evenly_and_are_the_same_for_everyone() -> None:
    points = joint(around(0.1), 5e-4, 1.0, BUDGET)
    assert points == joint(around(0.1), 5e-4, 1.0, 10) + joint(around(0.1), 5e-4, 1.0, 6, skip=10)
    for name, low, high in (("learning_rate", 0.01, 1.0), ("weight_decay", 1.5e-5, 1.6e-2),
                            ("shape_rate", 0.1, 10.0)):  # fmt: skip
        places = sorted(far(getattr(point, name), low) / far(high, low) for point in points)
        assert low <= min(getattr(point, name) for point in points)
        assert max(getattr(point, name) for point in points) <= high
        assert all(abs(place - (k + 0.5) / BUDGET) < 0.12 for k, place in enumerate(places))
    assert len({point.learning_rate for point in points}) == BUDGET


def test_a_decay_of_zero_stays() -> None:
    assert {point.weight_decay for point in joint((0.01, 1.0), 0.0, 1.0, 8)} == {0.0}


def test_the_best_setting_is_found_beyond_the_usual_decay(studied: Callable[..., Result]) -> None:
    outcome = studied().outcome
    tried = first_settings(studied().plan, studied().task)
    best = min(tried, key=lambda point: far(point.learning_rate, BEST.learning_rate)
               + far(point.weight_decay, BEST.weight_decay))  # fmt: skip
    assert outcome.tunings["tanh"].setting == replace(best, shape_rate=1.0)
    found = outcome.tunings["prelu"].setting
    assert found == min(tried, key=lambda point: far(point.learning_rate, BEST.learning_rate)
                        + far(point.weight_decay, BEST.weight_decay)
                        + far(point.shape_rate, BEST.shape_rate))  # fmt: skip
    assert {Setting.of(run.spec) for run in outcome.confirmations["prelu"]} == {found}


def test_every_function_gets_the_same_points(studied: Callable[..., Result]) -> None:
    outcome = studied().outcome
    tried = {label: {(r.spec.learning_rate, r.spec.weight_decay) for r in runs}
             for label, runs in outcome.short_records.items()}  # fmt: skip
    assert len({frozenset(points) for points in tried.values()}) == 1
    assert {len(runs) for runs in outcome.tuning_records.values()} == {
        2 * trained_in_full("joint", len(tried["relu"]))
    }


def test_a_rate_of_its_own_is_for_functions_that_learn(studied: Callable[..., Result]) -> None:
    outcome = studied().outcome
    shares = {label: {run.spec.shape_rate for run in runs}
              for label, runs in outcome.short_records.items()}  # fmt: skip
    assert shares["relu"] == shares["tanh"] == {1.0}
    assert len(shares["prelu"]) == len(outcome.short_records["prelu"])


def test_the_rest_of_the_budget_goes_beyond_an_edge(studied: Callable[..., Result]) -> None:
    result = studied(learning_rates=[0.3, 3.0])
    lowest = min(point.learning_rate for point in first_settings(result.plan, result.task))
    outcome = result.outcome
    rates = {run.spec.learning_rate for run in outcome.short_records["relu"]}
    beyond = [rate for rate in rates if rate < lowest]
    assert len(rates) == BUDGET
    assert len(beyond) == BUDGET // 4
    assert min(beyond) > lowest / math.sqrt(10) - 0.01
    assert outcome.tunings["tanh"].learning_rate < 0.3
    assert studied().outcome.tunings["tanh"].edge == ""


def test_a_study_goes_on_and_is_read_again(
    studied: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first, trained = studied(), list[RunSpec]()

    def none(units: Iterable[Unit], *_: Any) -> Iterator[Record]:
        trained.extend(spec for unit in units for spec in unit.specs)
        yield from ()

    monkeypatch.setattr(runner, "run_all", none)
    assert studied().outcome == first.outcome
    assert trained == []
    assert read_result(tmp_path).outcome == first.outcome
    with existing(tmp_path) as store:
        counts = progress_of(store)
    assert counts[Phase.CONFIRMATION].finished == counts[Phase.CONFIRMATION].planned
    assert counts[Phase.TUNING].finished == counts[Phase.TUNING].planned


def test_the_report_says_what_was_tried(studied: Callable[..., Result], tmp_path: Path) -> None:
    result = studied()
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    setting = result.outcome.tunings["prelu"].setting
    assert f"decay {setting.weight_decay:g}" in text
    assert f"shape rate {setting.shape_rate:g}" in text
    assert "quasi-random" in text


def test_the_plan_keeps_the_search(tmp_path: Path) -> None:
    plan = make_plan({"search": "joint", "shape_rate": 3.0})
    assert plan.budget == BUDGET
    assert plan_from_text(plan_text(plan)) == plan
    assert make_plan({}).budget == 5


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"search": "joint", "budget": 5}, "at least 8 points, got 5"),
     ({"shape_rate": 0.0}, "shape_rate = 0.0 is not allowed"),
     ({"command": "train {activation} {seed} {lr}", "metric": "json:a", "search": "joint",
       "practical_difference": 1.0, "learning_rates": [0.1, 1.0]}, "weight_decay")],
)  # fmt: skip
def test_what_cannot_be_searched_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ActlasError, match=message):
        make_plan(fields)


def relu_alone(arm: Any) -> bool:
    return bool(arm.name == "relu")


@pytest.mark.parametrize(
    ("name", "wrong", "check"),
    [("_learns", relu_alone, test_a_rate_of_its_own_is_for_functions_that_learn),
     ("first_settings", lambda *_: tuple(Setting(0.05 * k, 5e-4, 1.0) for k in range(1, 13)),
      test_the_best_setting_is_found_beyond_the_usual_decay)],
    ids=["a rate for the wrong function", "rates alone"],
)  # fmt: skip
def test_a_planted_fault_turns_red(
    studied: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, name: str, wrong: Any,
    check: Callable[..., None],
) -> None:  # fmt: skip
    monkeypatch.setattr(experiment, name, wrong)
    with pytest.raises(AssertionError):
        check(studied)
