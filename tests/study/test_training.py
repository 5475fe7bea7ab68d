"""One run: paired random numbers, selection on validation, divergence, one look at the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.init import gain
from actlas.study import ACCURACY, Data, Split, Task
from actlas.study.training import Phase, Record, RunSpec, train
from actlas.study.training.initialisation import build, initialise_
from actlas.study.training.optimizers import make_optimizer, schedule
from actlas.study.training.trainer import History

FUNCTIONS = ("relu", "leaky_relu", "prelu", "tanh")


def start_weights(task: Task, data: Data, activation: str, stream: str) -> list[Tensor]:
    model = build(task.network, activation, {})
    initialise_(model, data.train.inputs[:2], gain(activation), stream)
    return [module.weight.detach() for module in model.network if isinstance(module, nn.Linear)]


@pytest.mark.parametrize("activation", FUNCTIONS[1:])
def test_every_function_starts_from_the_same_normal_numbers(
    digits: Task, digits_data: Data, activation: str
) -> None:
    first, second = start_weights(digits, digits_data, activation, "confirmation/paired/1")
    relu_first, relu_second = start_weights(digits, digits_data, "relu", "confirmation/paired/1")
    assert torch.equal(first, relu_first)
    torch.testing.assert_close(second / gain(activation), relu_second / gain("relu"))


def test_start_weights_have_the_right_scale(digits: Task, digits_data: Data) -> None:
    first, second = start_weights(digits, digits_data, "relu", "any")
    assert first.std().item() == pytest.approx(1 / 8, rel=0.05)
    assert second.std().item() == pytest.approx(2**0.5 / 8, rel=0.08)


def test_another_stream_gives_other_numbers(digits: Task, digits_data: Data) -> None:
    one = start_weights(digits, digits_data, "relu", "confirmation/paired/1")[0]
    for stream in ("confirmation/paired/2", "confirmation/twin/1", "tuning/paired/1"):
        assert not torch.equal(one, start_weights(digits, digits_data, "relu", stream)[0])


def test_functions_declared_out_of_order_get_their_gain() -> None:
    class Backwards(nn.Module):
        def __init__(self, activation: Callable[[], nn.Module]) -> None:
            super().__init__()
            self.last, self.first = nn.Linear(400, 400), nn.Linear(400, 400)
            self.activation = activation()

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.activation(self.first(x)))

    model = build(Backwards, "relu", {})
    initialise_(model, torch.zeros(1, 400), 2.0, "any")
    assert model.network.first.weight.std().item() == pytest.approx(1 / 20, rel=0.02)
    assert model.network.last.weight.std().item() == pytest.approx(2 / 20, rel=0.02)


def test_a_gain_that_cannot_scale_is_refused(digits: Task, digits_data: Data) -> None:
    model = build(digits.network, "relu", {})
    with pytest.raises(ActlasError, match="gain nan"):
        initialise_(model, digits_data.train.inputs[:2], float("nan"), "any")


def batches_seen(spec: RunSpec, task: Task, data: Data) -> list[Tensor]:
    seen: list[Tensor] = []

    def note(inputs: Tensor) -> Tensor:
        seen.append(inputs)
        return inputs

    train(spec, replace(task, transform=note), data)
    return seen


def test_every_function_sees_the_same_batches(
    digits: Task, digits_data: Data, make_spec: Callable[..., RunSpec]
) -> None:
    one, other = (
        batches_seen(make_spec(name, seed=3), digits, digits_data) for name in ("relu", "prelu")
    )
    assert len(one) == len(other)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    another_seed = batches_seen(make_spec("relu", seed=4), digits, digits_data)
    assert not torch.equal(one[1], another_seed[1])


def scores(record: Record) -> tuple[object, ...]:
    return record.validation, record.test, record.validation_curve, record.loss_curve


def test_every_function_meets_the_same_augmentation(
    digits: Task, digits_data: Data, make_spec: Callable[..., RunSpec]
) -> None:
    """And only in training; another seed meets another one."""
    changes: list[Tensor] = []

    def remembered(x: Tensor, y: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        changes.append(torch.randn(len(y), generator=draws))
        return x, y

    task, met = replace(digits, augment=remembered), {}
    for name, seed in (("relu", 0), ("tanh", 0), ("relu", 1)):
        changes.clear()
        train(make_spec(name, seed=seed), task, digits_data)
        met[name, seed] = torch.cat(changes)
    epochs = make_spec("relu").epochs
    assert len(met["relu", 0]) == epochs * len(digits_data.train)
    assert torch.equal(met["relu", 0], met["tanh", 0])
    assert not torch.equal(met["relu", 0], met["relu", 1])


def test_a_run_is_a_pure_function(
    digits: Task, digits_data: Data, make_spec: Callable[..., RunSpec]
) -> None:
    state = torch.random.get_rng_state()
    first = train(make_spec(), digits, digits_data)
    assert torch.equal(state, torch.random.get_rng_state())
    torch.rand(7)
    assert scores(first) == scores(train(make_spec(), digits, digits_data))


def test_tuning_never_reads_the_test_set(
    digits: Task, digits_data: Data, unreadable: Split, make_spec: Callable[..., RunSpec]
) -> None:
    hidden = replace(digits_data, test=unreadable)
    record = train(make_spec(phase=Phase.TUNING), digits, hidden)
    assert record.test is None
    assert record.validation == train(make_spec(phase=Phase.TUNING), digits, digits_data).validation
    with pytest.raises((RuntimeError, IndexError, ZeroDivisionError)):
        train(make_spec(), digits, hidden)


def test_the_best_validation_epoch_is_tested_once(
    digits: Task, digits_data: Data, make_spec: Callable[..., RunSpec]
) -> None:
    """A scripted metric: validation 10, 30, 20, and the weights that each call sees."""
    script = iter((10.0, 30.0, 20.0, 77.0))
    outputs_seen: list[Tensor] = []

    def score(outputs: Tensor, targets: Tensor) -> float:
        outputs_seen.append(outputs)
        return next(script)

    task = replace(digits, metric=replace(digits.metric, score=score))
    data = replace(digits_data, test=digits_data.validation)
    record = train(make_spec(epochs=3), task, data)
    assert (record.best_epoch, record.validation, record.test) == (1, 30.0, 77.0)
    assert torch.equal(outputs_seen[3], outputs_seen[1])
    assert len(outputs_seen) == 4


def test_a_diverged_run_is_kept_with_the_worst_score(
    digits: Task, digits_data: Data, make_spec: Callable[..., RunSpec]
) -> None:
    broken = replace(digits, loss=lambda outputs, targets: outputs.sum() * float("nan"))
    record = train(make_spec(), broken, digits_data)
    assert record.diverged
    assert (record.validation, record.test, record.best_epoch) == (0.0, 0.0, -1)
    assert Record.from_json(record.to_json()) == record


def test_a_record_survives_the_file(
    digits: Task, digits_data: Data, make_spec: Callable[..., RunSpec]
) -> None:
    spec = make_spec("leaky_relu", parameters=(("negative_slope", 0.2),))
    record = train(spec, digits, digits_data)
    assert Record.from_json(record.to_json()) == record
    assert record.gain == pytest.approx(gain("leaky_relu", negative_slope=0.2))


@pytest.mark.parametrize(("losses", "kept"), [((3.0, 1.0, 2.0), 1), ((1.0, 1.0, 1.0), 0)])
def test_of_equal_scores_the_lowest_loss_is_kept(
    make_spec: Callable[..., RunSpec], losses: tuple[float, ...], kept: int
) -> None:
    history = History()
    for epoch, loss in enumerate(losses):
        state = {"w": torch.tensor(float(epoch))}
        history.add((0.5, loss), 90.0, make_spec(), ACCURACY, lambda state=state: state)
    history.add((0.1, 0.1), 89.0, make_spec(), ACCURACY, dict)
    assert (history.best_epoch, history.best_state["w"].item()) == (kept, kept)


def test_shape_parameters_are_learned_recorded_and_not_decayed(
    digits: Task, digits_data: Data, make_spec: Callable[..., RunSpec]
) -> None:
    model = build(digits.network, "prelu", {})
    optimizer = make_optimizer("sgd", model, 0.1, weight_decay=0.5)
    decays = {id(p): g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    shape = {id(parameter) for parameter in model.shape_parameters().values()}
    assert shape
    assert all(decay == (0.0 if key in shape else 0.5) for key, decay in decays.items())
    assert len(decays) == len(list(model.network.parameters()))
    learned = train(make_spec("prelu"), digits, digits_data).learned
    assert set(learned) == set(model.shape_parameters())


def test_what_was_learned_is_what_acts(digits: Task) -> None:
    """ADA's alpha is positive; a stored value that has left the domain acts at its border."""
    model = build(digits.network, "ada", {})
    (name,) = model.shape_parameters()
    with torch.no_grad():
        model.shape_parameters()[name].fill_(-0.7)
    assert model.learned()[name].item() == pytest.approx(1e-4, abs=1e-7)  # float32 beside 0.7
    assert model.shape_parameters()[name].item() == pytest.approx(-0.7)


def test_shape_parameters_may_have_a_rate_of_their_own(
    digits: Task, digits_data: Data, make_spec: Callable[..., RunSpec]
) -> None:
    """After one step of gradient descent, they have moved as much further as the rate says."""

    def moved(share: float) -> float:
        spec = make_spec("prelu", epochs=1, batch_size=897, gradient_clip=0.0, warm_up=0.0,
                         schedule="constant", momentum=0.0, shape_rate=share)  # fmt: skip
        (slope,) = train(spec, digits, digits_data).learned.values()
        return float(torch.tensor(slope).flatten()[0]) - 0.25

    assert moved(1.0) != 0
    assert moved(3.0) == pytest.approx(3 * moved(1.0), rel=1e-4)


def test_the_schedule_warms_up_and_ends_at_zero() -> None:
    assert [round(schedule(p), 4) for p in (0.0, 0.025, 0.05, 0.525, 1.0)] == [0, 0.5, 1, 0.5, 0]


def test_every_field_changes_the_key(make_spec: Callable[..., RunSpec]) -> None:
    changes = {
        "task": "mnist", "activation": "tanh", "parameters": (("a", 1.0),), "formula": "x",
        "optimizer": "adam", "learning_rate": 0.2, "weight_decay": 0.1, "gradient_clip": 2.0,
        "epochs": 3, "batch_size": 32, "phase": Phase.TUNING, "seed": 1, "twin": True, "code": "c",
        "network": "mlp", "initialisation": "xavier", "start_bias": -5.0, "momentum": 0.5,
        "schedule": "steps", "warm_up": 0.0, "selection": "last epoch", "fresh_optimizer": True,
        "shape_rate": 3.0,
        "device": "cuda", "splits": 5,
    }  # fmt: skip
    assert set(changes) == set(RunSpec.__dataclass_fields__)
    keys = {make_spec(**{name: value}).key for name, value in changes.items()}
    assert len(keys | {make_spec().key}) == len(changes) + 1
