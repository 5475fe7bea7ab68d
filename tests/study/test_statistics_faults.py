"""Planted faults: for every kind of check of the statistics, a mistake that must turn it red."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from actlas.study import statistics
from actlas.study.statistics import intervals, paired, ranks, unpaired
from tests.study import test_published as published
from tests.study import test_statistics as basics
from tests.study import test_statistics_cases as cases
from tests.study import test_statistics_oracles as oracles

Check = Callable[[], Any]


@dataclass(frozen=True)
class Fault:
    """What is wrong: `wrong` in the place of `owner.name`; and the check that must see it."""

    says: str
    owner: object
    name: str
    wrong: object
    check: Check


def _halved(found: Any) -> Any:
    return replace(found, p=found.p / 2)


def _holm_without_the_running_maximum(p: list[float]) -> list[float]:
    order = list(np.argsort(p))
    return [min(1.0, (len(p) - order.index(k)) * value) for k, value in enumerate(p)]


def _first_come(values: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(values, kind="stable"), kind="stable") + 1.0


def _all_at_once(times: list[float]) -> list[statistics.Look]:
    return [statistics.Look(time, 1.959964, 0.05) for time in times]


_wilcoxon, _sign_flip = statistics.wilcoxon, statistics.sign_flip_p
_signed_rank, _quantile = statistics.bayesian_signed_rank, ranks._range_quantile

FAULTS = (
    Fault("Wilcoxon's p is one-sided", statistics, "wilcoxon", lambda d: _halved(_wilcoxon(d)),
          cases.test_wilcoxon_is_two_sided),
    Fault("the sign-flip p is one-sided", statistics, "sign_flip_p",
          lambda d, g: _sign_flip(d, g) / 2, basics.test_exact_sign_flip_agrees_with_scipy),
    Fault("Holm without the running maximum", statistics, "holm",
          _holm_without_the_running_maximum,
          basics.test_holm_never_orders_p_values_anew_and_stops_at_1),
    Fault("Holm is left out", statistics, "holm", list,
          basics.test_holm_never_orders_p_values_anew_and_stops_at_1),
    Fault("BCa without acceleration", intervals, "acceleration", lambda *_: 0.0,
          lambda: oracles.test_bca_agrees_with_scipy("mean")),
    Fault("BCa without its bias correction", intervals, "bias_correction", lambda *_: 0.0,
          lambda: oracles.test_bca_agrees_with_scipy("deviation")),
    Fault("BCa with Student's interval in its place", statistics, "bootstrap_interval",
          lambda sample, generator, draws: statistics.mean_interval(sample),
          cases.test_bca_misses_on_both_sides_alike),
    Fault("tied differences are ranked in order", paired, "ranked", _first_come,
          oracles.test_wilcoxon_agrees_with_all_permutations_where_values_are_tied),
    Fault("tied scores are ranked in order", ranks, "ranked", _first_come,
          oracles.test_friedman_agrees_with_scipy_with_ties),
    Fault("Nemenyi's quantile is not divided by sqrt 2", ranks, "_range_quantile",
          lambda *a: _quantile(*a) * 2**0.5,
          lambda: published.test_nemenyi_flips_with_the_pool_and_wilcoxon_does_not(2, True)),
    Fault("the region of equivalence is forgotten", statistics, "bayesian_signed_rank",
          lambda d, rope, g: _signed_rank(d, 0.0, g),
          lambda: published.test_significant_and_equivalent_at_once(0.3, 0.75, 0.25)),
    Fault("seeds are drawn again, tasks are not", statistics, "hierarchical_interval",
          lambda groups, generator, draws: statistics.stratified_interval(
              groups, generator, intervals.mean_of_rows, draws=draws),
          cases.test_the_hierarchical_interval_covers_the_mean_of_new_tasks),
    Fault("every look may spend all", statistics, "boundaries", _all_at_once,
          cases.test_looking_five_times_errs_no_more_than_looking_once),
    Fault("Welch with the degrees of freedom of Student", unpaired, "_welch",
          lambda parts, counts: (sum(parts), float(sum(counts))),
          lambda: published.test_telu_trials("GELU", "ReLU", 9.014e-04, 0.44)),
    Fault("the interquartile mean is cut at a fifth", oracles, "iqm_of_rows",
          lambda rows: np.sort(rows)[:, rows.shape[1] // 5 : -(rows.shape[1] // 5)].mean(axis=1),
          lambda: oracles.test_the_interquartile_mean_agrees_with_scipy(25)),
    Fault("a tie counts as an improvement", statistics, "probability_of_improvement",
          lambda one, other: np.mean(one[:, None] >= other[None, :]),
          oracles.test_probability_of_improvement_is_the_mann_whitney_statistic),
    Fault("the tables of tasks are pooled without shrinking", statistics, "bayesian_hierarchical",
          lambda groups, *_: statistics.Hierarchy(
              statistics.Posterior(0, 0, 1), np.ones(2), np.ones(2),
              np.array([[np.mean(g) for g in groups]] * 2)),
          cases.test_tasks_are_shrunk_towards_each_other),
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.says)
def test_a_planted_fault_turns_red(monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    fault.check()
    monkeypatch.setattr(fault.owner, fault.name, fault.wrong)
    with pytest.raises(AssertionError):
        fault.check()


def test_enough_faults_are_planted() -> None:
    assert len({fault.says for fault in FAULTS}) == len(FAULTS) >= 15
