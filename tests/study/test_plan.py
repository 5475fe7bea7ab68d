"""Plans and arms: what is wrong is said in one sentence, before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actlas.errors import ActlasError
from actlas.study import Plan, find_task, make_plan, read_plan, split_activations, task_names
from actlas.study.arms import make_arm, make_arms, parse_activation
from actlas.study.tasks import Metric
from tests.study.refusals import refused


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seeds": []}, "seeds must hold at least 2, got 0"),
        ({"seeds": 0}, "seeds must hold at least 2, got 0"),
        ({"seeds": 1}, "seeds must hold at least 2, got 1"),
        ({"seeds": -3}, "seeds = -3 is not allowed"),
        ({"seeds": [1, 1]}, "each value may be given once"),
        ({"seeds": "many"}, "seeds = 'many' is not allowed"),
        ({"tuning_seeds": []}, "tuning_seeds must hold at least 1, got 0"),
        ({"optimizer": "adma"}, "allowed: sgd, adam, adamw. Did you mean 'adam' or 'adamw'?"),
        ({"budget": 0}, "budget = 0 is not allowed"),
        ({"epochs": 0}, "epochs = 0 is not allowed"),
        ({"practical_difference": float("nan")}, "practical_difference = nan is not allowed"),
        ({"learning_rates": [0.1, -1.0]}, "is not allowed: input should be greater than 0"),
        ({"learning_rates": [0.1, 0.2], "budget": 1}, "holds 2 rates, the budget is 1"),
        ({"activatons": ["relu"]}, "unknown key 'activatons'"),
    ],
)
def test_wrong_plans(fields: dict[str, Any], message: str) -> None:
    with refused(message):
        make_plan(fields)


def test_a_study_file(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text('task = "mnist"\nseeds = 4\nactivations = ["gelu"]\n')
    assert read_plan(path) == Plan(task="mnist", seeds=(0, 1, 2, 3), activations=("gelu",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sedes = 3", "Did you mean 'seeds'"),
        ("seeds = [", "is not TOML"),
        ("budget = 'x'", "budget = 'x' is not allowed"),
    ],
)
def test_wrong_study_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "study.toml"
    path.write_text(text)
    with pytest.raises(ActlasError, match=r"study\.toml") as caught:
        read_plan(path)
    assert message in str(caught.value)


def test_a_missing_study_file(tmp_path: Path) -> None:
    with pytest.raises(ActlasError, match="cannot read the study file"):
        read_plan(tmp_path / "none.toml")


def test_the_task_fills_in_what_was_left_open() -> None:
    plan = Plan(epochs=3).resolved(find_task("digits"))
    assert (plan.epochs, plan.batch_size, plan.practical_difference) == (3, 64, 0.5)
    assert plan.weight_decay == 5e-4


def test_a_small_table_tests_its_last_epoch_unless_told_otherwise() -> None:
    iris = find_task("tabular-iris")
    plan = Plan(task="tabular-iris").resolved(iris)
    assert (plan.selection, plan.weight_decay) == ("last epoch", 0.02)
    assert Plan(optimizer="adam").resolved(iris).weight_decay == 0.0
    assert Plan(selection="best epoch", weight_decay=0.1).resolved(iris).selection == "best epoch"
    assert Plan().resolved(find_task("digits")).selection == "best epoch"
    last = {"selection": "last epoch"}
    several = make_plan({"task": "digits,mnist", "for_task": {"digits": last}})
    assert several.on("digits").selection == "last epoch"


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("relu", ("relu", {})),
        ("leaky_relu(negative_slope=0.2)", ("leaky_relu", {"negative_slope": 0.2})),
        ("f(a=(1, 2), b=-3e-1, kind='x')", ("f", {"a": (1, 2), "b": -0.3, "kind": "x"})),
    ],
)
def test_parameters_are_read(text: str, parsed: tuple[str, dict[str, Any]]) -> None:
    assert parse_activation(text) == parsed


@pytest.mark.parametrize(
    "text", ["relu(", "relu(0.2)", "relu(a=__import__('os'))", "relu(a=1) + f(b=2)", "relu(**x)"]
)
def test_other_text_is_refused_and_never_run(text: str) -> None:
    with pytest.raises(ActlasError, match="cannot read the activation"):
        parse_activation(text)


def test_lists_keep_commas_in_brackets() -> None:
    assert split_activations("relu, f(a=(1,2), b=3) ,tanh,") == ("relu", "f(a=(1,2), b=3)", "tanh")


def test_unknown_activations_and_parameters_name_the_nearest() -> None:
    with pytest.raises(ActlasError, match="leaky_relu"):
        make_arm("leaky_rleu")
    with pytest.raises(ActlasError, match="negative_slope"):
        make_arm("leaky_relu(negative_slop=0.2)")


def test_the_reference_comes_first_with_its_twin() -> None:
    labels = [
        arm.label for arm in make_arms(["tanh", "relu", "leaky_relu(negative_slope=0.2)"], "relu")
    ]
    assert labels == ["relu", "relu (A/A)", "tanh", "leaky_relu(negative_slope=0.2)"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["relu"], "at least one activation"),
        ([], "at least one"),
        (["tanh", "Tanh"], "given twice"),
        (["leaky_relu", "leaky_relu(negative_slope=0.01)"], "given twice"),
    ],
)
def test_arms_that_compare_nothing(names: list[str], message: str) -> None:
    with pytest.raises(ActlasError, match=message):
        make_arms(names, "relu")


def test_the_reference_by_another_name_is_no_further_function() -> None:
    named = ["leaky_relu(negative_slope=0.01)", "tanh"]
    assert [arm.label for arm in make_arms(named, "leaky_relu")][2:] == ["tanh"]


@pytest.mark.parametrize("worst", [float("nan"), float("-inf")])
def test_the_worst_score_is_finite(worst: float) -> None:
    with pytest.raises(ActlasError, match="worst score of loss must be finite"):
        Metric("loss", "nats", lambda *_: 0.0, worst)


def test_unknown_tasks_name_the_nearest() -> None:
    with pytest.raises(ActlasError, match="Did you mean 'digits'"):
        find_task("digit")


def test_every_image_set_comes_with_both_networks() -> None:
    for name in ("mnist", "fashion-mnist", "cifar-10"):
        assert {name, f"{name}-mlp", f"{name}-cnn"} <= set(task_names())
        assert find_task(name) is find_task(f"{name}-mlp")


def test_own_tasks_are_found_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_things.py").write_text(
        "from actlas.study import find_task\ntask = find_task('digits')\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere"])
    assert find_task("own_things:task").name == "digits"
    with pytest.raises(ActlasError, match="Did you mean 'task'"):
        find_task("own_things:tsk")
    with pytest.raises(ActlasError, match="cannot be imported"):
        find_task("no_such_things:task")
