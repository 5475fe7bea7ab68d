"""What published studies do otherwise: start weights, schedules, which epoch, fresh optimisers."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.init import gain
from actlas.study import Data, Plan, Task, find_task
from actlas.study.training import Recipe, Record, RunSpec, train
from actlas.study.training.initialisation import Standardised, build, initialise_
from actlas.study.training.optimizers import schedule
from actlas.study.training.stacked import train_stacked

MakeSpec = Callable[..., RunSpec]


def linears(task: Task, data: Data, activation: str, **recipe: Any) -> list[nn.Linear]:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = build(task.network, activation, {})
    initialise_(model, data.train.inputs[:2], gain(activation), "any", **recipe)
    return [module for module in model.network if isinstance(module, nn.Linear)]


def test_the_plan_and_the_recipe_have_the_same_defaults() -> None:
    plan = Plan().resolved(find_task("digits"))
    for field in fields(Recipe):
        assert getattr(plan, field.name) == field.default, field.name


def test_a_recipe_at_its_defaults_does_not_change_the_key(make_spec: MakeSpec) -> None:
    """Runs that were stored before there were recipes and devices keep their keys."""
    spec = make_spec()
    quiet = {*Recipe.__dataclass_fields__, "device", "splits"}
    told = {name: value for name, value in asdict(spec).items() if name not in quiet}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    assert spec.key == digest[:20]
    assert len({spec.key, make_spec(momentum=0.8).key, make_spec(device="cuda").key}) == 3


def test_relus_gain_for_every_function(digits: Task, digits_data: Data) -> None:
    relu = linears(digits, digits_data, "relu")
    silu = linears(digits, digits_data, "silu", scheme="relu gain")
    own = linears(digits, digits_data, "silu")
    for one, other, third in zip(relu, silu, own, strict=True):
        assert torch.equal(one.weight, other.weight)
        last = third is own[-1]
        assert torch.allclose(one.weight, third.weight) is not last


def test_xavier_draws_have_the_right_bounds(digits: Task, digits_data: Data) -> None:
    for layer in linears(digits, digits_data, "telu", scheme="xavier"):
        bound = math.sqrt(2) * math.sqrt(6 / sum(layer.weight.shape))
        assert 0.97 * bound < layer.weight.abs().max().item() <= bound
        assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.06)


def test_the_frameworks_own_weights_stay(digits: Task, digits_data: Data) -> None:
    one, other = (linears(digits, digits_data, f, scheme="framework") for f in ("relu", "silu"))
    for first, second in zip(one, other, strict=True):
        assert torch.equal(first.weight, second.weight)
        assert torch.equal(first.bias, second.bias)
        assert first.bias.abs().max() > 0


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "exp_sin", "prelu"])
def test_standardised_functions_have_mean_zero_and_variance_one(
    digits: Task, digits_data: Data, activation: str
) -> None:
    """Measured at a million evenly spread quantiles of the normal distribution."""
    model = build(digits.network, activation, {}, "standardised")
    places = (torch.arange(1_000_000, dtype=torch.float64) + 0.5) / 1_000_000
    function = next(module for module in model.network if isinstance(module, Standardised))
    y = function.double()(torch.special.ndtri(places))
    assert y.mean().item() == pytest.approx(0.0, abs=1e-4)
    assert y.var().item() == pytest.approx(1.0, abs=1e-4)
    one = linears(digits, digits_data, activation, scheme="standardised")
    other = linears(digits, digits_data, "identity")
    assert all(torch.equal(a.weight, b.weight) for a, b in zip(one, other, strict=True))


def test_a_standardised_function_learns_under_its_own_name(
    digits: Task, digits_data: Data, make_spec: MakeSpec
) -> None:
    spec = make_spec("prelu", initialisation="standardised", weight_decay=0.1)
    record = train(spec, digits, digits_data)
    assert list(record.learned) == list(train(make_spec("prelu"), digits, digits_data).learned)
    together = train_stacked([spec, replace(spec, seed=1)], digits, digits_data)
    assert together[0].loss_curve == pytest.approx(record.loss_curve, rel=1e-3)


def test_identity_is_standardised_as_it_is(
    digits: Task, digits_data: Data, make_spec: MakeSpec
) -> None:
    """Of every affine function one shape is left, so the runs are the same."""
    plain = make_spec("identity", initialisation="standardised")
    bent = make_spec("leaky_relu", parameters=(("negative_slope", 1.0),),
                     initialisation="standardised")  # fmt: skip
    one, other = (train(spec, digits, digits_data).loss_curve for spec in (plain, bent))
    assert other == pytest.approx(one, rel=1e-4)


@pytest.mark.parametrize("scheme", ["own gain", "framework"])
def test_biases_start_where_they_are_put(digits: Task, digits_data: Data, scheme: str) -> None:
    for layer in linears(digits, digits_data, "relu", scheme=scheme, bias=-20.0):
        assert torch.equal(layer.bias, torch.full_like(layer.bias, -20.0))


def test_an_unknown_scheme_is_refused(digits: Task, digits_data: Data) -> None:
    with pytest.raises(ActlasError, match="Did you mean 'xavier'"):
        linears(digits, digits_data, "relu", scheme="xavierr")


def test_schedules_end_where_they_should() -> None:
    places = (0.0, 0.25, 0.35, 0.65, 0.9, 1.0)
    assert [schedule(p, "constant", 0.0) for p in places] == [1.0] * 6
    found = [schedule(p, "steps", 0.0) for p in places]
    assert found == pytest.approx([1, 1, 0.2, 0.04, 0.008, 0.008])
    assert schedule(0.05, "constant", 0.1) == pytest.approx(0.5)


def curves(record: Record) -> tuple[object, ...]:
    return record.loss_curve, record.validation_curve


@pytest.mark.parametrize(
    "change",
    [
        {"momentum": 0.0}, {"schedule": "constant"}, {"warm_up": 0.0}, {"start_bias": -1.0},
        {"initialisation": "framework"}, {"fresh_optimizer": True}, {"gradient_clip": 0.0},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_every_part_of_a_recipe_reaches_the_run(
    digits: Task, digits_data: Data, make_spec: MakeSpec, change: dict[str, Any]
) -> None:
    plain = make_spec(gradient_clip=0.5)
    one, other = (train(s, digits, digits_data) for s in (plain, replace(plain, **change)))
    assert curves(one) != curves(other)


def test_momentum_is_the_first_beta_of_adam(
    digits: Task, digits_data: Data, make_spec: MakeSpec
) -> None:
    specs = [make_spec(optimizer="adam", learning_rate=0.01, momentum=m) for m in (0.9, 0.5)]
    assert curves(train(specs[0], digits, digits_data)) != curves(
        train(specs[1], digits, digits_data)
    )


def test_the_last_epoch_is_tested_where_the_plan_says_so(
    digits: Task, digits_data: Data, make_spec: MakeSpec
) -> None:
    """A scripted metric: validation 10, 30, 20, and the weights that each call sees."""
    script = iter((10.0, 30.0, 20.0, 77.0))
    seen: list[Tensor] = []

    def score(outputs: Tensor, targets: Tensor) -> float:
        seen.append(outputs)
        return next(script)

    task = replace(digits, metric=replace(digits.metric, score=score))
    data = replace(digits_data, test=digits_data.validation)
    record = train(make_spec(epochs=3, selection="last epoch"), task, data)
    assert (record.best_epoch, record.validation, record.test) == (2, 20.0, 77.0)
    assert torch.equal(seen[3], seen[2])
