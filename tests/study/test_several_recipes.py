"""Studies of several recipes: the plan, what recipes change, and a true one from end to end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actlas.errors import ActlasError
from actlas.study import Plan, Result, Verdict, compare, find_task, make_plan, run_plan
from actlas.study.folder import existing, progress_of, read_result, stored_plan
from actlas.study.interaction import Interaction, compare_recipes
from actlas.study.report import figures
from actlas.study.report.details import departures, entries
from actlas.study.report.limits import caveats
from actlas.study.statistics import rank_correlation, wilcoxon
from actlas.study.study_file import changed, plan_from_text, plan_text, schema
from actlas.study.training import Phase
from tests.study.made_up import Planted, study
from tests.study.refusals import refused
from tests.study.tiny_tasks import bumps, signs

TASKS = tuple(f"tests.study.tiny_tasks:{name}" for name in ("signs", "bumps"))
BOTH: dict[str, Any] = {"optimizer": "sgd,adamw"}
SQUARE: dict[str, Any] = {**BOTH, "initialisation": "own gain,framework"}


def names(plan: Plan) -> list[str]:
    return [part.name for part in plan.parts]


# ---------------------------------------------------------------- the plan


@pytest.mark.parametrize("given", [["sgd", "adamw"], "sgd, adamw", ("sgd", "adamw")])
def test_every_task_is_crossed_with_the_recipes(given: Any) -> None:
    plan = make_plan({"task": "digits,mnist", "optimizer": given})
    assert names(plan) == ["digits@sgd", "digits@adamw", "mnist@sgd", "mnist@adamw"]
    assert [plan.on(name).optimizer for name in names(plan)] == ["sgd", "adamw"] * 2
    assert {plan.on(name).task for name in names(plan)} == {"digits", "mnist"}


def test_all_combinations_are_parts() -> None:
    plan = make_plan({**SQUARE, "schedule": "cosine,constant"})
    assert len(set(names(plan))) == 8
    one = plan.on("digits@adamw@framework@constant")
    assert (one.optimizer, one.initialisation, one.schedule) == ("adamw", "framework", "constant")


@pytest.mark.parametrize("fields", [{}, {"optimizer": "adamw"}, {"optimizer": ["adamw"]}], ids=str)
def test_one_recipe_leaves_the_names_alone(fields: dict[str, Any]) -> None:
    plan = make_plan(fields)
    assert names(plan) == ["digits"]
    assert plan.on("digits").optimizer == ("adamw" if fields else None)


def test_a_task_may_have_one_optimizer_of_its_own_among_several() -> None:
    fields = {"task": "digits,mnist", **BOTH, "for_task": {"mnist": {"optimizer": "adam"}}}
    assert names(make_plan(fields)) == ["digits@sgd", "digits@adamw", "mnist"]


def test_values_of_a_part_go_before_those_of_its_task() -> None:
    settings = ["for_task.digits.epochs=7", "for_task.digits@adamw.epochs=9"]
    plan = changed(Plan(optimizer="sgd,adamw"), settings)
    assert [plan.on(name).epochs for name in names(plan)] == [7, 9]


@pytest.mark.parametrize(
    ("setting", "name", "value"),
    [
        ("optimizer=sgd,adamw", "optimizer", "sgd,adamw"),
        ('optimizer=["sgd", "adamw"]', "optimizer", "sgd,adamw"),
        ("initialisation=own gain,framework", "initialisation", "own gain,framework"),
        ("schedule=cosine, steps", "schedule", "cosine,steps"),
        ("length=0.25,1", "length", "0.25,1"),
        ("length=[0.25, 1.0]", "length", "0.25,1"),
        ("length=0.5", "length", "0.5"),
    ],
)
def test_several_on_the_command_line(setting: str, name: str, value: str) -> None:
    assert getattr(changed(Plan(), [setting]), name) == value


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"optimizer": "sgd,adma"}, "allowed: sgd, adam, adamw. Did you mean"),
        ({"optimizer": "sgd,sgd"}, "name at least one optimizer, and each of them once"),
        ({"schedule": []}, "name at least one schedule"),
        ({"length": [0.5, 2]}, "a part of the epochs, above 0 and at most 1"),
        ({"length": "0.5,half"}, "a part of the epochs"),
        ({"length": 0}, "a part of the epochs"),
        ({"length": True}, "length = [True] is not allowed"),
        ({"initialisation": ["own gain", 3]}, "initialisation = ['own gain', 3] is not allowed"),
        ({"for_task": {"digits": {"optimizer": "sgd,adamw"}}}, "for_task.digits.optimizer"),
        ({**BOTH, "for_task": {"digits@adam": {}}}, "Did you mean 'digits@adamw'"),
        ({**BOTH, "for_task": {"digits@sgd": {"optimizer": "adam"}}}, "cannot set optimizer"),
        ({**BOTH, "for_task": {"digits@sgd": {"practical_difference": 1}}}, "cannot set practical"),
        ({"task": "digits,mnist", "for_task": {"digits@sgd": {}}}, "the tasks are digits, mnist."),
    ],
    ids=str,
)
def test_wrong_recipes_are_one_sentence(fields: dict[str, Any], message: str) -> None:
    with refused(message):
        make_plan(fields)


PROGRAM: dict[str, Any] = {
    "metric": "json:score", "learning_rates": [0.1], "practical_difference": 1.0,
}  # fmt: skip


def test_a_program_is_crossed_with_what_it_takes() -> None:
    call = {**PROGRAM, "command": "train {activation} {seed} {lr} {optimizer}"}
    assert [plan.optimizer for plan in each(make_plan({**call, **BOTH}))] == ["sgd", "adamw"]
    with pytest.raises(ActlasError, match="several values of initialisation, and the command none"):
        make_plan({**call, **SQUARE})
    with pytest.raises(ActlasError, match="several values of optimizer, and the command none"):
        make_plan({**PROGRAM, **BOTH, "command": "train {activation} {seed} {lr}"})


def test_a_shorter_training_has_fewer_epochs_and_a_search_of_its_own(tmp_path: Path) -> None:
    """And where it ranks the functions otherwise, the report says how far the orders agree."""
    fields = {"task": TASKS[0], "activations": "tanh,gelu", "seeds": 2, "budget": 1, "epochs": 4}
    plan = make_plan({**fields, "length": [0.25, 1]})
    assert [part.name.partition("@")[2] for part in plan.parts] == ["0.25", "1"]
    result = run_plan(plan, out=tmp_path, workers=1)
    short, full = result.parts
    assert {record.spec.epochs for record in short.records} == {1}
    assert {record.spec.epochs for record in full.records} == {4}
    assert result.interaction is not None
    scores = [[row.score.mean for row in part.table if not row.arm.twin] for part in result.parts]
    tau = rank_correlation(*scores)
    assert f"Kendall's tau {tau:+.2f} (1 and 0.25)" in result.interaction.remarks[0]
    with existing(tmp_path) as store:
        counts = progress_of(store)
    assert counts[Phase.CONFIRMATION].finished == counts[Phase.CONFIRMATION].planned == 16
    assert read_result(tmp_path).interaction == result.interaction
    call = {**PROGRAM, "command": "train {activation} {seed} {lr} {epochs}", "epochs": 8}
    assert [one.trained_epochs for one in each(make_plan({**call, "length": "0.5,1"}))] == [4, 8]


def each(plan: Plan) -> list[Plan]:
    return [plan.on(name) for name in names(plan)]


@pytest.mark.parametrize(
    "fields",
    [
        BOTH,
        {**SQUARE, "task": "digits,mnist"},
        {"task": "digits,mnist", "schedule": "cosine,constant", "optimizer": "adam"},
        {"task": "digits,mnist", **BOTH, "for_task": {"mnist": {"optimizer": "adam", "epochs": 2}}},
        {**BOTH, "for_task": {"digits": {"epochs": 3}, "digits@sgd": {"weight_decay": 0.1}}},
        {**BOTH, "task": "digits,mnist", "for_task": {"mnist@sgd": {"network": "mlp"}}},
    ],
    ids=str,
)
def test_a_frozen_plan_says_for_every_part_what_its_own_plan_says(fields: dict[str, Any]) -> None:
    plan = make_plan(fields)
    own = [plan.on(part.name).resolved(find_task(part.task)) for part in plan.parts]
    frozen = plan_from_text(plan_text(plan.frozen(own)))
    assert frozen.parts == plan.parts
    assert each(frozen) == own


def test_the_schema_takes_one_or_several() -> None:
    found = schema()["properties"]
    for name, kinds in {"optimizer": {"string", "array", "null"}, "schedule": {"string", "array"},
                        "initialisation": {"string", "array"}}.items():  # fmt: skip
        assert {entry["type"] for entry in found[name]["anyOf"]} == kinds


# ---------------------------------------------------------------- what recipes change

GAINS = {"gelu": 2.0, "tanh": 0.0, "silu": -3.0}


def crossed(*more: dict[str, float], **fields: Any) -> Interaction:
    """Return what the recipes of one task change, with gains that adamw and framework add."""
    planted = Planted(signs, GAINS, more=dict(zip(("adamw", "framework"), more, strict=False)))
    found = study(planted, **{**BOTH, **fields}).interaction
    assert found is not None
    return found


def test_one_task_under_two_recipes_is_answered_recipe_by_recipe() -> None:
    planted = Planted(signs, GAINS, more={"adamw": {"gelu": -4.0}})
    result = study(planted, **BOTH)
    assert result.across is None
    assert result.headline == (
        "Compared with ReLU on signs: GELU is better with sgd, worse with adamw; SiLU is worse "
        "with both; Tanh is practically the same with both."
    )
    assert result.verdicts == {
        "gelu": Verdict.OPEN, "tanh": Verdict.SAME, "silu": Verdict.WORSE,
    }  # fmt: skip
    assert result.interaction is not None
    assert result.interaction.remarks == (
        "On signs the verdict on GELU is not the same under all recipes, on Tanh and SiLU it is. "
        "That a recipe changes what a function gains is shown for GELU. The orders of the "
        "functions agree with Kendall's tau +0.33 (adamw and sgd).",  # GELU passes two of six
    )
    assert "sign of a product with adamw" in result.parts[1].headline


def test_a_change_is_found_where_it_is_planted() -> None:
    found = crossed({"gelu": -4.0, "silu": 2.0}).changes
    readings = {change.arm.label: change.reading for change in found}
    assert readings == {
        "relu (A/A)": "noise floor", "gelu": "gains less", "tanh": "no practical change",
        "silu": "gains more",
    }  # fmt: skip
    assert {change.recipe for change in found} == {"adamw instead of sgd"}


def test_nothing_planted_changes_nothing() -> None:
    found = crossed()
    assert {change.verdict for change in found.changes} == {None, Verdict.SAME}
    (remark,) = found.remarks
    assert remark == (
        "On signs the verdict on every function is the same under all recipes. That a recipe "
        "changes what a function gains is shown for none. The orders of the functions agree with "
        "Kendall's tau +1.00 (adamw and sgd)."
    )


def test_a_verdict_that_differs_is_no_change_that_is_shown() -> None:
    sgd, adamw = study(Planted(signs, {"gelu": 0.0}), **BOTH).parts
    row = replace(adamw.table[2], verdict=Verdict.OPEN)
    rows = (*adamw.table[:2], row)
    found = compare_recipes((sgd, replace(adamw, analysis=replace(adamw.analysis, rows=rows))))
    assert found is not None
    assert found.verdicts == {"gelu": Verdict.OPEN}
    assert found.remarks == (
        "On signs the verdict on GELU is not the same under all recipes. That a recipe changes "
        "what a function gains is shown for none.",
    )


@pytest.mark.parametrize("task", [signs, bumps], ids=["points", "an error"])
def test_the_change_is_the_difference_of_paired_differences(task: Any) -> None:
    result = study(Planted(task, GAINS, more={"adamw": {"gelu": 1.0}}), design="fixed", **BOTH)
    assert result.interaction is not None
    sgd, adamw = result.parts
    for place, change in enumerate(result.interaction.changes, start=1):
        values = [
            np.subtract(part.table[place].scores, part.table[0].scores) for part in (sgd, adamw)
        ]
        wanted = task.metric.sign * (values[1] - values[0])
        assert change.interval.mean == pytest.approx(float(np.mean(wanted)))
        assert change.interval.level == pytest.approx(1 - 0.05 / 3)  # three functions
        assert change.interval.low < change.interval.mean < change.interval.high


def test_of_two_keys_each_change_is_the_mean_over_the_other() -> None:
    found = crossed({"gelu": -4.0}, {"tanh": 6.0}, **SQUARE).changes
    sizes = {(change.recipe, change.arm.label): change.interval.mean for change in found}
    adamw, framework = "adamw instead of sgd", "framework instead of own gain"
    assert sizes[adamw, "gelu"] == pytest.approx(-4.0, abs=0.4)
    assert sizes[adamw, "tanh"] == pytest.approx(0.0, abs=0.4)
    assert sizes[framework, "tanh"] == pytest.approx(6.0, abs=0.4)
    assert sizes[framework, "gelu"] == pytest.approx(0.0, abs=0.4)
    assert {round(change.interval.level, 6) for change in found} == {round(1 - 0.05 / 6, 6)}


def test_arms_that_stopped_at_different_seeds_are_paired_on_those_they_share() -> None:
    """As in an adaptive study, where one recipe decides sooner than another."""
    result = study(Planted(signs, {"tanh": 3.0}, noise=1.0), seeds=5, design="fixed", **BOTH)
    sgd = result.parts[0]
    row = sgd.table[2]
    assert row.difference is not None
    shorter = replace(row, difference=replace(row.difference, values=row.difference.values[:3]))
    rows = (*sgd.table[:2], shorter)
    cut = replace(sgd, analysis=replace(sgd.analysis, rows=rows))
    found = compare_recipes((cut, result.parts[1]))
    other = result.parts[1].table[2].difference
    assert found is not None
    assert other is not None
    wanted = np.subtract(other.values[:3], row.difference.values[:3])
    assert found.changes[1].interval.mean == pytest.approx(float(wanted.mean()))


# ---------------------------------------------------------------- over tasks


def many(tasks: int, more: float = 0.0) -> Result:
    planted = [
        Planted(replace((signs, bumps)[i % 2], name=f"task{i}", title=f"task{i}"),
                {"gelu": 2.0 + 0.1 * i}, more={"adamw": {"gelu": more}})
        for i in range(tasks)
    ]  # fmt: skip
    return study(*planted, **BOTH)


def test_a_task_under_two_recipes_counts_once() -> None:
    """Six tasks could pass the corrected test; three under two recipes each cannot."""
    result = many(3)
    assert result.across is not None
    line = result.across.lines[2]
    assert result.across.tasks == ("task0", "task1", "task2")
    assert result.across.needed == 6
    assert not result.across.enough_tasks
    assert line.reason == "3 tasks cannot pass the corrected test, 6 could"
    assert many(6).verdicts == {"gelu": Verdict.BETTER}


def test_the_value_of_a_task_is_the_mean_over_its_recipes_seed_by_seed() -> None:
    result = many(4, more=-1.0)
    assert result.across is not None
    line = result.across.lines[2]
    means = []
    for one, other in zip(result.parts[::2], result.parts[1::2], strict=True):
        values = []
        for part in (one, other):
            gained = np.subtract(part.table[2].scores, part.table[0].scores)
            values.append(part.task.metric.sign * gained / part.task.practical_difference)
        means.append(np.mean(values, axis=0))
    assert np.allclose(line.gains, means)
    assert line.interval is not None
    assert line.pair is not None
    assert line.interval.mean == pytest.approx(float(np.mean(means)))
    assert line.pair.p == wilcoxon([float(np.mean(own)) for own in means]).p
    assert line.pair.wins == 4


def test_recipes_that_disagree_leave_it_open() -> None:
    result = many(6, more=-5.0)
    assert result.across is not None
    assert result.across.lines[2].reason == "the tasks or recipes disagree"


# ---------------------------------------------------------------- what is said


def test_the_limits_follow_what_was_run() -> None:
    one = caveats(study(Planted(signs, GAINS)))
    order = "another may give another order."
    assert f"One network, one optimiser (sgd) and one schedule: {order}" in one
    assert any("with a framework's default start" in text for text in one)
    square = study(Planted(signs, GAINS), **SQUARE, schedule="cosine,constant")
    said = caveats(square)
    assert f"One network, 2 optimisers (adamw and sgd) and 2 schedules: {order}" in said
    assert not any("default start" in text for text in said)
    assert any(text.startswith("Recipes on the same data are not further tasks") for text in said)
    assert len(said) == len(set(said))
    two = caveats(study(Planted(signs, GAINS), initialisation="own gain,xavier"))
    assert any("drawn by own gain and xavier; with a framework" in text for text in two)


def test_the_protocol_with_a_second_start_is_no_departure() -> None:
    assert departures(study(Planted(signs, GAINS), **SQUARE)) == []
    other = study(Planted(signs, GAINS), initialisation="relu gain,framework")
    assert departures(other) == ["initialisation = relu gain and framework"]


def test_what_was_run_is_said_for_every_recipe() -> None:
    told = entries(study(Planted(signs, GAINS), **SQUARE))
    one, other = "signs-0@adamw@own gain", "signs-0@adamw@framework"
    task = "tests.study.tiny_tasks"
    assert f"; adamw, weight decay 0.01 ({task}:{one}, {task}:{other})" in told["optimiser"]
    assert f"; framework ({task}:signs-0@sgd@framework, {task}:{other})" in told["start weights"]
    assert "over recipes" in told
    assert "over tasks" not in told


# ---------------------------------------------------------------- from end to end

SMALL: dict[str, Any] = {"activations": "relu,tanh", "seeds": 2, "budget": 1, "epochs": 1}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A study of one task under two optimisers that is really trained."""
    plan = make_plan({"task": TASKS[0], **SMALL, **BOTH})
    return run_plan(plan, out=tmp_path_factory.mktemp("recipes"), workers=1)


def test_the_rates_are_those_of_the_optimizer(trained: Result) -> None:
    rates = [part.table[0].tuning.learning_rate for part in trained.parts]
    assert rates == [signs.learning_rates["sgd"], signs.learning_rates["adamw"]]


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_each_recipe_is_judged_as_if_it_were_alone(
    trained: Result, tmp_path: Path, name: str
) -> None:
    alone = compare(TASKS[0], optimizer=name, out=tmp_path, workers=1, **SMALL)
    part = trained.on(f"{TASKS[0]}@{name}")
    assert alone.only.plan == part.plan
    assert alone.analysis.rows == part.analysis.rows
    assert [one.spec.key for one in alone.records] == [one.spec.key for one in part.records]


def test_a_study_of_one_recipe_finds_its_runs_in_the_store_of_two(
    trained: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = trained.report_path.parent
    with existing(folder) as store:
        before = store.attempts()
    for fields in ({"optimizer": "adamw"}, BOTH):
        run_plan(make_plan({"task": TASKS[0], **SMALL, **fields}), out=folder, workers=1)
    with existing(folder) as store:
        assert store.attempts() == before == len(store) == len(trained.records)


def test_the_folder_of_two_recipes_is_read_and_counted(tmp_path: Path) -> None:
    plan = make_plan({"task": TASKS, **SMALL, **BOTH})
    result = run_plan(plan, out=tmp_path, workers=1)
    before = result.report_path.read_text(encoding="utf-8")
    with existing(tmp_path) as store:
        assert stored_plan(store) == result.plan
        counts = progress_of(store)
    assert (counts[Phase.CONFIRMATION].finished, counts[Phase.CONFIRMATION].planned) == (24, 24)
    again = read_result(tmp_path)
    assert (again.across, again.interaction) == (result.across, result.interaction)
    assert result.report_path.read_text(encoding="utf-8") == before


def test_figures_of_two_recipes_have_names_of_their_own(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = study(Planted(signs, {"gelu": 2.0}), **SQUARE)
    drawn = figures.write_figures(result, tmp_path)
    assert len(drawn) == len(set(drawn)) == 2 * (4 * len(figures.OF_TASK) + 1)
    assert "curves-tests-study-tiny_tasks-signs-0@adamw@own-gain.png" in {p.name for p in drawn}
