"""Studies of several tasks: the plan, what holds over them, and a true one from end to end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actlas.errors import ActlasError
from actlas.study import Plan, Result, Verdict, compare, find_task, make_plan
from actlas.study.folder import existing, progress_of, read_result, stored_plan
from actlas.study.plan import TaskValues
from actlas.study.statistics import wilcoxon
from actlas.study.study_file import changed, plan_from_text, plan_text
from actlas.study.training import Phase
from tests.study.made_up import Planted, study
from tests.study.refusals import refused
from tests.study.tiny_tasks import bumps, signs

TASKS = tuple(f"tests.study.tiny_tasks:{name}" for name in ("signs", "bumps"))


def many(gains: list[dict[str, float]], **fields: Any) -> Result:
    """Return a study with one task for each entry, points and errors in turn."""
    planted = [
        Planted(replace((signs, bumps)[i % 2], name=f"task{i}", title=f"task{i}"), own)
        for i, own in enumerate(gains)
    ]
    return study(*planted, **fields)


# ---------------------------------------------------------------- the plan


@pytest.mark.parametrize("given", [["digits", "mnist"], "digits, mnist", ("digits", "mnist")])
def test_tasks_are_given_as_a_list_or_with_commas(given: Any) -> None:
    assert make_plan({"task": given}).tasks == ("digits", "mnist")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"task": "digits,digits"}, "each of them once"),
        ({"task": []}, "at least one task"),
        ({"task": "digits,"}, "at least one task"),
        ({"task": 3}, "task = 3 is not allowed"),
        ({"task": "mnist", "for_task": {"mnits": {}}}, "Did you mean 'mnist'?"),
        ({"for_task": {"digits": {"epoch": 3}}}, "'for_task.digits.epoch'"),
        ({"for_task": {"digits": {"epochs": 0}}}, "for_task.digits.epochs = 0 is not allowed"),
        ({"for_task": {"digits": {"learning_rates": [0.1, 0.2]}}, "budget": 1}, "holds 2 rates"),
    ],
    ids=str,
)
def test_wrong_tasks_are_one_sentence(fields: dict[str, Any], message: str) -> None:
    with refused(message):
        make_plan(fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"task": "digits"},
        {"task": "digits,mnist"},
        {"task": "digits,mnist", "epochs": 3, "for_task": {"mnist": {"network": "mlp"}}},
        {"task": "digits,mnist", "optimizer": "adam", "for_task": {"digits": {"epochs": 1}}},
    ],
    ids=str,
)
def test_a_frozen_plan_says_for_every_task_what_its_own_plan_says(fields: dict[str, Any]) -> None:
    plan = make_plan(fields)
    own = [plan.on(name).resolved(find_task(name)) for name in plan.tasks]
    frozen = plan_from_text(plan_text(plan.frozen(own)))
    assert [frozen.on(name) for name in frozen.tasks] == own
    assert all(getattr(one, name) is not None for one in own for name in _filled())


def _filled() -> set[str]:
    return set(TaskValues.model_fields) - {"network", "learning_rates"}


def test_a_value_of_one_task_is_set_by_its_path() -> None:
    plan = changed(Plan(task="digits,mnist"), ["for_task.mnist.epochs=7"])
    assert (plan.on("mnist").epochs, plan.on("digits").epochs) == (7, None)


# ---------------------------------------------------------------- what holds over tasks


def test_what_is_better_on_every_task_is_better_over_them() -> None:
    result = many([{"gelu": 2.0 + 0.1 * i, "tanh": -3.0 - 0.2 * i} for i in range(8)])
    assert result.verdicts == {"gelu": Verdict.BETTER, "tanh": Verdict.WORSE}
    assert result.headline == (
        "Compared with ReLU on 8 tasks: GELU is better over all of them; "
        "Tanh is worse over all of them."
    )


def test_tasks_that_disagree_are_told_apart() -> None:
    result = many([{"gelu": 3.0, "tanh": 0.0}, {"gelu": -3.0, "tanh": 0.0}])
    assert result.verdicts == {"gelu": Verdict.OPEN, "tanh": Verdict.SAME}
    assert result.headline == (
        "Compared with ReLU on task0 and task1: GELU is better on task0, worse on task1; "
        "Tanh is practically the same on both."
    )
    assert result.across is not None
    assert result.across.lines[2].reason == "the tasks disagree"


@pytest.mark.parametrize(
    ("tasks", "reason"), [(4, "4 tasks cannot pass the corrected test, 7 could"), (8, "criterion")]
)
def test_too_few_tasks_claim_nothing(tasks: int, reason: str) -> None:
    result = many([{"gelu": 2.0, "tanh": 0.0, "silu": 0.1}] * tasks)
    assert result.across is not None
    assert reason in result.across.lines[2].reason
    assert result.across.needed == 7


@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_units_do_not_matter(unit: float) -> None:
    """A task in other units and with the practical difference in them says the same."""
    larger = replace(signs, name="larger", practical_difference=unit)
    found = study(Planted(larger, {"gelu": 2.0}), Planted(bumps, {"gelu": 1.0}))
    assert found.across is not None
    interval = found.across.lines[2].interval
    assert interval is not None
    assert interval.mean == pytest.approx(1.5, abs=0.25)
    assert found.across.lines[2].pair is not None
    assert found.across.lines[2].pair.wins == 2


def test_the_numbers_over_tasks_follow_from_those_of_the_tasks() -> None:
    result = many([{"gelu": 1.0, "tanh": -1.0 + i} for i in range(6)])
    assert result.across is not None
    for index, line in list(enumerate(result.across.lines))[2:]:
        means = []
        for part in result.parts:
            reference, own = part.table[0].scores, part.table[index].scores
            gained = part.task.metric.sign * np.subtract(own, reference)
            means.append(float(gained.mean()) / part.task.practical_difference)
        assert line.interval is not None
        assert line.pair is not None
        assert line.interval.mean == pytest.approx(float(np.mean(means)))
        assert line.pair.p == wilcoxon(means).p
        assert line.interval.low <= line.interval.mean <= line.interval.high
    ranks = [line.rank for line in result.across.lines if line.rank is not None]
    assert sum(ranks) == pytest.approx(1 + 2 + 3)


def test_the_best_rank_is_tried_without_each_task() -> None:
    steady = many([{"gelu": 2.0, "tanh": -1.0}] * 4)
    assert steady.across is not None
    assert steady.across.robustness is not None
    assert steady.across.robustness.survives
    shaky = many([{"gelu": 5, "tanh": -3}, {"gelu": 5, "tanh": 3}, {"gelu": -3, "tanh": 3}])
    assert shaky.across is not None
    assert shaky.across.robustness is not None
    assert shaky.across.robustness.breakers == ("task0", "task1")


def test_two_tasks_have_no_chances_and_no_jack_knife() -> None:
    across = many([{"gelu": 1.0}] * 2).across
    assert across is not None
    assert across.robustness is None
    assert across.lines[2].chances is None


@pytest.mark.parametrize("name", ["task", "table", "analysis", "outcome"])
def test_what_belongs_to_one_task_is_asked_of_that_task(name: str) -> None:
    result = many([{"gelu": 1.0}] * 2)
    with pytest.raises(ActlasError, match=r"2 tasks .*result\.on"):
        getattr(result, name)
    assert getattr(result.on(result.plan.tasks[1]), name) is getattr(result.parts[1], name)
    with pytest.raises(ActlasError, match="no task 'other'"):
        result.on("other")


# ---------------------------------------------------------------- from end to end


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A study of two tasks that is really trained."""
    out = tmp_path_factory.mktemp("tasks")
    return compare(
        task=TASKS, activations="relu,tanh", seeds=2, budget=1, epochs=1, out=out, workers=1
    )


def test_each_task_is_judged_as_if_it_were_alone(trained: Result, tmp_path: Path) -> None:
    alone = compare(
        task=TASKS[1], activations="relu,tanh", seeds=2, budget=1, epochs=1, out=tmp_path, workers=1
    )
    assert alone.analysis == trained.parts[1].analysis
    assert alone.plan == trained.parts[1].plan
    assert [r.spec.key for r in alone.records] == [r.spec.key for r in trained.parts[1].records]


def test_the_folder_of_several_tasks_is_read_and_counted(trained: Result) -> None:
    folder = trained.report_path.parent
    before = trained.report_path.read_text(encoding="utf-8")
    with existing(folder) as store:
        assert stored_plan(store) == trained.plan
        counts = progress_of(store)
    assert (counts[Phase.CONFIRMATION].finished, counts[Phase.CONFIRMATION].planned) == (12, 12)
    again = read_result(folder)
    assert again.verdicts == trained.verdicts
    assert again.across == trained.across
    assert trained.report_path.read_text(encoding="utf-8") == before


def test_a_task_under_two_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ActlasError, match="named twice"):
        compare(task="mnist,mnist-mlp", activations="relu,tanh", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
