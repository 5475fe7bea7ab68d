"""Runs trained as one model: the numbers of each alone, and a reason where that cannot be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from actlas.catalogue import load
from actlas.nn import class_of
from actlas.study import ACCURACY, Data, Split, Task
from actlas.study.training import OPTIMIZERS, Record, RunSpec, layered, stacked, train, ways
from actlas.study.training.layered import layers_of
from actlas.study.training.row_optimizers import RowOptimizer
from actlas.study.training.stacked import train_stacked
from actlas.study.training.stacked_data import join
from actlas.study.training.ways import fastest_way

Factory = Callable[[], nn.Module]
MakeSpec = Callable[..., RunSpec]
RATES = (0.02, 0.1)


def mlp(activation: Factory) -> nn.Module:
    return nn.Sequential(nn.Linear(64, 24), activation(), nn.LayerNorm(24), nn.Linear(24, 10))


def convolutions(activation: Factory) -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 4, 3, padding=1), nn.GroupNorm(2, 4),
        activation(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, stride=2), activation(), nn.Flatten(),
        nn.Linear(6, 10),
    )  # fmt: skip


def normalised(activation: Factory) -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4),
        activation(), nn.Flatten(), nn.Linear(64, 12), nn.BatchNorm1d(12), activation(),
        nn.Linear(12, 10),
    )  # fmt: skip


def perceptron(activation: Factory) -> nn.Module:
    """Return a chain that is multiplied layer by layer, without a transform."""
    return nn.Sequential(
        nn.Flatten(), nn.Sequential(nn.Linear(64, 24), activation()),
        nn.Linear(24, 12, bias=False), activation(), nn.Linear(12, 10),
    )  # fmt: skip


NETWORKS = {"mlp": mlp, "convolutions": convolutions, "batch-norm": normalised,
            "perceptron": perceptron}  # fmt: skip


@pytest.fixture
def data(digits_data: Data) -> Data:
    """A little of the digits: enough for six batches an epoch, the last one shorter."""

    def some(split: Split, count: int) -> Split:
        return Split(split.inputs[:count], split.targets[:count])

    return Data(some(digits_data.train, 180), some(digits_data.validation, 90),
                some(digits_data.test, 90))  # fmt: skip


def problem(digits: Task, network: Callable[[Factory], nn.Module]) -> Task:
    """Return a task in double precision, where both ways must agree closely."""
    return replace(
        digits, network=lambda activation: network(activation).double(),
        transform=lambda inputs: inputs.double(), evaluation_batch=50,
    )  # fmt: skip


def runs(make_spec: MakeSpec, activation: str = "telu", **changes: Any) -> list[RunSpec]:
    """Return runs of two seeds and rates, with a limit that clips most gradients."""
    fields = {"batch_size": 32, "gradient_clip": 0.7, "weight_decay": 0.01, **changes}
    return [
        make_spec(activation, seed=seed, learning_rate=rate, **fields)
        for seed in (0, 1)
        for rate in RATES
    ]


def numbers(record: Record) -> list[float]:
    learned = (torch.tensor(values).flatten().tolist() for values in record.learned.values())
    return [*record.loss_curve, *record.validation_curve, record.test or 0.0, *chain(*learned)]


def assert_same(one: list[Record], other: list[Record], tolerance: float = 1e-9) -> None:
    for first, second in zip(one, other, strict=True):
        assert first.spec == second.spec
        assert (first.best_epoch, first.diverged) == (second.best_epoch, second.diverged)
        assert numbers(second) == pytest.approx(numbers(first), rel=tolerance, abs=tolerance)


def alone(specs: list[RunSpec], task: Task, data: Data) -> list[Record]:
    return [train(spec, task, data) for spec in specs]


def disturbed(inputs: Tensor, targets: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """Change every picture, and one label in four."""
    noise = torch.randn(inputs.shape, generator=draws, dtype=inputs.dtype)
    wrong = torch.rand(targets.shape, generator=draws) < 0.25
    return inputs + 3 * noise, torch.where(wrong, (targets + 1) % 10, targets)


@pytest.mark.parametrize("network", list(NETWORKS))
def test_one_model_meets_the_same_augmentation(
    digits: Task, data: Data, make_spec: MakeSpec, network: str
) -> None:
    plain, specs = problem(digits, NETWORKS[network]), runs(make_spec)
    task = replace(plain, augment=disturbed)
    each = alone(specs, task, data)
    assert_same(each, train_stacked(specs, task, data))
    assert numbers(each[0]) != pytest.approx(numbers(alone(specs[:1], plain, data)[0]))


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
@pytest.mark.parametrize("network", list(NETWORKS))
def test_one_model_gives_the_numbers_of_each_run_alone(
    digits: Task, data: Data, make_spec: MakeSpec, network: str, optimizer: str
) -> None:
    task = problem(digits, NETWORKS[network])
    scale = 1.0 if optimizer == "sgd" else 0.1
    specs = [
        replace(spec, learning_rate=scale * spec.learning_rate)
        for spec in runs(make_spec, optimizer=optimizer)
    ]
    together = train_stacked(specs, task, data)
    # A bias ahead of a batch norm has no gradient but rounding, which Adam makes a step of.
    assert_same(alone(specs, task, data), together, 1e-9 if network != "batch-norm" else 1e-5)
    assert {record.together for record in together} == {len(specs)}


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
@pytest.mark.parametrize("activation", ["tanh", "prelu"])
def test_runs_of_one_model_may_differ_in_decay_and_shape_rate(
    digits: Task, data: Data, make_spec: MakeSpec, activation: str, optimizer: str
) -> None:
    scale = 1.0 if optimizer == "sgd" else 0.1
    specs = [
        replace(spec, learning_rate=scale * spec.learning_rate, weight_decay=0.02 * k,
                shape_rate=3.0**k)
        for k, spec in enumerate(runs(make_spec, activation, optimizer=optimizer))
    ]  # fmt: skip
    task = problem(digits, mlp)
    found = train_stacked(specs, task, data)
    assert_same(alone(specs, task, data), found)
    assert len({record.loss_curve for record in found}) == len(specs)


def in_rows(inputs: Tensor) -> Tensor:
    return inputs.double().unflatten(1, (8, 8))


def test_a_perceptron_may_take_pictures(digits: Task, data: Data, make_spec: MakeSpec) -> None:
    task, specs = replace(problem(digits, perceptron), transform=in_rows), runs(make_spec)
    assert_same(alone(specs, task, data), train_stacked(specs, task, data))


def per_row(activation: Factory) -> nn.Module:
    return nn.Sequential(nn.Linear(8, 4), activation(), nn.Flatten(), nn.Linear(32, 10))


def test_a_linear_layer_may_work_on_the_rows_of_pictures(
    digits: Task, data: Data, make_spec: MakeSpec
) -> None:
    task, specs = replace(problem(digits, per_row), transform=in_rows), runs(make_spec)
    assert_same(alone(specs, task, data), train_stacked(specs, task, data))


def hooked() -> nn.Module:
    network = perceptron(nn.Identity)
    network[1].register_forward_hook(lambda *_: None)
    return network


def test_only_perceptrons_are_multiplied_layer_by_layer() -> None:
    telu, vector, picture = class_of("telu"), torch.zeros(1, 64), torch.zeros(1, 8, 8)
    assert len(layers_of(perceptron(telu), picture) or []) == 6
    for network in (mlp(telu), perceptron(class_of("prelu")), perceptron(nn.ReLU), hooked()):
        assert layers_of(network, vector) is None
    assert layers_of(per_row(telu), picture) is None


def learners() -> dict[str, str]:
    """Return a function that learns one number, one that learns two, and one that learns a list."""
    found: dict[str, str] = {}
    for entry in load().values():
        learned = [p for p in entry.parameters.values() if p.learnable]
        if len(entry.inputs) == 1 and learned:
            several = "several numbers" if len(learned) > 1 else "one number"
            found.setdefault("a list" if learned[0].is_vector else several, entry.name)
    return found


@pytest.mark.parametrize("activation", learners().values(), ids=learners())
def test_learned_parameters_are_each_run_s_own(
    digits: Task, data: Data, make_spec: MakeSpec, activation: str
) -> None:
    task, specs = problem(digits, mlp), runs(make_spec, activation)
    assert_same(alone(specs, task, data), train_stacked(specs, task, data))


def test_single_precision_agrees_as_far_as_it_goes(
    digits: Task, data: Data, make_spec: MakeSpec
) -> None:
    specs = runs(make_spec)
    assert_same(alone(specs, digits, data), train_stacked(specs, digits, data), 1e-4)


@pytest.mark.parametrize(
    "recipe",
    [
        {"selection": "last epoch", "momentum": 0.5},
        {"fresh_optimizer": True, "gradient_clip": 0.0},
        {"schedule": "constant", "warm_up": 0.0, "start_bias": 0.1},
    ],
    ids=lambda recipe: next(iter(recipe)),
)
def test_published_recipes_hold_for_one_model(
    digits: Task, data: Data, make_spec: MakeSpec, recipe: dict[str, Any]
) -> None:
    task, specs = problem(digits, mlp), runs(make_spec, **recipe)
    assert_same(alone(specs, task, data), train_stacked(specs, task, data))


def test_a_run_that_diverges_leaves_and_the_others_do_not_notice(
    digits: Task, data: Data, make_spec: MakeSpec
) -> None:
    task, specs = problem(digits, normalised), runs(make_spec, epochs=3)
    wild = replace(specs[1], learning_rate=1e200, gradient_clip=0.7)
    found = train_stacked([specs[0], wild, *specs[2:]], task, data)
    assert [record.diverged for record in found] == [False, True, False, False]
    assert (found[1].validation, found[1].test) == (ACCURACY.worst, ACCURACY.worst)
    calm = [record for record in found if not record.diverged]
    assert_same(alone([specs[0], *specs[2:]], task, data), calm, 1e-5)


def test_all_runs_may_diverge(digits: Task, data: Data, make_spec: MakeSpec) -> None:
    broken = replace(digits, loss=lambda outputs, _: outputs.sum() * float("nan"))
    found = train_stacked(runs(make_spec), broken, data)
    assert [(record.diverged, record.best_epoch) for record in found] == [(True, -1)] * 4


def test_seeds_may_have_splits_of_their_own(digits: Task, data: Data, make_spec: MakeSpec) -> None:
    other = Data(*(Split(part.inputs.flip(0) + 0.1, part.targets.flip(0))
                   for part in (data.train, data.validation, data.test)))  # fmt: skip
    task, several, specs = problem(digits, mlp), replace(data, further=(other,)), runs(make_spec)
    assert_same(alone(specs, task, several), train_stacked(specs, task, several))
    assert len(join([several.of_seed(seed).train for seed in (0, 1, 2)]).targets) == 360
    shorter = replace(data, train=data.validation)
    way = fastest_way(specs, task, replace(data, further=(shorter,)))
    assert (way.together, way.reason) == (
        False, "one model is impossible: its splits differ in size"
    )  # fmt: skip


def test_frozen_weights_stay(digits: Task, data: Data, make_spec: MakeSpec) -> None:
    def frozen(activation: Factory) -> nn.Module:
        network = mlp(activation)
        network[0].weight.requires_grad_(False)
        return network

    task, specs = problem(digits, frozen), runs(make_spec)
    assert_same(alone(specs, task, data), train_stacked(specs, task, data))


# ---------------------------------------------------------------- which way


class Flow(nn.Module):
    """Its control flow depends on the data."""

    def __init__(self, activation: Factory) -> None:
        super().__init__()
        self.layers = mlp(activation)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return -y if y.sum() > 1e9 else y


class Tally(nn.Module):
    """It changes a buffer in place that belongs to no run."""

    def __init__(self, activation: Factory) -> None:
        super().__init__()
        self.layers, self.seen = mlp(activation), torch.zeros(1)

    def forward(self, x: Tensor) -> Tensor:
        self.seen += x.mean()
        y: Tensor = self.layers(x)
        return y


def noisy(activation: Factory) -> nn.Module:
    return nn.Sequential(mlp(activation), nn.Dropout(0.1))


def whole_batch(inputs: Tensor) -> Tensor:
    """Return inputs that depend on their whole batch, which is that of all runs together."""
    return inputs / inputs.norm()


@pytest.mark.parametrize(
    ("network", "transform", "reason"),
    [
        (Flow, None, "data-dependent control flow"),
        (Tally, None, "broadcast"),
        (noisy, None, "it draws random numbers while it trains"),
        (mlp, whole_batch, "its loss at step 0 would be"),
    ],
    ids=["control flow", "in place", "random", "other numbers"],
)
def test_what_cannot_be_one_model_says_why(
    digits: Task, data: Data, make_spec: MakeSpec,
    network: Callable[[Factory], nn.Module], transform: Any, reason: str,
) -> None:  # fmt: skip
    task = replace(digits, network=network, transform=transform or digits.transform)
    way = fastest_way(runs(make_spec), task, data)
    assert not way.together
    assert way.reason.startswith("one model is impossible: ")
    assert re.search(reason, way.reason), way.reason


@pytest.mark.parametrize(("gain", "together"), [(0.9, True), (0.2, False)])
def test_the_faster_way_is_taken(
    digits: Task, data: Data, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch,
    gain: float, together: bool,
) -> None:  # fmt: skip
    """The times are planted: four runs at once against one alone."""
    monkeypatch.setattr(ways, "_ratio", lambda *_: gain)
    way = fastest_way(runs(make_spec), digits, data)
    assert way.together is together
    assert f"{4 * gain:.2f} times the speed" in way.reason


def test_measuring_leaves_the_random_numbers_alone(
    digits: Task, data: Data, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ways, "_ratio", lambda *_: 1.0)
    before = torch.random.get_rng_state()
    fastest_way(runs(make_spec), digits, data)
    assert torch.equal(before, torch.random.get_rng_state())


# ---------------------------------------------------------------- planted faults


def clip_all_together(gradient: Tensor, limit: float) -> None:
    gradient.mul_(min(1.0, limit / float(gradient.norm())))


def decay_everything(self: RowOptimizer, *arguments: Tensor) -> None:
    self.decaying = arguments[0].shape[1]
    step(self, *arguments)


def one_rate(self: RowOptimizer, weights: Tensor, gradient: Tensor, rates: Tensor) -> None:
    step(self, weights, gradient, rates.mean().expand_as(rates))


step = RowOptimizer.step
FAULTS = {
    "one norm for all runs": (stacked, "clip_rows_", clip_all_together),
    "shape parameters decay": (RowOptimizer, "step", decay_everything),
    "one rate for all runs": (RowOptimizer, "step", one_rate),
    "moments of other runs": (RowOptimizer, "keep", lambda *_: None),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_planted_fault_turns_red(
    digits: Task, data: Data, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(*FAULTS[fault])
    task, specs = problem(digits, mlp), runs(make_spec, "prelu", weight_decay=0.2, epochs=3)
    wild = replace(specs[0], learning_rate=1e200)
    with pytest.raises((AssertionError, RuntimeError)):
        assert_same(alone(specs[1:], task, data), train_stacked([wild, *specs[1:]], task, data)[1:])


def test_the_weights_of_another_run_turn_red(
    digits: Task, data: Data, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def linear(prefix: str, biased: bool, weights: layered.Weights, x: Tensor) -> Tensor:
        return right(prefix, biased, {name: one.roll(1, 0) for name, one in weights.items()}, x)

    right = layered._linear
    monkeypatch.setattr(layered, "_linear", linear)
    task, specs = problem(digits, perceptron), runs(make_spec)
    with pytest.raises(AssertionError):
        assert_same(alone(specs, task, data), train_stacked(specs, task, data))
