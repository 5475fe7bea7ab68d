"""Known answers: figures that papers and textbooks print, computed again."""

from __future__ import annotations

import numpy as np
import pytest

from actlas.study import statistics
from actlas.study.report.critical_difference import critical_difference
from actlas.study.statistics import Summary, paired
from actlas.study.statistics.intervals import acceleration, bootstrap_interval
from tests.study.figures import runs_table, summaries, tasks_table

DENSENET = runs_table("telu_densenet")
MISH_63 = tasks_table("mish_63_tasks")
MISH_23 = tasks_table("mish_23_tasks")


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


# ---------------------------------------------------------------- TeLU, GELU, ReLU: ten trials


@pytest.mark.parametrize(
    ("one", "other", "p", "difference"),
    [
        ("TeLU", "GELU", 3.365e-07, 0.98),
        ("TeLU", "ReLU", 5.418e-10, 1.42),
        ("GELU", "ReLU", 9.014e-04, 0.44),
    ],
)
def test_telu_trials(one: str, other: str, p: float, difference: float) -> None:
    runs = [DENSENET[one], DENSENET[other]]
    found = statistics.two_groups(*map(statistics.summarise, runs))
    assert found.p == pytest.approx(p, rel=2e-4)
    assert found.difference.mean == pytest.approx(difference, abs=0.005)
    assert statistics.wilcoxon(runs[0] - runs[1]).p == pytest.approx(0.001953, abs=1e-6)


def test_telu_means_and_deviations() -> None:
    printed = {"TeLU": (86.806, 0.282), "GELU": (85.825, 0.279), "ReLU": (85.386, 0.200)}
    for name, (mean, deviation) in printed.items():
        found = statistics.summarise(DENSENET[name])
        assert (found.mean, found.deviation) == pytest.approx((mean, deviation), abs=6e-4)


def test_negative_bias_ends_in_two_dead_functions() -> None:
    runs = runs_table("telu_negative_bias")
    found = {name: statistics.summarise(values) for name, values in runs.items()}
    printed = {"TeLU": (39.81, 9.41), "Mish": (30.41, 2.86), "ELU": (18.64, 15.58),
               "ReLU": (9.762, 0.236), "GELU": (9.739, 0.125)}  # fmt: skip
    for name, figures in printed.items():
        assert (found[name].mean, found[name].deviation) == pytest.approx(figures, abs=0.006)
    best = statistics.probability_of_improvement(runs["TeLU"], runs["GELU"])
    assert best == 1.0


# ---------------------------------------------------------------- Mish: 23 runs of 34 functions

MISH = summaries("mish_23_runs")[0]
RIVALS = summaries("mish_23_runs")[1:]


def group(row: dict[str, str]) -> Summary:
    return Summary(float(row["mean_test_top1_percent"]), float(row["std_accuracy"]), 23)


def agrees(row: dict[str, str]) -> bool:
    """Return whether the printed p, d and interval follow from the printed means."""
    found = statistics.two_groups(group(MISH), group(row), equal_variance=True)
    assert found.effect is not None
    ends = (-found.difference.high, -found.difference.low)
    printed = (float(row["ci95_low"]), float(row["ci95_high"]))
    small = row["p_value_vs_mish"].startswith("<")
    return (
        ends == pytest.approx(printed, abs=0.011)
        and abs(found.effect) == pytest.approx(float(row["cohens_d_vs_mish"]), abs=0.03)
        and (found.p < 1e-4 if small else
             found.p == pytest.approx(float(row["p_value_vs_mish"]), abs=0.03))
    )  # fmt: skip


def test_the_table_of_23_runs_follows_from_its_means_but_for_two_rows() -> None:
    assert len(RIVALS) == 33
    wrong = [row["activation"] for row in RIVALS if not agrees(row)]
    assert wrong == ["SoftPlus(β = 1)", "ISRU (α=1.0)"]  # known to contradict themselves


def test_holm_leaves_the_close_rivals_undecided() -> None:
    p = [statistics.two_groups(group(MISH), group(row)).p for row in RIVALS]
    corrected = statistics.holm(p)
    close = [row["activation"] for row, q in zip(RIVALS, corrected, strict=True) if q > 0.05]
    assert len(close) == 4  # Swish, E-Swish, GELU, ELiSH
    assert all(q >= single for q, single in zip(corrected, p, strict=True))


# ---------------------------------------------------------------- Mish, Swish, ReLU: 63 tasks


def test_friedman_of_63_tasks() -> None:
    ranks = statistics.average_ranks(MISH_63.scores)
    assert ranks == pytest.approx([1.540, 2.071, 2.389], abs=5e-4)
    found = statistics.friedman(MISH_63.scores)
    assert found.statistic == pytest.approx(23.29, abs=0.005)
    assert found.p == pytest.approx(8.8e-6, rel=0.01)
    assert statistics.nemenyi_distance(3, 63) == pytest.approx(0.417, abs=7e-4)


@pytest.mark.parametrize(
    ("one", "other", "p", "wins", "losses"),
    [
        ("mish", "swish", 0.0013, 44, 19),
        ("mish", "relu", 7.0e-5, 48, 15),
        ("swish", "relu", 0.025, 39, 23),
    ],
)
def test_wilcoxon_of_63_tasks(
    monkeypatch: pytest.MonkeyPatch, one: str, other: str, p: float, wins: int, losses: int
) -> None:
    gains = MISH_63.gains(one, other)
    assert ((gains > 0).sum(), (gains < 0).sum()) == (wins, losses)
    exact = statistics.wilcoxon(gains).p
    monkeypatch.setattr(paired, "RANKS_UP_TO", 0)  # the printed ones are of the normal form
    assert statistics.wilcoxon(gains).p == pytest.approx(p, rel=0.04)
    assert p / 2 < exact < p


@pytest.mark.parametrize(("rope", "better", "equivalent"), [(0.3, 0.75, 0.25), (0.5, 0.01, 0.99)])
def test_significant_and_equivalent_at_once(rope: float, better: float, equivalent: float) -> None:
    found = statistics.bayesian_signed_rank(MISH_63.gains("mish", "swish"), rope, generator())
    assert (found.better, found.equivalent) == pytest.approx((better, equivalent), abs=0.02)


# ---------------------------------------------------------------- 17 functions on 23 tasks

BY_RANK = [MISH_23.functions[c] for c in np.argsort(statistics.average_ranks(MISH_23.scores))]


def test_ranks_of_17_functions() -> None:
    printed = {"mish": 3.65, "relu6": 5.17, "leakyrelu": 5.41, "swish-1": 5.91, "relu": 6.57,
               "tanh": 13.3, "hardshrink": 16.4}  # fmt: skip
    ranks = dict(zip(MISH_23.functions, statistics.average_ranks(MISH_23.scores), strict=True))
    assert {name: ranks[name] for name in printed} == pytest.approx(printed, abs=0.06)
    found = statistics.friedman(MISH_23.scores)
    assert found.statistic == pytest.approx(211, abs=0.5)
    assert found.p == pytest.approx(4.5e-36, rel=0.05)


def nemenyi_separates(pool: list[str]) -> bool:
    ranks = statistics.average_ranks(MISH_23.pool(pool))
    return bool(
        ranks[pool.index("relu")] - ranks[pool.index("mish")]
        > statistics.nemenyi_distance(len(pool), len(MISH_23.tasks))
    )


def pool_of(size: int) -> list[str]:
    """Return the best by rank, with ReLU in the last place if it is not among them."""
    best = BY_RANK[:size]
    return best if "relu" in best else [*best[:-1], "relu"]


@pytest.mark.parametrize(
    ("size", "separated"), [(2, True), (3, True), (5, True), (9, False), (17, False)]
)
def test_nemenyi_flips_with_the_pool_and_wilcoxon_does_not(size: int, separated: bool) -> None:
    pool = pool_of(size)
    assert nemenyi_separates(pool) is separated
    pairs = statistics.pairwise_wilcoxon(MISH_23.pool(pool), pool.index("mish"))
    (pair,) = (pair for pair in pairs if pool[pair.one] == "relu")
    assert pair.p == pytest.approx(0.00345, abs=1e-4)  # the same in every pool
    assert pair.p_holm < 0.05


def test_wilcoxon_with_holm_against_mish() -> None:
    pairs = statistics.pairwise_wilcoxon(MISH_23.scores, MISH_23.functions.index("mish"))
    found = {MISH_23.functions[pair.one]: pair for pair in pairs}
    printed = {"relu": 0.022, "swish-1": 0.022, "elu": 0.027, "relu6": 0.027, "leakyrelu": 0.20}
    assert {name: found[name].p_holm for name in printed} == pytest.approx(printed, abs=0.004)
    assert (found["relu"].losses, found["relu"].wins) == (18, 5)
    assert found["relu"].median == pytest.approx(-0.36, abs=0.005)


@pytest.mark.parametrize(
    ("rival", "mean", "low", "high"),
    [("relu", 0.61, 0.26, 0.98), ("swish-1", 0.50, 0.22, 0.78), ("leakyrelu", 0.21, -0.17, 0.59)],
)
def test_bootstrap_over_tasks(rival: str, mean: float, low: float, high: float) -> None:
    gains = [[gain] for gain in MISH_23.gains("mish", rival)]
    found = statistics.hierarchical_interval(gains, generator())
    assert (found.mean, found.low, found.high) == pytest.approx((mean, low, high), abs=0.025)


def test_the_jack_knife_finds_that_nemenyi_hangs_on_its_pool() -> None:
    pool = pool_of(7)

    def by_nemenyi(scores: np.ndarray, names: tuple[str, ...]) -> bool:
        ranks = dict(zip(names, statistics.average_ranks(scores), strict=True))
        distance = statistics.nemenyi_distance(len(names), len(scores))
        return bool(ranks["relu"] - ranks["mish"] > distance)

    def by_wilcoxon(scores: np.ndarray, names: tuple[str, ...]) -> bool:
        return statistics.wilcoxon(scores[:, names.index("mish")]
                                   - scores[:, names.index("relu")]).p < 0.05  # fmt: skip

    arguments = (MISH_23.pool(pool), pool, MISH_23.tasks)
    assert statistics.jack_knife(*arguments, by_wilcoxon, ["mish", "relu"]).survives
    assert not statistics.jack_knife(*arguments, by_nemenyi, ["mish", "relu"]).survives


def test_the_picture_names_its_pool_and_joins_what_is_not_separated() -> None:
    picture = critical_difference(MISH_23.scores, MISH_23.functions)
    assert all(name in picture for name in MISH_23.functions)
    assert "23 tasks, 17 functions" in picture
    bars = statistics.cliques(
        statistics.average_ranks(MISH_23.scores).tolist(),
        statistics.pairwise_wilcoxon(MISH_23.scores),
    )
    assert picture.count('stroke-width="4"') == len(bars) >= 3


# ---------------------------------------------------------------- textbooks

# Efron and Tibshirani, An Introduction to the Bootstrap, table 14.1: spatial test data, task A.
SPATIAL = (48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6, 0, 33, 28, 34, 4, 32, 24, 47, 41,
           24, 26, 30, 41)  # fmt: skip


def variance_of_rows(rows: np.ndarray) -> np.ndarray:
    return rows.var(axis=-1)


def test_bca_of_the_spatial_data() -> None:
    """Table 14.2 gives 171.5 with the 90 % interval (115.8, 259.6), of 2,000 replicates."""
    bend = acceleration(np.array(SPATIAL, dtype=float), variance_of_rows)
    assert bend == pytest.approx(0.061, abs=6e-4)
    found = bootstrap_interval(SPATIAL, generator(), 0.9, statistic=variance_of_rows)
    assert found.mean == pytest.approx(171.5, abs=0.05)
    assert (found.low, found.high) == pytest.approx((115.8, 259.6), abs=4.5)


def test_the_eight_schools() -> None:
    """Gelman et al., Bayesian Data Analysis, table 5.3: quantiles of the effects in each school."""
    effects, errors = [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18]
    found = statistics.normal_hierarchy(effects, errors, 0.0, generator())
    quartiles = np.quantile(found.tasks, [0.25, 0.5, 0.75], axis=0).T
    printed = [(7, 10, 16), (3, 8, 12), (2, 7, 11), (4, 8, 11), (1, 5, 10), (2, 6, 10),
               (7, 10, 15), (3, 8, 13)]  # fmt: skip
    assert np.abs(quartiles - printed).max() < 1.3  # the table is of 200 draws
    assert found.typical.mean() == pytest.approx(8, abs=0.4)


@pytest.mark.parametrize(
    ("spending", "printed"),
    [
        ("obrien-fleming", (4.8769, 3.3569, 2.6803, 2.2898, 2.0310)),
        ("pocock", (2.4380, 2.4268, 2.4101, 2.3966, 2.3859)),
    ],
)
def test_boundaries_of_lan_and_demets(spending: str, printed: tuple[float, ...]) -> None:
    looks = statistics.boundaries([0.2, 0.4, 0.6, 0.8, 1.0], 0.05, spending)
    assert [look.boundary for look in looks] == pytest.approx(printed, abs=2e-4)


def test_numbers_of_runs_in_the_tables_of_cohen() -> None:
    """Statistical Power Analysis, table 2.4.1: two groups of 26, 64, 393 for d = 0.8, 0.5, 0.2."""
    found = [statistics.seeds_for(d, 1.0, paired=False) for d in (0.8, 0.5, 0.2)]
    assert found == pytest.approx([26, 64, 393], abs=1)
    normal = [12, 32, 113, 240]  # 2 (2.8 s/δ)² with the deviation of the 23 runs
    exact = [statistics.seeds_for(d, 0.43, paired=False) for d in (0.5, 0.3, 0.16, 0.11)]
    assert exact == pytest.approx(normal, abs=2)
