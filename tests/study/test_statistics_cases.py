"""Small cases worked out by hand, error rates on drawn data, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from actlas.study import statistics
from actlas.study.statistics import Pair
from tests.study.refusals import refused

# ---------------------------------------------------------------- coverage, by simulation

DRAWS = 400
SLACK = 3 * math.sqrt(0.95 * 0.05 / DRAWS)  # three standard deviations of a count of 400


def coverage(
    interval: Callable[[np.ndarray, np.random.Generator], statistics.Interval], size: int
) -> float:
    """Return how often an interval holds the mean, 1, of exponential numbers."""
    generator = np.random.default_rng(7)
    samples = generator.exponential(size=(DRAWS, size))
    found = [interval(sample, generator) for sample in samples]
    return sum(one.low <= 1.0 <= one.high for one in found) / DRAWS


def bca(sample: np.ndarray, generator: np.random.Generator) -> statistics.Interval:
    return statistics.bootstrap_interval(sample, generator, draws=1000)


def test_bca_covers_a_skewed_mean() -> None:
    assert coverage(bca, 60) == pytest.approx(0.95, abs=SLACK)


def test_bca_misses_on_both_sides_alike() -> None:
    """What the acceleration is for: Student's interval misses nearly always below."""
    generator = np.random.default_rng(11)
    samples = generator.exponential(size=(DRAWS, 60))
    ends = [bca(sample, generator) for sample in samples]
    below, above = sum(e.high < 1.0 for e in ends), sum(e.low > 1.0 for e in ends)
    assert below <= 4 * max(above, 1)


def test_the_hierarchical_interval_covers_the_mean_of_new_tasks() -> None:
    generator = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        tasks = generator.normal(1.0, 0.5, size=20)
        groups = list(generator.normal(tasks[:, None], 1.0, size=(20, 5)))
        found = statistics.hierarchical_interval(groups, generator, draws=600)
        hits += found.low <= 1.0 <= found.high
    assert 0.89 <= hits / 200 <= 0.99


@pytest.mark.parametrize("test", ["wilcoxon", "sign-flip"])
def test_chance_passes_a_test_as_often_as_it_may(test: str) -> None:
    generator = np.random.default_rng(2)
    draws = generator.normal(size=(600, 10))
    p = [
        statistics.wilcoxon(row).p if test == "wilcoxon"
        else statistics.sign_flip_p(row, generator)
        for row in draws
    ]  # fmt: skip
    share = np.mean(np.array(p) <= 0.05)
    assert share == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / 600))


def test_looking_five_times_errs_no_more_than_looking_once() -> None:
    generator = np.random.default_rng(4)
    times = np.array([0.2, 0.4, 0.6, 0.8, 1.0])
    steps = generator.normal(size=(20_000, 5)) * math.sqrt(0.2)
    z = np.abs(np.cumsum(steps, axis=1) / np.sqrt(times))
    limits = [look.boundary for look in statistics.boundaries(list(times))]
    slack = 3 * math.sqrt(0.05 * 0.95 / 20_000)
    assert (z > limits).any(axis=1).mean() == pytest.approx(0.05, abs=slack)
    assert (z > 1.96).any(axis=1).mean() > 0.12  # what looking without a plan does


def test_the_power_is_the_share_of_studies_that_find_the_effect() -> None:
    generator = np.random.default_rng(5)
    draws = generator.normal(0.8, 1.0, size=(4000, 12))
    t = draws.mean(axis=1) / (draws.std(axis=1, ddof=1) / math.sqrt(12))
    found = float((np.abs(t) > 2.20099).mean())  # the quantile of Student's t with 11 degrees
    assert found == pytest.approx(statistics.power(0.8, 12), abs=0.02)


# ---------------------------------------------------------------- by hand


def test_equal_differences_have_no_interval_and_no_effect() -> None:
    constant = [0.5] * 6
    found = statistics.bootstrap_interval(constant, np.random.default_rng(0))
    assert (found.mean, found.low, found.high) == (0.5, 0.5, 0.5)
    assert statistics.wilcoxon([0.0, 0.0]).p == 1.0
    assert statistics.wilcoxon([0.0, 0.0]).effect == 0.0
    assert statistics.correlated_t(constant, 0.3).better == 1.0


def test_wilcoxon_is_two_sided() -> None:
    assert statistics.wilcoxon([1.0, 2.0, 3.0, 4.0, 5.0]).p == pytest.approx(2 / 2**5)
    assert statistics.wilcoxon([-1.0, -2.0, -3.0, -4.0, -5.0]).effect == -1.0


def test_differences_that_differ_by_rounding_alone_are_tied() -> None:
    rounded = statistics.wilcoxon(np.array([91.3, 88.1, 70.4]) - np.array([91.0, 87.8, 70.7]))
    assert (rounded.positive, rounded.negative) == (4.0, 2.0)


def test_two_groups_without_spread() -> None:
    one, other = statistics.summarise([2.0, 2.0]), statistics.summarise([1.0, 1.0])
    assert statistics.two_groups(one, other).p == 0.0
    assert statistics.two_groups(one, one).p == 1.0


def test_cliques_are_the_largest_groups() -> None:
    def pair(one: int, other: int, p: float) -> Pair:
        return Pair(one, other, 0.0, 0, 0, p, p)

    ranks = [1.0, 4.0, 2.0, 3.0]  # the order is 0, 2, 3, 1
    pairs = [pair(0, 2, 0.5), pair(0, 3, 0.5), pair(0, 1, 0.01), pair(2, 3, 0.6),
             pair(2, 1, 0.2), pair(3, 1, 0.3)]  # fmt: skip
    assert statistics.cliques(ranks, pairs) == ((0, 2, 3), (2, 3, 1))
    apart = [pair(one.one, one.other, 0.01) for one in pairs]
    assert statistics.cliques(ranks, apart) == ()


def test_the_three_chances_are_one() -> None:
    values = np.random.default_rng(1).normal(0.1, 0.5, size=12)
    found = (
        statistics.bayesian_signed_rank(values, 0.2, np.random.default_rng(0)),
        statistics.correlated_t(values, 0.2),
        statistics.bayesian_hierarchical([values] * 3, 0.2, np.random.default_rng(0)).next_task,
    )
    for posterior in found:
        parts = (posterior.worse, posterior.equivalent, posterior.better)
        assert sum(parts) == pytest.approx(1.0)
        assert min(parts) >= 0


def test_swapping_the_arms_swaps_the_posterior() -> None:
    values = np.random.default_rng(1).normal(0.3, 0.5, size=12)
    for one, other in (
        (statistics.correlated_t(values, 0.2), statistics.correlated_t(-values, 0.2)),
        *[tuple(statistics.bayesian_signed_rank(sign * values, 0.2, np.random.default_rng(0))
                for sign in (1, -1))],
    ):  # fmt: skip
        assert (one.worse, one.better) == pytest.approx((other.better, other.worse), abs=0.01)


def test_tasks_are_shrunk_towards_each_other() -> None:
    groups = [[1.0, 1.2, 0.8], [0.9, 1.1, 1.0], [1.0, 1.1, 1.2], [2.5, 0.5, 3.0]]
    found = statistics.bayesian_hierarchical(groups, 0.1, np.random.default_rng(0))
    loose = found.tasks[:, 3].mean()
    assert 1.0 < loose < 1.6 < np.mean(groups[3])


def test_profiles_fall_and_count_tasks_alike() -> None:
    groups = [[0.9, 1.0], [1.1, 1.2, 1.3, 1.4]]
    curve = statistics.performance_profile(groups, [0.0, 0.95, 1.25, 2.0])
    assert curve.tolist() == [1.0, 0.75, 0.25, 0.0]
    interval = statistics.stratified_interval(groups, np.random.default_rng(0))
    assert interval.mean == pytest.approx(1.15)
    assert interval.low < 1.15 < interval.high


def test_a_basin_that_the_grid_cuts_is_open() -> None:
    found = statistics.basin({0.1: 90.0, 0.3: 90.2, 1.0: 89.9})
    assert (found.low, found.high) == pytest.approx((0.1, 1.0))
    assert found.open_low
    assert found.open_high
    assert found.decades == pytest.approx(1.0)


def test_a_second_hill_is_no_part_of_the_basin() -> None:
    scores = {0.01: 90.0, 0.1: 10.0, 1.0: 90.1, 10.0: 10.0}
    found = statistics.basin(scores)
    assert 0.1 < found.low < 1.0 < found.high < 10.0
    errors = {rate: 100 - score for rate, score in scores.items()}
    assert statistics.basin(errors, higher_is_better=False).low > 0.1


# ---------------------------------------------------------------- refused

WRONG: tuple[tuple[Callable[[], object], str], ...] = (
    (lambda: statistics.mean_interval([1.0]), "at least 2 numbers"),
    (lambda: statistics.mean_interval([1.0, math.nan]), "not finite"),
    (lambda: statistics.mean_interval([1.0, 2.0], level=95), "level must lie between 0 and 1"),
    (lambda: statistics.friedman([[1.0, 2.0]]), "at least 2 tasks x 2 functions"),
    (lambda: statistics.friedman([[1.0, 2.0], [1.0]]), "for every task and every function"),
    (lambda: statistics.holm([0.1, 1.1]), "a p-value lies between 0 and 1, got 1.1"),
    (lambda: statistics.correlated_t([1.0, 2.0], -1.0), "rope must be at least 0"),
    (lambda: statistics.correlated_t([1.0, 2.0], 0.1, 1.0), "correlation must be at least 0"),
    (lambda: statistics.seeds_for(0.0, 1.0), "no number of seeds"),
    (lambda: statistics.seeds_for(0.5, math.nan), "cannot be computed"),
    (lambda: statistics.seeds_needed(0), "at least 1 comparison"),
    (lambda: statistics.boundaries([0.5, 0.4]), "the looks must increase"),
    (lambda: statistics.boundaries([1.0], spending="pocok"), "Did you mean 'pocock'"),
    (lambda: statistics.rank_correlation([1.0, 2.0], [1.0, 2.0, 3.0]), "two lists of one length"),
    (lambda: statistics.basin({}), "at least one rate"),
    (lambda: statistics.normalised([[1.0]], [[0.0]]), "a mean above 0"),
    (lambda: statistics.Summary(1.0, -1.0, 3), "a deviation of at least 0"),
)


@pytest.mark.parametrize(("call", "message"), WRONG, ids=[message for _, message in WRONG])
def test_bad_input_is_one_sentence(call: Callable[[], object], message: str) -> None:
    with refused(message):
        call()
