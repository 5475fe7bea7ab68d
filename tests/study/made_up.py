"""Results of studies that were never run: the scores are given, nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from actlas.study import Plan, Result, Task, TaskResult, make_plan
from actlas.study.arms import Arm, make_arms
from actlas.study.experiment import Outcome
from actlas.study.recipes import Part
from actlas.study.result import make_result, part_result
from actlas.study.training import Phase, Record, RunSpec
from actlas.study.tuning import select
from tests.study import tiny_tasks

GRID = (0.03, 0.1, 0.3)
MACHINE = {"processor": "P", "cores": "2", "system": "S", "python": "3", "torch": "2", "numpy": "2"}


@dataclass(frozen=True)
class Planted:
    """What is planted on one task: the mean gain of each function, in practical differences.

    `more` is what a recipe adds, by one of its values: {"adamw": {"gelu": -2.0}}.
    """

    task: Task
    gains: Mapping[str, float]
    noise: float = 0.2
    seconds: float = 1.0
    more: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def study(*planted: Planted, seeds: int = 10, **fields: Any) -> Result:
    """Return the result of a study with the planted gains over ReLU."""
    plan = make_plan(
        {
            "task": [f"{tiny_tasks.__name__}:{one.task.name}-{i}" for i, one in enumerate(planted)],
            "activations": list(planted[0].gains),
            "seeds": seeds,
            "epochs": 3,
            **fields,
        }
    )
    by_task = dict(zip(plan.tasks, planted, strict=True))
    parts = tuple(
        _part(part, plan.on(part.name).resolved(one.task), one)
        for part, one in ((part, by_task[part.task]) for part in plan.parts)
    )
    frozen = plan.frozen([part.plan for part in parts])
    return make_result(frozen, parts, Path("report.html"), ())


def _part(part: Part, plan: Plan, planted: Planted) -> TaskResult:
    more = [planted.more.get(value, {}) for value in part.recipe.values()]
    gains = {
        name: gain + sum(own.get(name, 0.0) for own in more) for name, gain in planted.gains.items()
    }
    planted = replace(planted, gains=gains)
    arms = make_arms(plan.activations, plan.reference)
    recipe = "".join(part.recipe.values()).encode()
    found = {
        arm.label: _records(plan, arm, planted, (index, *planted.task.name.encode(), *recipe))
        for index, arm in enumerate(arms)
    }
    tunings = {label: select(search, planted.task.metric) for label, (search, _) in found.items()}
    outcome = Outcome(
        tunings,
        {label: search for label, (search, _) in found.items()},
        {label: runs for label, (_, runs) in found.items()},
    )
    return part_result(part, plan, planted.task, arms, outcome)


def _records(
    plan: Plan, arm: Arm, planted: Planted, entropy: tuple[int, ...]
) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
    """Return the runs of an arm: the search, then the confirmation with the planted scores."""
    step = planted.task.metric.sign * planted.task.practical_difference
    draws = np.random.default_rng(entropy)
    gain = 0.0 if arm.twin else planted.gains.get(arm.name, 0.0)
    scores = 50.0 + step * (gain + planted.noise * draws.normal(size=len(plan.seeds)))
    search = tuple(
        _record(plan, arm, Phase.TUNING, rate, seed, 50.0 - 10.0 * abs(np.log10(rate / 0.1)))
        for rate in GRID
        for seed in plan.tuning_seeds
    )
    runs = tuple(
        replace(
            _record(plan, arm, Phase.CONFIRMATION, 0.1, seed, score),
            test=float(score),
            step_seconds=planted.seconds * (1.0 + 0.1 * entropy[0]),
        )
        for seed, score in zip(plan.seeds, scores, strict=True)
    )
    return search, runs


def _record(plan: Plan, arm: Arm, phase: Phase, rate: float, seed: int, score: float) -> Record:
    assert plan.optimizer is not None
    assert plan.weight_decay is not None
    assert plan.epochs is not None
    assert plan.batch_size is not None
    spec = RunSpec(
        task=plan.task, activation=arm.name, parameters=arm.parameters, formula=arm.formula,
        optimizer=plan.optimizer, learning_rate=rate, weight_decay=plan.weight_decay,
        gradient_clip=1.0, epochs=plan.epochs, batch_size=plan.batch_size, phase=phase, seed=seed,
        twin=arm.twin, code="made-up",
    )  # fmt: skip
    curve = tuple(float(score) - k for k in range(plan.epochs - 1, -1, -1))
    return Record(
        spec=spec, validation=float(score), test=None, best_epoch=plan.epochs - 1,
        validation_curve=curve, loss_curve=(1.0,) * plan.epochs, diverged=False, gain=1.0,
        learned={}, seconds=1.0, machine=MACHINE,
    )  # fmt: skip
