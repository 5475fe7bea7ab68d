"""Devices: what is refused, and that a step leaves nothing on the processor.

PyTorch's meta device stands in for an accelerator: it computes no numbers, and like one it refuses
an operation on tensors of two devices. Where there is an accelerator, a run is trained on it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from actlas.errors import ActlasError
from actlas.study import Data, compare
from actlas.study.plan import make_plan
from actlas.study.training import RunSpec, train, trainer
from actlas.study.training.devices import described, device_of, on_device, random_states, seeded
from actlas.study.training.stacked import Stack
from actlas.study.training.trainer import begun, make_run_optimizer, train_step
from tests.study.tiny_tasks import bumps, signs

MakeSpec = Callable[..., RunSpec]

META = torch.device("meta")
ACCELERATOR = torch.accelerator.current_accelerator(check_available=True)
CPU = torch.device("cpu")


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "device_of", lambda name: META)


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize("name", ["gelu", "prelu", "pau"])
def test_a_step_leaves_nothing_on_the_processor(name: str, make_spec: MakeSpec) -> None:
    spec = make_spec(task=signs.name, activation=name)
    run = begun(spec, signs, signs.data(None))
    assert {tensor.device for tensor in run.model.network.state_dict().values()} == {META}
    batch = signs.transform(run.data.train.inputs[:8]), run.data.train.targets[:8]
    optimizer = make_run_optimizer(run)
    loss = train_step(run.model.network, optimizer, batch, 0.5, spec, signs)
    assert loss.device == META


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize("name", ["gelu", "prelu"])
def test_nor_does_a_step_of_many_runs(name: str, make_spec: MakeSpec) -> None:
    data = signs.data(None)
    runs = [begun(make_spec(task=signs.name, activation=name, seed=seed), signs, data)
            for seed in range(3)]  # fmt: skip
    assert runs[0].data.train is runs[1].data.train  # copied there once
    stack = Stack(runs, signs)
    stack.leave([1])
    losses = stack.step(torch.zeros(2, 8, dtype=torch.int64, device=META), 0.5)
    assert (losses.shape, losses.device) == ((2,), META)


def test_the_further_splits_go_along() -> None:
    data = signs.data(None)
    moved = on_device(Data(data.train, data.validation, data.test, further=(data,)), META)
    assert {split.inputs.device for one in (moved, *moved.further)
            for split in (one.train, one.validation, one.test)} == {META}  # fmt: skip
    assert on_device(data, CPU) is data


@pytest.mark.parametrize("name", ["gpu", "cpu:3", "warp", "meta"])
def test_a_device_that_is_not_there_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ActlasError, match=f"^device '{name}' is not on this machine; "):
        compare(device=name, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_no_name_of_a_device_is_no_plan() -> None:
    with pytest.raises(ActlasError, match="device = 'cuda:' is not allowed"):
        make_plan({"device": "cuda:"})


def test_runs_on_the_processor_keep_their_keys(make_spec: MakeSpec) -> None:
    assert make_spec(device="cpu").key == make_spec().key != make_spec(device="cuda").key


def test_seeding_gives_the_state_back() -> None:
    (before,) = random_states(CPU)
    with seeded(3, CPU):
        first = torch.rand(2)
    with seeded(3, CPU):
        assert torch.equal(first, torch.rand(2))
    assert torch.equal(before, random_states(CPU)[0])


@pytest.mark.skipif(ACCELERATOR is None, reason="needs an accelerator")
def test_an_accelerator_gives_the_same_scores(make_spec: MakeSpec) -> None:
    assert ACCELERATOR is not None
    data = bumps.data(None)
    here, there = (train(make_spec(task=bumps.name, device=device), bumps, data)
                   for device in ("cpu", ACCELERATOR.type))  # fmt: skip
    assert there.validation_curve == pytest.approx(here.validation_curve, rel=1e-3)
    assert there.machine["device"] == described(device_of(ACCELERATOR.type))["device"]
