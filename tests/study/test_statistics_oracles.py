"""The statistics beside other people's: SciPy, autorank, baycomp."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy import stats

from actlas.study import statistics
from actlas.study.statistics.aggregates import iqm_of_rows
from actlas.study.statistics.ranks import _range_quantile
from tests.study.figures import runs_table, tasks_table

MISH_63 = tasks_table("mish_63_tasks")
MISH_23 = tasks_table("mish_23_tasks")
SKEWED = np.random.default_rng(5).exponential(size=25) ** 2
TIED = np.array([0.5, -0.5, 1.0, 1.0, 0.0, -1.5, 2.0, 2.0, 2.5, 1.0])


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def peer(name: str) -> Any:
    """Import another package, whose own warnings are not ours; skip where it is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"{name} is not installed")


# ---------------------------------------------------------------- SciPy


def test_wilcoxon_agrees_with_scipy_where_nothing_is_tied() -> None:
    values = np.random.default_rng(1).normal(0.3, 1.0, size=18)
    expected = stats.wilcoxon(values, method="exact")
    found = statistics.wilcoxon(values)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-12)
    assert min(found.positive, found.negative) == expected.statistic


def test_wilcoxon_agrees_with_all_permutations_where_values_are_tied() -> None:
    kept = TIED[TIED != 0]
    ranks = stats.rankdata(np.abs(kept))
    signs = np.array(np.meshgrid(*[[0, 1]] * len(kept))).reshape(len(kept), -1)
    sums = ranks @ signs
    observed = ranks[kept > 0].sum()
    tails = [(sums <= observed).mean(), (sums >= observed).mean()]
    assert statistics.wilcoxon(TIED).p == pytest.approx(2 * min(tails), rel=1e-12)


def test_friedman_agrees_with_scipy_with_ties() -> None:
    scores = np.round(MISH_23.scores[:, :6])
    expected = stats.friedmanchisquare(*scores.T)
    found = statistics.friedman(scores)
    assert (found.statistic, found.p) == pytest.approx((expected.statistic, expected.pvalue))


@pytest.mark.parametrize("count", [2, 3, 10, 17])
def test_the_studentised_range_agrees_with_scipy(count: int) -> None:
    q = _range_quantile(count, 0.95)
    assert stats.studentized_range.cdf(q, count, np.inf) == pytest.approx(0.95, abs=1e-6)


@pytest.mark.parametrize("equal", [True, False])
def test_two_groups_agree_with_scipy(equal: bool) -> None:
    one, other = runs_table("telu_densenet")["GELU"], runs_table("telu_densenet")["ReLU"][:7]
    expected = stats.ttest_ind(one, other, equal_var=equal)
    groups = [statistics.summarise(values) for values in (one, other)]
    found = statistics.two_groups(*groups, equal_variance=equal)
    assert found.p == pytest.approx(expected.pvalue)
    ends = expected.confidence_interval()
    assert (found.difference.low, found.difference.high) == pytest.approx(tuple(ends))


@pytest.mark.parametrize("statistic", ["mean", "deviation"])
def test_bca_agrees_with_scipy(statistic: str) -> None:
    function = {"mean": np.mean, "deviation": np.std}[statistic]
    expected = stats.bootstrap(
        (SKEWED,), function, n_resamples=40_000, method="BCa", rng=generator()
    ).confidence_interval
    found = statistics.bootstrap_interval(
        SKEWED, generator(), draws=40_000, statistic=lambda rows: function(rows, axis=-1)
    )
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.02)


def test_probability_of_improvement_is_the_mann_whitney_statistic() -> None:
    one, other = TIED, TIED[:6] + 0.5
    expected = stats.mannwhitneyu(one, other).statistic / (len(one) * len(other))
    assert statistics.probability_of_improvement(one, other) == pytest.approx(expected)


def test_rank_correlation_agrees_with_scipy_with_ties() -> None:
    other = np.array([1.0, 2.0, 2.0, 3.0, 0.0, 5.0, 5.0, 4.0, 1.0, 0.0])
    expected = stats.kendalltau(TIED, other).statistic
    assert statistics.rank_correlation(TIED, other) == pytest.approx(expected)


@pytest.mark.parametrize("count", [4, 7, 25])
def test_the_interquartile_mean_agrees_with_scipy(count: int) -> None:
    values = SKEWED[:count]
    expected = stats.trim_mean(values, 0.25)
    assert statistics.interquartile_mean(values) == pytest.approx(expected)
    assert iqm_of_rows(values[None])[0] == pytest.approx(expected)


def test_benjamini_hochberg_agrees_with_scipy() -> None:
    p = [0.01, 0.002, 0.2, 0.03, 0.03, 0.9]
    expected = stats.false_discovery_control(p)
    assert statistics.benjamini_hochberg(p) == pytest.approx(expected)


# ---------------------------------------------------------------- baycomp


@pytest.mark.parametrize("rope", [0.1, 0.3, 0.5])
def test_bayesian_signed_rank_agrees_with_baycomp(rope: float) -> None:
    baycomp = peer("baycomp")
    swish, mish = (MISH_63.scores[:, MISH_63.functions.index(name)] for name in ("swish", "mish"))
    worse, equivalent, better = baycomp.SignedRankTest.probs(
        swish, mish, rope=rope, prior=1, nsamples=5000, random_state=0
    )
    found = statistics.bayesian_signed_rank(mish - swish, rope, generator())
    expected = (worse, equivalent, better)
    assert (found.worse, found.equivalent, found.better) == pytest.approx(expected, abs=0.025)


@pytest.mark.parametrize("repeats", [1, 2])
def test_correlated_t_agrees_with_baycomp(repeats: int) -> None:
    baycomp = peer("baycomp")
    runs = runs_table("telu_densenet")
    expected = baycomp.CorrelatedTTest.probs(runs["ReLU"], runs["GELU"], rope=0.3, runs=repeats)
    found = statistics.correlated_t(
        runs["GELU"] - runs["ReLU"], 0.3, correlation=repeats / len(runs["ReLU"])
    )
    assert (found.worse, found.equivalent, found.better) == pytest.approx(expected, abs=1e-9)


# ---------------------------------------------------------------- autorank


def test_ranks_and_friedman_agree_with_autorank() -> None:
    autorank = peer("autorank")
    pandas = peer("pandas")
    frame = pandas.DataFrame(MISH_63.scores, columns=list(MISH_63.functions))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = autorank.autorank(frame, alpha=0.05, verbose=False, force_mode="nonparametric")
    ranks = dict(zip(MISH_63.functions, statistics.average_ranks(MISH_63.scores), strict=True))
    assert found.rankdf["meanrank"].to_dict() == pytest.approx(ranks)
    assert found.pvalue == pytest.approx(statistics.friedman(MISH_63.scores).p)
    assert found.cd == pytest.approx(statistics.nemenyi_distance(3, 63), abs=1e-3)
    assert found.omnibus == "friedman"
