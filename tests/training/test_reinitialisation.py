"""Layer-wise re-initialisation: what each round draws, rescales and freezes; and the probes."""

from __future__ import annotations

import copy
import io
import itertools
import math
import os
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from actlas.errors import ActlasError
from actlas.training import (
    FrozenNormalisation,
    LayerwiseNetwork,
    first_blocks,
    layerwise_reinitialisation,
    margins,
    noise_robustness,
)
from tests.training.networks import seeded

X = torch.randn(32, 6, generator=seeded(1)) * 2 + 1


def blocks() -> nn.Sequential:
    def block() -> nn.Module:
        return nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Tanh())

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(block(), block(), block(), nn.Linear(6, 3))


def adam(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=0.05)


def tensors(network: LayerwiseNetwork) -> list[list[torch.Tensor]]:
    return [[p.detach().clone() for p in block.parameters()] for block in network.blocks]


def train(network: LayerwiseNetwork, optimizer: torch.optim.Optimizer, steps: int = 3) -> None:
    network.train()
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(X), torch.arange(32) % 3).backward()
        optimizer.step()


def record(rounds: int, **options: Any) -> list[dict[str, Any]]:
    """Return, for every round, the tensors at its begin and at its end, and the optimiser."""
    kept: list[dict[str, Any]] = []

    def one_round(network: LayerwiseNetwork, optimizer: torch.optim.Optimizer, _: int) -> None:
        start, state = tensors(network), len(optimizer.state)
        network(X)
        norms = [(copy.deepcopy(norm), norm(block_output(network, i)))
                 for i, norm in enumerate(network.norms)]  # fmt: skip
        train(network, optimizer)
        kept.append({"start": start, "end": tensors(network), "state": state, "norms": norms,
                     "optimizer": optimizer})  # fmt: skip

    _, history = layerwise_reinitialisation(
        blocks(), one_round, adam, rounds=rounds, generator=seeded(), **options
    )
    for entry, found in zip(kept, history, strict=True):
        entry["first"] = found.first
    return kept


def block_output(network: LayerwiseNetwork, index: int) -> torch.Tensor:
    """Return what comes out of a block before its normalisation, in training mode."""
    x = X
    for number in range(index + 1):
        x = network.blocks[number](x if not number else network.norms[number - 1](x))
    return x.detach()


@pytest.mark.parametrize(
    ("count", "rounds", "expected"),
    [(9, 11, [0, 0, 1, 2, 3, 4, 4, 5, 6, 7, 8]), (4, 8, [0, 0, 1, 1, 2, 2, 3, 3]),
     (4, 4, [0, 1, 2, 3]), (3, 1, [0])],
)  # fmt: skip
def test_rounds_of_the_code(count: int, rounds: int, expected: list[int]) -> None:
    assert first_blocks(count, rounds) == expected


def below_keep_their_direction_and_their_first_norm() -> None:
    kept = record(4)
    first = kept[0]["start"]
    for before, now in itertools.pairwise(kept):
        for block in range(now["first"]):
            for begun, was, is_ in zip(
                first[block], before["end"][block], now["start"][block], strict=True
            ):
                if begun.norm() < 1e-6:
                    assert not is_.any(), "a tensor that began at 0 is not 0"
                    continue
                assert is_.norm().item() == pytest.approx(begun.norm().item(), rel=1e-6)
                torch.testing.assert_close(is_ / is_.norm(), was / was.norm(), rtol=0, atol=1e-6)


def test_below_keep_their_direction_and_their_first_norm() -> None:
    below_keep_their_direction_and_their_first_norm()


def above_are_drawn_anew() -> None:
    """Weights above differ from those before and from every earlier draw."""
    kept = record(4)
    for number, now in enumerate(kept):
        for block in range(now["first"], 4):
            weight = now["start"][block][0]
            for earlier in kept[:number]:
                for other in (earlier["start"], earlier["end"]):
                    assert not torch.equal(weight, other[block][0]), "an old draw came back"


def test_above_are_drawn_anew() -> None:
    above_are_drawn_anew()


def test_fewer_blocks_every_round_and_a_fresh_optimiser() -> None:
    kept = record(6)
    first = [entry["first"] for entry in kept]
    assert first == [0, 0, 1, 2, 2, 3]
    assert all(entry["state"] == 0 for entry in kept)
    assert len({id(entry["optimizer"]) for entry in kept}) == 6


def test_normalisations_are_switched_on_once_and_frozen() -> None:
    kept = record(4)
    on = [[norm.on for norm, _ in entry["norms"]] for entry in kept]
    assert on == [[False] * 3, [True, False, False], [True, True, False], [True, True, True]]
    for number in (1, 2, 3):
        norm, output = kept[number]["norms"][number - 1]
        torch.testing.assert_close(output.mean(0), torch.zeros(6), rtol=0, atol=1e-5)
        std = norm.std.square().sub(norm.eps).sqrt().ravel()  # of the batch itself
        torch.testing.assert_close(output.std(0, correction=0), std / norm.std.ravel(),
                                   rtol=1e-4, atol=1e-5)  # fmt: skip
        for later in kept[number + 1 :]:
            assert torch.equal(later["norms"][number - 1][0].mean, norm.mean)


def test_ablations_leave_their_part_out() -> None:
    plain = record(3, rescale=False, normalise=False)
    assert not any(norm.on for entry in plain for norm, _ in entry["norms"])
    for before, now in itertools.pairwise(plain):
        for block in range(now["first"]):
            for was, is_ in zip(before["end"][block], now["start"][block], strict=True):
                assert torch.equal(was, is_)


def test_images_are_normalised_per_channel() -> None:
    norm = FrozenNormalisation().start()
    x = torch.randn(8, 3, 5, 5, generator=seeded()) * torch.tensor([1.0, 5.0, 0.1]).view(3, 1, 1)
    y = norm(x)
    torch.testing.assert_close(y.mean((0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-6)
    torch.testing.assert_close(y.std((0, 2, 3), correction=0), torch.ones(3), rtol=1e-3, atol=0)
    assert torch.equal(norm(x + 1), (x + 1 - norm.mean) / norm.std), "not frozen"


def test_saved_with_its_frozen_statistics() -> None:
    network, _ = layerwise_reinitialisation(
        blocks(), lambda net, opt, _: train(net, opt), adam, generator=seeded()
    )
    again = LayerwiseNetwork(blocks())
    again.load_state_dict(network.state_dict())
    assert torch.equal(again.eval()(X), network.eval()(X))


@pytest.mark.parametrize("waiting", [True, False], ids=["waiting", "off"])
def test_saved_before_its_batch(waiting: bool) -> None:
    """A layer that waits still does after loading, also in the place of one that is frozen."""
    layer, other = FrozenNormalisation(), FrozenNormalisation().start()
    if waiting:
        layer.start()
    other(X)
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert (other.on, other.mean) == (waiting, None)
    assert torch.equal(other(X + 3), layer(X + 3))


def test_the_draw_hangs_on_the_generator_only() -> None:
    before = torch.get_rng_state()
    one, two = (record(2)[0]["start"] for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for x, y in zip(one, two, strict=True)
               for a, b in zip(x, y, strict=True))  # fmt: skip


def _shared() -> list[nn.Module]:
    shared = [nn.Linear(2, 2), nn.Linear(2, 2)]
    shared[1].bias = shared[0].bias
    return shared


class Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))


REFUSED = {
    "shared": (_shared, "block 0 and block 1 must not share .* both hold 'bias'"),
    "the same block twice": (lambda: [nn.ReLU()] * 2, "one of them twice"),
    "one block": (lambda: [nn.Linear(1, 1)], "two or more"),
    "no list": (lambda: 5, "must be a list of modules"),
    "cannot be drawn": (lambda: [nn.Linear(1, 1), Scale()], "has parameters and no reset_param"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_blocks_are_refused(case: str) -> None:
    make, message = REFUSED[case]
    with pytest.raises(ActlasError, match=message):
        layerwise_reinitialisation(make(), lambda *_: None, adam)


def test_no_rounds_are_refused() -> None:
    model = blocks()
    kept = [p.detach().clone() for p in model.parameters()]
    with pytest.raises(ActlasError, match="rounds is a whole number from 1 up, got 0"):
        layerwise_reinitialisation(model, lambda *_: None, adam, rounds=0)
    assert all(torch.equal(a, b) for a, b in zip(kept, model.parameters(), strict=True))


# ------------------------------------------------------------------ probes


def test_margins_of_a_linear_model_are_distances() -> None:
    """The distance to w.x = 0 between two classes, by geometry."""
    model = nn.Linear(3, 2)
    x, y = torch.randn(20, 3, generator=seeded()), torch.arange(20) % 2
    w = (model.weight[0] - model.weight[1]).detach()
    plane = x @ w + (model.bias[0] - model.bias[1]).detach()
    sign = 1 - 2 * y.float()
    torch.testing.assert_close(margins(model, x, y), sign * plane)
    torch.testing.assert_close(margins(model, x, y, distance=True), sign * plane / w.norm())
    assert all(p.grad is None for p in model.parameters())


def test_margin_is_positive_where_the_class_is_right() -> None:
    logits = torch.randn(50, 4, generator=seeded())
    y = torch.arange(50) % 4
    right = logits.argmax(1) == y
    assert torch.equal(margins(nn.Identity(), logits, y) > 0, right)


def test_noise_raises_a_quadratic_loss_as_it_must() -> None:
    """For mean((w.x + b - t)^2), E rise = s^2 (mean |x|^2 + 1), whatever the weights."""
    model, x, t = nn.Linear(4, 1), X[:, :4], torch.ones(32)
    kept = [p.detach().clone() for p in model.parameters()]

    def loss(net: nn.Module) -> torch.Tensor:
        return (net(x)[:, 0] - t).square().mean()

    for rise in noise_robustness(model, loss, (0.0, 0.1, 0.5), draws=600, relative=False,
                                 generator=seeded()):  # fmt: skip
        expected = rise.scale**2 * (float(x.square().sum(1).mean()) + 1)
        assert abs(rise.mean - expected) <= 5 * rise.error + 1e-6
    assert all(torch.equal(a, b) for a, b in zip(kept, model.parameters(), strict=True))


def test_relative_noise_follows_the_size_of_the_tensor() -> None:
    rises = []
    for factor in (1.0, 10.0):
        weight = nn.ParameterList([torch.full((100,), factor)])
        found = noise_robustness(weight, lambda m, f=factor: m[0].std() / f, [0.1], draws=50,
                                 generator=seeded())  # fmt: skip
        rises.append(found[0].mean)
    assert rises[0] == pytest.approx(rises[1], rel=1e-5)
    assert rises[0] == pytest.approx(0.1, abs=0.004)


def test_weights_come_back_after_an_error() -> None:
    model, calls = nn.Linear(2, 1), []

    def loss(_: nn.Module) -> float:
        calls.append(1)
        if len(calls) > 1:
            raise RuntimeError("the data are gone")
        return 1.0

    kept = model.weight.detach().clone()
    with pytest.raises(RuntimeError, match="the data are gone"):
        noise_robustness(model, loss, [1.0])
    assert torch.equal(model.weight, kept)


def test_running_averages_come_back() -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4)).train()
    kept = copy.deepcopy(model.state_dict())
    noise_robustness(model, lambda net: net(X).square().mean(), [0.1], generator=seeded())
    assert all(torch.equal(value, kept[key]) for key, value in model.state_dict().items())


def test_a_loss_that_is_not_finite_gives_no_rise() -> None:
    """A diverged network is measured as any other; the standard library's deviation fails here."""
    (rise,) = noise_robustness(nn.Linear(2, 2), lambda _: math.nan, [0.1], generator=seeded())
    assert math.isnan(rise.mean)
    assert math.isnan(rise.error)


def test_bad_probes_are_refused() -> None:
    with pytest.raises(ActlasError, match="two classes or more"):
        margins(nn.Flatten(0), torch.ones(2, 1), torch.zeros(2, dtype=torch.long))
    with pytest.raises(ActlasError, match="from 0 up, got -1"):
        noise_robustness(nn.Linear(1, 1), lambda _: 0.0, [-1])
    with pytest.raises(ActlasError, match="draws must be 2 or more"):
        noise_robustness(nn.Linear(1, 1), lambda _: 0.0, [1], draws=1)


# ------------------------------------------------------------------- claim


@pytest.mark.slow
def test_rounds_beside_one_long_run() -> None:
    """The claim at a small size, told and not judged: accuracy, margin, rise of the loss."""
    generator = seeded()
    centres = torch.randn(3, 6, generator=generator)

    def sample(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        y = torch.arange(n) % 3
        return centres[y] + 1.2 * torch.randn(n, 6, generator=generator), y

    (x, y), (test_x, test_y) = sample(60), sample(600)

    def fit(network: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
        network.train()
        for _ in range(steps):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x), y).backward()
            optimizer.step()

    rounds, _ = layerwise_reinitialisation(
        blocks(), lambda net, opt, _: fit(net, opt, 40), adam, generator=generator
    )
    straight = LayerwiseNetwork(blocks())
    fit(straight, adam(straight.parameters()), 160)
    for name, network in (("rounds", rounds), ("straight", straight)):
        network.eval()
        accuracy = (network(test_x).argmax(1) == test_y).float().mean().item()
        (rise,) = noise_robustness(network, lambda net: nn.functional.cross_entropy(net(x), y),
                                   [0.2], generator=generator)  # fmt: skip
        figures = (accuracy, margins(network, x, y).mean().item(), rise.mean)
        print(name, *(f"{figure:.3f}" for figure in figures))
        assert accuracy > 0.5
        assert all(map(math.isfinite, figures))


@pytest.mark.slow
@pytest.mark.skipif("ACTLAS_DATA" not in os.environ, reason="needs Fashion-MNIST in ACTLAS_DATA")
def test_the_kept_comparison_runs_small() -> None:
    """`benchmarks/reinitialisation.py`, whose figures stand in docs/systems.md, at a small size."""
    script = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "reinitialisation.py"))
    first, again = (script["one_seed"](0, images=40, epochs=1) for _ in range(2))
    assert first == again
    means = script["summary"]([first, again])["means"]
    assert set(means) == {"rounds", "straight"}
    assert all(5 <= arm["accuracy"] <= 100 for arm in means.values())
