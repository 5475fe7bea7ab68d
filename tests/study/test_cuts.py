"""Cuts into training and validation: every example once, one test set, the same for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from actlas.errors import ActlasError
from actlas.study import Data, Split, Task, find_task, make_plan, run_plan
from actlas.study.tasks import built_in_tasks, check_cuts, load_data, recut
from actlas.study.training import RunSpec, train
from actlas.study.training.stacked import train_stacked
from actlas.study.units import Unit, run_unit
from tests.study import tiny_tasks


def rows(*splits: Split) -> list[tuple[float, ...]]:
    """Return examples with their targets, in an order of their own."""
    return sorted(
        (*x.flatten().tolist(), float(y))
        for split in splits
        for x, y in zip(split.inputs, split.targets, strict=True)
    )


def test_every_cut_has_every_example_once(digits_data: Data) -> None:
    data = recut(digits_data, 4)
    cuts = [data.of_seed(seed) for seed in range(4)]
    assert cuts[0].train is digits_data.train
    assert data.of_seed(5) is cuts[1]
    whole = rows(digits_data.train, digits_data.validation)
    for cut in cuts[1:]:
        assert rows(cut.train, cut.validation) == whole
        assert len(cut.train) == len(digits_data.train)
        assert cut.test is digits_data.test
    assert len({tuple(rows(cut.validation)) for cut in cuts}) == 4


def test_cuts_are_the_same_every_time(digits_data: Data) -> None:
    one = recut(digits_data, 2).further[0]
    recut.cache_clear()
    other = recut(digits_data, 2).further[0]
    assert one is not other
    assert torch.equal(one.train.inputs, other.train.inputs)
    assert torch.equal(one.train.targets, other.train.targets)


def test_a_run_trains_on_its_cut(
    digits: Task, digits_data: Data, make_spec: Callable[..., RunSpec]
) -> None:
    spec = make_spec(seed=1, splits=3)
    (found,) = run_unit(Unit((spec,)), None, Path())
    assert found == replace(  # type: ignore[type-var]
        train(spec, digits, recut(digits_data, 3).of_seed(1)),
        seconds=found.seconds, step_seconds=found.step_seconds,  # type: ignore[union-attr]
    )  # fmt: skip
    together = train_stacked([spec, replace(spec, seed=2)], digits, recut(digits_data, 3))
    assert together[0].loss_curve == pytest.approx(found.loss_curve, rel=1e-3)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "message"),
    [("uci-yacht", "splits, which seeds take in turn"),
     ("tiny-shakespeare", "does not say that training and validation examples may change places")],
)  # fmt: skip
def test_what_cannot_be_cut_is_refused(name: str, message: str, digits_data: Data) -> None:
    task = find_task(name)
    data = replace(digits_data, further=(digits_data,) if "uci" in name else ())
    with pytest.raises(ActlasError, match=message):
        check_cuts(task, data, 3)
    check_cuts(task, data, 1)


def test_tasks_with_splits_of_their_own_are_not_cut() -> None:
    """Whatever is embedded and may be cut comes with one split."""
    for task in built_in_tasks():
        if task.exchangeable and not task.folder:
            assert load_data(task.name, None).further == ()


def test_a_study_says_how_many_cuts_it_had(tmp_path: Path) -> None:
    name = f"{tiny_tasks.__name__}:signs"
    plan = {"task": name, "activations": "tanh", "seeds": 2, "budget": 1, "epochs": 1, "splits": 2}
    with pytest.raises(ActlasError, match="may change places"):
        run_plan(make_plan(plan), out=tmp_path, workers=1)
    result = run_plan(make_plan({**plan, "task": "two-moons"}), out=tmp_path, workers=1)
    assert {record.spec.splits for record in result.records} == {2}
    assert "2 cuts into training and validation" in result.report_path.read_text(encoding="utf-8")
    with pytest.raises(ActlasError, match="data of its own"):
        make_plan({"command": "x {activation} {seed} {lr}", "metric": "json:a", "splits": 2,
                   "practical_difference": 1.0, "learning_rates": [0.1]})  # fmt: skip
