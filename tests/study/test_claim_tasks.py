"""Tasks and measurements of the claims: the contest of arms, and the sizes that are promised."""

from __future__ import annotations

import importlib
import os
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from actlas.models.autoencoder import vae
from actlas.study import Data, Split
from actlas.study.claims import SETTINGS, read_claim
from actlas.study.networks import with_network
from actlas.study.tasks import find_task, load_data

ROOT = Path(__file__).parents[2]
Module = Any


@pytest.fixture(scope="module", autouse=True)
def _from_the_root() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.syspath_prepend(str(ROOT))
        yield


def module(name: str) -> Module:
    return importlib.import_module(f"studies.tasks.{name}")


def weights(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.fixture(scope="module")
def points() -> Data:
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(300, 2, generator=draws)
    y = (x[:, 0] > 0).long()
    return Data(*(Split(x[i::3], y[i::3]) for i in range(3)))


def line() -> nn.Module:
    return nn.Linear(2, 2)


def contest(points: Data, **changes: Any) -> Any:
    tool = module("contest")
    recipe = tool.Recipe(epochs=3, rates=(0.1,), batch=20)
    arms = {"one": line, "other": line}
    return tool.Contest(arms, lambda: points, replace(recipe, **changes))


# ------------------------------------------------------------------------------------ the contest


def test_equal_arms_have_equal_scores(points: Data) -> None:
    """Start weights, order of batches and draws are those of the seed, whatever the arm."""
    both = contest(points)
    for seed in range(3):
        scores = dict(both.scores(seed))
        assert scores["one"] == scores["other"]
    assert len({dict(contest(points, epochs=1).scores(seed))["one"] for seed in range(9)}) > 1


def test_an_arm_takes_the_rate_that_validates_best(points: Data) -> None:
    both = contest(points, rates=(1e-9, 0.1))
    dict(both.scores(0))
    assert both.chosen == {"one": 0.1, "other": 0.1}
    tuned = [both._run("one", rate, module("contest").TUNING_SEED)[0] for rate in (1e-9, 0.1)]
    assert tuned[1] > tuned[0]


def test_the_search_has_a_seed_of_its_own(points: Data) -> None:
    seeds = []
    both = contest(points, rates=(0.01, 0.1))
    run = both._run
    both._run = lambda label, rate, seed: (seeds.append(seed), run(label, rate, seed))[1]
    dict(both.scores(3))
    assert seeds == [1000, 1000, 3] * 2


@pytest.mark.parametrize("selection", ["last", "validation", "test"])
def test_the_epoch_that_is_tested(points: Data, selection: str) -> None:
    """The rate explodes after the first epoch, so the last one is worse than the best."""
    tool = module("contest")
    recipe = replace(
        contest(points).recipe, selection=selection, epochs=4, rates=(0.3,),
        factor=lambda done: 1.0 if done < 0.5 else -3.0,
    )  # fmt: skip
    found = tool.trained(line, tool.sgd, points, recipe, 0.3, 0)
    if selection == "last":
        assert found[1] < 60
    else:
        assert found[1] > 85


def test_warm_up_and_decay() -> None:
    factor = module("contest").warm_cosine
    steps = [factor(done / 1000) for done in range(1001)]
    assert steps[0] == 0
    assert max(steps) == steps[50] == 1
    assert steps[25] == pytest.approx(0.5)
    assert steps[525] == pytest.approx(0.5, abs=1e-9)
    assert steps[-1] == pytest.approx(0, abs=1e-9)


# ------------------------------------------------------------------------- sizes that files promise


def test_sizes_are_those_that_the_claims_promise() -> None:
    units, logic, forms = module("units"), module("logic"), module("architecture")
    relu = weights(units.cnn())
    assert weights(units._funnels()) - relu == 264
    assert weights(units._meta("official")) - relu == 2_008
    assert weights(units.cnn(width=9)) == pytest.approx(weights(units._meta("swish")), rel=0.02)
    for pair, size, share in ((logic._DIGITS, 8_970, 0.01), (logic._PARITY, 1_314, 0.02)):
        assert weights(pair.arms["relu"]()) == size
        assert weights(pair.arms["logic"]()) == pytest.approx(size, rel=share)
    found = [weights(forms._base(way, 0.0)) for way in ("all", "pool", "conv_pool")]
    assert found == [22_042, 15_526, 22_042]
    assert [weights(forms._FORMS[form]()) for form in ("wide", "thin")] == [303_706, 272_282]


def test_the_promised_sizes_stand_in_the_files() -> None:
    promised = {
        "frelu_funnel": "264", "meta_acon": "2,008", "ail_logic": "8,970", "ail_parity": "1,314",
        "all_cnn_pooling": "22,042", "wide_over_thin": "303,706",
    }  # fmt: skip
    for name, number in promised.items():
        assert number in (ROOT / "studies" / f"{name}.toml").read_text(encoding="utf-8")
        read_claim(ROOT / "studies" / f"{name}.toml")


# -------------------------------------------------------------------------------- what is measured


def test_the_bound_of_the_autoencoder_is_that_of_its_network() -> None:
    task = module("autoencoding")
    net = task._Outputs(vae("relu", 784, (256, 128), 16)).eval()
    pixels = torch.rand(5, 784, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = task._bound_loss(net(pixels), pixels)
        wanted = -net.net.elbo(pixels, torch.Generator().manual_seed(0)).mean()
        assert net(pixels).equal(net(pixels))  # scored with the same codes every time
        assert not net.train()(pixels).equal(net(pixels))
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_slope_recovery_is_in_the_loss_alone() -> None:
    task = module("adaptive")
    x = torch.linspace(-3, 3, 7)[:, None]
    net, target = task._sloped(nn.Tanh), task.jump(x)
    error = nn.functional.mse_loss(net.net(x), target)
    loss = task._loss(net.train()(x), target)
    assert (loss - error).item() == pytest.approx(net.net.slope_recovery().item(), rel=1e-5)
    assert net.eval()(x).shape == (7, 1)
    assert task._loss(net(x), target).item() == pytest.approx(error.item(), rel=1e-6)
    assert task.jump(torch.tensor([0.0, 1e-7])).tolist() == pytest.approx([0.0, 1.0], abs=1e-6)


def test_a_plain_spiking_network_has_no_way_around_its_blocks() -> None:
    spikes = module("spikes")
    x = torch.rand(4, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for build, around in ((spikes._residual, True), (spikes._plain, False)):
            block = build().blocks[0]
            for layer in (block.first, block.second):
                layer.convolution.weight.zero_()
            spiked, _ = block(x, 0, (None, None))
            assert bool(spiked.any()) is around


def test_layer_langevin_shakes_the_first_layers_alone() -> None:
    task = module("langevin")
    optimizer = task._layer_langevin(task._build(20), 0.01)
    assert [group["sigma"] for group in optimizer.param_groups] == [task._SIGMA, 0.0]
    assert len(optimizer.param_groups[0]["params"]) == 2 * 6  # 30 % of 21 layers
    assert optimizer.param_groups[0]["eps"] == task._adam(nn.Linear(1, 1), 0.1).defaults["eps"]


def test_what_the_noise_gains_is_a_difference() -> None:
    task = module("langevin")

    class Planted:
        def __init__(self, gain: float) -> None:
            self.gain = gain

        def scores(self, seed: int) -> Iterator[tuple[str, float]]:
            yield from (("noise", 50.0 + self.gain + seed), ("plain", 50.0 + seed))

    planted = {"20 layers": Planted(2.0), "3 layers": Planted(-1.0)}
    gains = dict(task._gains(planted, 7))
    assert gains == {"gain with 20 layers": 2.0, "gain with 3 layers": -1.0, "no gain": 0.0}
    claim = read_claim(ROOT / "studies" / "langevin_depth.toml")
    assert {claim.function, *claim.published} == set(gains)


def test_the_stem_of_the_small_densenet_leaves_a_quarter_of_the_side() -> None:
    net = module("images").dense_cnn(nn.ReLU)
    with torch.no_grad():
        assert net[:4](torch.zeros(1, 3, 32, 32)).shape == (1, 16, 8, 8)
        assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    # One behind the stem, two in each of nine layers, one in each transition, one at the end.
    assert sum(isinstance(layer, nn.ReLU) for layer in net.modules()) == 1 + 2 * 9 + 2 + 1


def test_fine_tuned_networks_differ_in_the_function_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    task = module("transfer")
    body = module("units").cnn(width=2)
    kept = {name: value.clone() for name, value in body.state_dict().items()}
    monkeypatch.setattr(task, "_body", lambda: body)
    arms = {}
    for function in ("relu", "pvlu"):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            arms[function] = task._ready(function)
    relu, pvlu = (arms[name].state_dict() for name in ("relu", "pvlu"))
    assert all(pvlu[name].equal(value) for name, value in relu.items())
    assert len(set(pvlu) - set(relu)) == 2 * 3  # alpha and beta in the place of every ReLU
    assert not any(isinstance(layer, nn.ReLU) for layer in arms["pvlu"].modules())
    fresh = {name for name, value in relu.items() if not value.equal(kept[name])}
    assert fresh == {"10.weight", "10.bias"}
    assert all(value.equal(kept[name]) for name, value in body.state_dict().items())


def test_other_classes_are_fine_tuned_on(points: Data) -> None:
    task = module("transfer")
    chosen = task._classes(points, 1, 2, most=7)
    assert len(chosen.train) == 7
    assert len(chosen.test) == int((points.test.targets == 1).sum())
    assert all(split.targets.eq(1).all() for split in (chosen.train, chosen.validation))


def test_what_fine_tuning_leaves_is_relative_to_relu(monkeypatch: pytest.MonkeyPatch) -> None:
    class Planted:
        def scores(self, seed: int) -> Iterator[tuple[str, float]]:
            yield from (("pvlu", 91.0), ("relu", 90.0 + seed))

    task = module("transfer")
    monkeypatch.setattr(task, "_CONTEST", Planted())
    assert dict(task.fine_tuned(0)) == pytest.approx({"pvlu": 90.0, "relu": 100.0})
    assert dict(task.fine_tuned(4)) == pytest.approx({"pvlu": 150.0, "relu": 100.0})


def test_measures_exist() -> None:
    for path in sorted((ROOT / "studies").glob("*.toml")):
        claim = read_claim(path)
        for setting in (claim.as_published, claim.fair):
            if setting.measure is not None:
                name, _, function = setting.measure.measure.partition(":")
                assert callable(getattr(importlib.import_module(name), function)), path.name
    assert "studies.tasks.units" in sys.modules


def _sizes() -> Iterator[Any]:
    """Give every plan for a GPU: those of the recipes that have a table `larger`."""
    for path in sorted((ROOT / "studies").glob("*.toml")):
        text = tomllib.loads(path.read_text(encoding="utf-8"))
        if any("larger" in text[name] for name in SETTINGS):
            yield pytest.param(path, id=path.stem)


@cache
def _two_examples(task: str) -> Data:
    """Read a task's data once for all sizes; the first two examples are enough for a network."""
    data = load_data(task, None)
    return Data(*(Split(part.inputs[:2].clone(), part.targets[:2].clone())
                  for part in (data.train, data.validation, data.test)))  # fmt: skip


@pytest.mark.skipif("ACTLAS_DATA" not in os.environ, reason="needs ACTLAS_DATA")
@pytest.mark.xdist_group("larger sizes")
@pytest.mark.parametrize("path", list(_sizes()))
def test_the_larger_size_can_be_run(path: Path) -> None:
    """Its task is known, and its network takes what the task gives."""
    claim = read_claim(path, larger=True)
    for setting in (claim.as_published, claim.fair):
        for plan in filter(None, (setting.plan, setting.against)):
            task = find_task(plan.task)
            with_network(task, plan.network, _two_examples(plan.task), check=True)
            assert plan.resolved(task).epochs
