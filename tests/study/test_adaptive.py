"""The adaptive design: the fixed one's verdicts for half the runs, and no error from looking."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from actlas.errors import ActlasError
from actlas.study import Verdict, make_plan, run_plan, runner, statistics
from actlas.study.statistics.adaptive import FEWEST, Rule, judge, rules
from actlas.study.statistics.intervals import tail_interval
from actlas.study.training import Phase, Record, RunSpec
from actlas.study.units import Unit
from actlas.study.wording import percentage
from tests.support.scripts import BENCHMARKS, benchmark

MOST = 40
SPENDING = list(statistics.spending.SPENDING)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """Return the benchmark, which has the planted cases and both designs."""
    return benchmark("adaptive")


@pytest.mark.parametrize("spending", SPENDING)
def test_ten_planted_cases_get_the_same_verdicts_for_half_the_runs(
    script: ModuleType, spending: str
) -> None:
    cases = list(script.measure(spending))
    assert len(cases) == 10
    assert [case.adaptive for case in cases] == [case.fixed for case in cases]
    assert sum(case.adaptive_seeds for case in cases) <= len(cases) * MOST / 2


@pytest.mark.parametrize("spending", SPENDING)
def test_the_kept_result_is_what_the_script_gives(script: ModuleType, spending: str) -> None:
    kept = json.loads((BENCHMARKS / "results" / "adaptive.json").read_text())[spending]
    assert kept["cases"] == [asdict(case) for case in script.measure(spending)]
    assert kept["same_verdicts"] == 10


@pytest.mark.parametrize("limits", ["for all looks", "of a single look"])
def test_looking_often_errs_no_more_than_it_may(limits: str) -> None:
    """With the limits of a single look it errs three times as often: the check can see that."""
    plan = rules(MOST, spending="pocock")
    if limits == "of a single look":
        plan = tuple(Rule(rule.seeds, 0.05, 0.05) for rule in plan)
    generator = np.random.default_rng(1)
    draws = generator.normal(size=(500, MOST))
    wrong = np.mean([decided(row, plan) for row in draws])
    slack = 3 * math.sqrt(0.05 * 0.95 / len(draws))
    assert bool(wrong <= 0.05 + slack) is (limits == "for all looks")


def decided(values: np.ndarray, plan: tuple[Rule, ...]) -> bool:
    """Return whether chance alone is called a difference, with no floor and no margin."""
    found = (judge(values[: rule.seeds], rule, 1e-9, 0.0) for rule in plan)
    return any(verdict in (Verdict.BETTER, Verdict.WORSE) for verdict in found)


def test_the_looks_end_with_all_seeds() -> None:
    for most in (5, 6, 13, 40):
        plan = rules(most, 3)
        assert plan[0].seeds == FEWEST
        assert plan[-1].seeds == most
        assert all(0 < rule.difference_p <= rule.equivalence_p <= 0.05 for rule in plan)


def test_a_first_look_may_be_stricter_than_a_coverage_can_say() -> None:
    first = rules(40, 20)[0]
    assert 1 - first.difference_p == 1.0
    values = [2.0, 2.2, 1.9, 2.1, 2.0]
    assert judge(values, first, 0.5, floor=0.3) is Verdict.OPEN
    half = tail_interval(values, first.difference_p).half_width
    t = half / (float(np.std(values, ddof=1)) / math.sqrt(5))
    far_tails = 6 / t**4  # of Student's t with 4 degrees of freedom, both sides
    assert far_tails == pytest.approx(first.difference_p, rel=1e-6)


def test_nothing_is_decided_below_the_noise_floor() -> None:
    rule = Rule(5, 0.05, 0.05)
    assert judge([1.0, 1.1, 0.9, 1.0, 1.0], rule, 0.5, floor=1.5) is Verdict.OPEN


def test_too_few_seeds_are_refused_before_any_run(tmp_path: Path) -> None:
    with pytest.raises(ActlasError, match="needs room for 5 seeds, got 4"):
        run_plan(make_plan({"seeds": 4, "design": "adaptive"}), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ActlasError, match="'adaptive' or 'fixed'"):
        make_plan({"design": "adaptiv"})


# ---------------------------------------------------------------- a whole study, planted scores

FIELDS = {"activations": "relu,tanh,gelu,silu", "search": "grid"}
SCORES = {"relu": 90.0, "tanh": 93.0, "gelu": 90.0, "silu": 90.4}


def planted(units: Iterable[Unit], *_: Any) -> Iterator[Record]:
    """Give every run a score instead of training it."""
    for spec in (spec for unit in units for spec in unit.specs):
        draw = np.random.default_rng([spec.seed, spec.twin, *spec.activation.encode()]).normal()
        spread = 0.9 if spec.activation == "silu" else 0.1
        score = SCORES[spec.activation] + spread * float(draw)
        test = score if spec.phase is Phase.CONFIRMATION else None
        yield Record(spec, score, test, 0, (score,), (1.0,), False, 1.0, {}, 0.1,
                     {"processor": "none", "cores": "1", "system": "none", "python": "3",
                      "torch": "2", "numpy": "2"})  # fmt: skip


@pytest.fixture
def studied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Any]:
    def run(design: str) -> Any:
        monkeypatch.setattr(runner, "run_all", planted)
        plan = make_plan({**FIELDS, "seeds": 24, "design": design})
        return run_plan(plan, out=tmp_path / design, workers=1, batched="never")

    return run


def test_an_adaptive_study_stops_what_is_decided(studied: Callable[[str], Any]) -> None:
    adaptive, whole = studied("adaptive"), studied("fixed")
    assert adaptive.verdicts == whole.verdicts
    assert adaptive.verdicts["tanh"] is Verdict.BETTER
    assert adaptive.verdicts["gelu"] is Verdict.SAME
    counts = {label: len(runs) for label, runs in adaptive.outcome.confirmations.items()}
    assert counts["tanh"] < 24
    assert counts["gelu"] < 24
    assert counts["relu"] == counts["relu (A/A)"] == max(counts.values())
    assert adaptive.table[2].reason.startswith(f"the look at {counts['tanh']} seeds")
    assert adaptive.table[2].difference.p is None
    assert whole.table[2].difference.p_holm < 0.05
    text = adaptive.report_path.read_text(encoding="utf-8")
    assert "up to 24 paired seeds, added until the interval decides" in text
    levels = {percentage(row.difference.interval.level) for row in adaptive.table[1:]}
    assert len(levels) > 1
    assert all(f"({level.replace('>', '&gt;')})" in text for level in levels)
    assert "O&#x27;Brien-Fleming" in text or "O'Brien-Fleming" in text


def test_a_changed_plan_is_told_in_the_report(studied: Callable[[str], Any]) -> None:
    first = studied("fixed")
    assert "plan was changed" not in first.report_path.read_text(encoding="utf-8")
    longer = make_plan({**FIELDS, "seeds": 30, "design": "fixed"})
    again = run_plan(longer, out=first.report_path.parent, workers=1, batched="never")
    assert again.changes == (len(first.records),)
    told = f"The plan was changed after {len(first.records)} runs"
    assert told in again.report_path.read_text(encoding="utf-8")


def test_an_adaptive_study_goes_on_where_it_was(
    studied: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = studied("adaptive")
    trained: list[RunSpec] = []

    def none(units: Iterable[Unit], *_: Any) -> Iterator[Record]:
        trained.extend(spec for unit in units for spec in unit.specs)
        yield from ()

    monkeypatch.setattr(runner, "run_all", none)
    again = run_plan(first.plan, out=first.report_path.parent, workers=1)
    assert trained == []
    assert again.verdicts == first.verdicts
