"""The statistics: published figures, hand-made cases, and error rates on planted data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from actlas.study import statistics
from actlas.study.statistics import Interval, Verdict

# Test accuracies of ten DenseNet trials on CIFAR-10, published with the code of the TeLU paper.
TELU = (87.07, 86.96, 87.18, 87.06, 86.71, 86.44, 86.41, 86.75, 86.51, 86.97)
GELU = (85.60, 85.80, 85.62, 85.68, 86.41, 85.54, 85.84, 85.63, 86.00, 86.13)
RELU = (85.59, 85.47, 85.14, 85.48, 85.75, 85.43, 85.40, 85.16, 85.21, 85.23)


def differences(one: tuple[float, ...], other: tuple[float, ...]) -> list[float]:
    return [a - b for a, b in zip(one, other, strict=True)]


@pytest.mark.parametrize(
    ("one", "other", "mean", "low", "high"),
    [
        (TELU, GELU, 0.98, 0.67, 1.29),
        (TELU, RELU, 1.42, 1.17, 1.67),
        (GELU, RELU, 0.44, 0.23, 0.65),
    ],
)
def test_published_intervals(
    one: tuple[float, ...], other: tuple[float, ...], mean: float, low: float, high: float
) -> None:
    interval = statistics.mean_interval(differences(one, other))
    assert (interval.mean, interval.low, interval.high) == pytest.approx(
        (mean, low, high), abs=0.006
    )


def test_interval_agrees_with_scipy() -> None:
    expected = stats.ttest_1samp(differences(TELU, RELU), 0.0).confidence_interval(0.95)
    interval = statistics.mean_interval(differences(TELU, RELU))
    assert (interval.low, interval.high) == pytest.approx(expected)


@pytest.mark.parametrize("one", [TELU, GELU])
def test_all_differences_of_one_sign_give_the_smallest_p(one: tuple[float, ...]) -> None:
    p = statistics.sign_flip_p(differences(one, RELU), np.random.default_rng(0))
    assert p == pytest.approx(2 / 2**10)


def test_exact_sign_flip_agrees_with_scipy() -> None:
    values = np.array([0.5, -0.1, 0.4, 0.3, -0.2, 0.6, 0.1])
    expected = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert statistics.sign_flip_p(values, np.random.default_rng(0)) == pytest.approx(
        expected.pvalue
    )


def test_random_sign_flips_come_close_to_exact_ones() -> None:
    values = np.random.default_rng(3).normal(0.4, 1.0, size=12)
    exact = statistics.sign_flip_p(values, np.random.default_rng(0))
    drawn = statistics.sign_flip_p(values, np.random.default_rng(0), exact_up_to=0)
    assert drawn == pytest.approx(exact, abs=0.01)


def test_effect_size_is_mean_over_deviation() -> None:
    assert statistics.cohen_dz([1.0, 2.0, 3.0]) == pytest.approx(2.0)
    assert statistics.cohen_dz([1.0, 1.0]) is None


def test_holm_never_orders_p_values_anew_and_stops_at_1() -> None:
    assert statistics.holm([0.04, 0.01, 0.6, 0.03]) == pytest.approx([0.09, 0.04, 0.6, 0.09])
    assert statistics.holm([0.9, 0.8]) == [1.0, 1.0]


def test_noise_floor_is_not_small_by_luck() -> None:
    balanced = [-1.0, 1.0, -1.0, 1.0]
    assert statistics.noise_floor(balanced) == pytest.approx(
        statistics.mean_interval(balanced).high
    )
    assert statistics.noise_floor([2.0, 2.1, 1.9]) == pytest.approx(2.0)


@pytest.mark.parametrize("comparisons", [1, 2, 5, 9])
def test_seeds_needed_is_the_fewest(comparisons: int) -> None:
    needed = statistics.seeds_needed(comparisons)
    assert comparisons * 2 / 2**needed < 0.05 <= comparisons * 2 / 2 ** (needed - 1)


@pytest.mark.parametrize(
    ("low", "high", "p", "floor", "seeds", "verdict"),
    [
        (0.6, 1.0, 0.01, 0.3, 10, Verdict.BETTER),
        (-1.0, -0.6, 0.01, 0.3, 10, Verdict.WORSE),
        (-0.2, 0.3, 0.50, 0.1, 10, Verdict.SAME),
        (0.1, 0.3, 0.01, 0.1, 10, Verdict.SAME),  # certain, and too small to matter
        (-0.2, 0.9, 0.20, 0.1, 10, Verdict.OPEN),
        (0.6, 1.0, 0.01, 0.9, 10, Verdict.OPEN),  # below the noise floor
        (0.6, 1.0, 0.20, 0.3, 10, Verdict.OPEN),  # not after Holm's correction
        (0.6, 1.0, 0.31, 0.3, 5, Verdict.OPEN),
    ],
)
def test_verdicts(
    low: float, high: float, p: float, floor: float, seeds: int, verdict: Verdict
) -> None:
    interval = Interval((low + high) / 2, low, high)
    found, reason = statistics.decide(interval, p, 0.5, floor, seeds, needed=8)
    assert found is verdict
    assert reason


def test_too_few_seeds_are_named() -> None:
    _, reason = statistics.decide(Interval(0.8, 0.6, 1.0), 0.3, 0.5, 0.1, seeds=5, needed=8)
    assert reason == "5 seeds cannot pass the corrected test, 8 could"


def verdict_on(values: np.ndarray, floor_values: np.ndarray) -> Verdict:
    p = statistics.sign_flip_p(values, np.random.default_rng(0))
    interval = statistics.mean_interval(values)
    floor = statistics.noise_floor(floor_values)
    return statistics.decide(interval, p, 0.3, floor, len(values), needed=6)[0]


def test_chance_is_hardly_ever_called_better() -> None:
    generator = np.random.default_rng(1)
    draws = generator.normal(0.0, 1.0, size=(300, 2, 10))
    verdicts = [verdict_on(values, floor) for values, floor in draws]
    assert sum(v in (Verdict.BETTER, Verdict.WORSE) for v in verdicts) <= 0.03 * len(verdicts)


def test_a_large_effect_is_found() -> None:
    generator = np.random.default_rng(2)
    draws = generator.normal(0.0, 0.3, size=(100, 2, 10))
    verdicts = [verdict_on(1.0 + values, floor) for values, floor in draws]
    assert sum(v is Verdict.BETTER for v in verdicts) >= 95
