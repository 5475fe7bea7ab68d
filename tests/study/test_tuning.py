"""The learning-rate search: equal grids, validation only, edges that are noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from actlas.errors import ActlasError
from actlas.study import ACCURACY, Plan, Task
from actlas.study.settings import Setting
from actlas.study.training import Record, RunSpec
from actlas.study.tuning import Tuning, first_grid, select, widened

MakeSpec = Callable[..., RunSpec]


def record(spec: RunSpec, validation: float, test: float | None = None) -> Record:
    return Record(spec, validation, test, 0, (validation,), (1.0,), False, 1.0, {}, 0.0, {})


def records(make_spec: MakeSpec, scores: dict[float, list[float]]) -> list[Record]:
    return [
        record(make_spec(learning_rate=rate, seed=seed), score)
        for rate, values in scores.items()
        for seed, score in enumerate(values)
    ]


def test_the_best_mean_wins(make_spec: MakeSpec) -> None:
    found = select(records(make_spec, {0.1: [90, 94], 0.3: [93, 93], 1.0: [99, 50]}), ACCURACY)
    assert (found.learning_rate, found.edge) == (0.3, "")
    assert found.scores == {0.1: 92, 0.3: 93, 1.0: 74.5}


def test_lower_can_be_better(make_spec: MakeSpec) -> None:
    metric = replace(ACCURACY, higher_is_better=False)
    assert (
        select(records(make_spec, {0.1: [2.0], 0.3: [1.0], 1.0: [3.0]}), metric).learning_rate
        == 0.3
    )


def test_a_tie_goes_to_the_smaller_rate(make_spec: MakeSpec) -> None:
    assert (
        select(records(make_spec, {0.3: [90], 0.1: [90], 0.03: [80]}), ACCURACY).learning_rate
        == 0.1
    )


def test_only_validation_counts(make_spec: MakeSpec) -> None:
    runs = [
        record(make_spec(learning_rate=0.1), validation=90, test=10),
        record(make_spec(learning_rate=0.3), validation=80, test=99),
    ]
    assert select(runs, ACCURACY).learning_rate == 0.1


@pytest.mark.parametrize(
    ("scores", "edge"), [((3, 2, 1), "lowest"), ((1, 2, 3), "highest"), ((1, 3, 2), "")]
)
def test_edges_are_named(make_spec: MakeSpec, scores: tuple[float, ...], edge: str) -> None:
    by_rate = {rate: [score] for rate, score in zip((0.1, 0.3, 1.0), scores, strict=True)}
    assert select(records(make_spec, by_rate), ACCURACY).edge == edge


def test_a_single_rate_has_no_edge(make_spec: MakeSpec) -> None:
    assert select(records(make_spec, {0.1: [90]}), ACCURACY).edge == ""


def test_the_grid_is_logarithmic_around_the_centre(digits: Task) -> None:
    task = replace(digits, learning_rates={"sgd": 0.1})
    assert first_grid(Plan(budget=1), task) == (0.1,)
    assert first_grid(Plan(budget=3), task) == (0.032, 0.1, 0.32)
    assert first_grid(Plan(budget=5), task) == (0.01, 0.032, 0.1, 0.32)
    assert first_grid(Plan(learning_rates=(0.5, 0.2)), task) == (0.2, 0.5)


def test_a_task_without_a_rate_for_the_optimiser_says_so(digits: Task) -> None:
    task = replace(digits, learning_rates={"adam": 0.01})
    with pytest.raises(ActlasError, match="names no learning rate for sgd; it does for: adam"):
        first_grid(Plan(), task)


def edge(name: str) -> Tuning:
    return Tuning(setting(0.1), {}, name)


def setting(rate: float) -> Setting:
    return Setting(rate, 5e-4, 1.0)


@pytest.mark.parametrize(
    ("edges", "budget", "grid"),
    [
        (["", ""], 9, (0.1, 0.32)),
        (["highest", ""], 9, (0.1, 0.32, 1.0)),
        (["lowest", ""], 9, (0.032, 0.1, 0.32)),
        (["lowest", "highest", "highest"], 9, (0.1, 0.32, 1.0)),
        (["lowest", "highest"], 9, (0.032, 0.1, 0.32)),
        (["highest"], 2, (0.1, 0.32)),
    ],
)
def test_the_grid_is_widened_within_the_budget(
    edges: list[str], budget: int, grid: tuple[float, ...]
) -> None:
    found = widened((setting(0.1), setting(0.32)), map(edge, edges), Plan(budget=budget))
    assert found == tuple(map(setting, grid))
