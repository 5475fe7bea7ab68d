"""Damage assessment: metrics beside scikit-learn, the images, and the grid."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import actlas
from actlas.errors import ActlasError
from actlas.init import gain
from actlas.training import assess, buildings, harvey, metrics, synthetic
from actlas.training.damage import INITIALISERS, NETWORKS, OPTIMISERS
from actlas.training.damage_data import SAMPLE, Buildings
from tests.training.networks import seeded


@pytest.mark.parametrize("positive", [0.02, 0.5, 8 / 9])
@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
def test_metrics_beside_scikit_learn(positive: float, ties: bool) -> None:
    theirs = pytest.importorskip("sklearn.metrics")
    draw = np.random.default_rng(0)
    y = (draw.uniform(size=400) < positive).astype(int)
    score = draw.uniform(size=400) * 0.7 + 0.3 * y
    score = np.round(score, 1) if ties else score
    found, said = metrics(y, score), score >= 0.5
    expected = {
        "accuracy": theirs.accuracy_score(y, said),
        "balanced_accuracy": theirs.balanced_accuracy_score(y, said),
        "f1": theirs.f1_score(y, said),
        "auc": theirs.roc_auc_score(y, score),
        "mcc": theirs.matthews_corrcoef(y, said),
    }
    assert found.as_dict() == pytest.approx(expected, rel=1e-12)


def test_calling_everything_damaged_is_seen() -> None:
    found = metrics([1] * 8 + [0], [0.9] * 9)
    assert found.accuracy == pytest.approx(8 / 9)
    assert (found.balanced_accuracy, found.auc, found.mcc) == (0.5, 0.5, 0.0)
    assert metrics([1, 0], [0.1, 0.2]).f1 == 0


@pytest.mark.parametrize("damaged", [0.0, 0.5, 8 / 9])
def test_synthetic_images(damaged: float) -> None:
    x, y = synthetic(90, 24, damaged, generator=seeded())
    assert x.shape == (90, 3, 24, 24)
    assert 0 <= x.min() < x.max() <= 1
    assert int(y.sum()) == round(90 * damaged)
    again, _ = synthetic(90, 24, damaged, generator=seeded())
    assert torch.equal(x, again)


def test_synthetic_images_need_more_than_brightness() -> None:
    """The mean brightness alone does not tell the classes apart."""
    x, y = synthetic(2000, 16, generator=seeded())
    auc = metrics(y.numpy(), x.mean((1, 2, 3)).numpy()).auc
    assert max(auc, 1 - auc) < 0.8


def small(train: int = 120, size: int = 16) -> Buildings:
    draw = seeded(1)
    parts = (synthetic(n, size, generator=draw) for n in (train, 60))
    return Buildings("synthetic", *parts, synthetic(90, size, 8 / 9, generator=draw))


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_take_any_size_and_activation(name: str) -> None:
    seen: list[nn.Module] = []

    def make() -> nn.Module:
        seen.append(actlas.nn.create("swish"))
        return seen[-1]

    model = NETWORKS[name](make)
    for size in (16, 33, 64):
        assert model(torch.rand(2, 3, size, size)).shape == (2, 1)
    inside = [module for module in model.modules() if isinstance(module, actlas.nn.Swish)]
    assert len(inside) == len(seen) == len({id(module) for module in seen}) >= 4


@pytest.mark.parametrize("name", INITIALISERS)
def test_initialisers_have_their_variance(name: str) -> None:
    """Of a layer in the middle: gain^2/fan_in, 2/(fan_in + fan_out) or 1/fan_in."""
    make: Callable[[], nn.Module] = lambda: actlas.nn.create("telu")  # noqa: E731
    model = NETWORKS["plain"](make, width=32)  # type: ignore[call-arg]
    INITIALISERS[name](model, make, synthetic(1, 16, generator=seeded())[0], seeded())
    layer = model[6]
    fan_in, fan_out = 64 * 9, 128 * 9
    expected = {"glorot": 2 / (fan_in + fan_out), "he": gain("telu") ** 2 / fan_in,
                "lecun": 1 / fan_in}.get(name)  # fmt: skip
    if expected is not None:
        assert layer.weight.var().item() == pytest.approx(expected, rel=0.03)
    assert not layer.bias.any()


def test_the_grid_has_every_cell() -> None:
    cells = assess(small(16), networks=["plain"], initialisers=INITIALISERS, optimisers=OPTIMISERS,
                   epochs=1, generator=seeded())  # fmt: skip
    assert len({(cell.initialiser, cell.optimiser) for cell in cells}) == len(cells) == 12


def test_the_grid_repeats_itself() -> None:
    state = torch.get_rng_state()
    first, again = (assess(small(32), ["telu", "gelu"], networks=["vgg"], epochs=1,
                           generator=seeded()) for _ in range(2))  # fmt: skip
    assert first == again
    assert first[0].test != first[1].test
    assert torch.equal(torch.get_rng_state(), state)


def test_two_names_of_one_function_are_a_tie() -> None:
    """Cells start from the same numbers and see the same batches: an A/A comparison is exact."""
    activations = {"one": "relu", "other": nn.ReLU}
    one, other = assess(small(), activations, networks=["vgg"], initialisers=["glorot"], epochs=2,
                        generator=seeded())  # fmt: skip
    assert one.test == other.test


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_the_recipe_learns_the_synthetic_set(name: str) -> None:
    draw = seeded(2)
    parts = [synthetic(n, 24, share, generator=draw)
             for n, share in ((320, 0.5), (60, 0.5), (180, 8 / 9))]  # fmt: skip
    (cell,) = assess(Buildings("synthetic", *parts), networks=[name], epochs=4, generator=draw)
    assert cell.test.balanced_accuracy > 0.95
    assert cell.test.auc > 0.99


def data_root() -> Path:
    root = os.environ.get("ACTLAS_DATA")
    if not root or not (Path(root) / SAMPLE).is_file():
        pytest.skip(f"ACTLAS_DATA has no {SAMPLE}")
    pytest.importorskip("PIL.Image")
    return Path(root)


@pytest.mark.slow
def test_the_harvey_sample() -> None:
    data = harvey(data_root(), 24, generator=seeded())
    assert [len(y) for _, y in (data.train, data.validation, data.test)] == [1280, 320, 600]
    assert int(data.train[1].sum() + data.validation[1].sum()) == 800
    assert int(data.test[1].sum()) == 300
    (cell,) = assess(data, networks=["plain"], epochs=4, generator=seeded())
    assert cell.test.balanced_accuracy > 0.75


def test_without_the_sample_images_are_made_up(tmp_path: Path) -> None:
    data = buildings(tmp_path, 16, generator=seeded())
    assert data.source == "synthetic"
    assert [len(y) for _, y in (data.train, data.validation, data.test)] == [640, 160, 400]


def one_class(name: str) -> Buildings:
    data = small(16)
    images, labels = getattr(data, name)
    return dataclasses.replace(data, **{name: (images, torch.ones_like(labels))})


def _damaged(folder: Path) -> Any:
    (folder / SAMPLE).parent.mkdir(exist_ok=True)
    (folder / SAMPLE).write_bytes(b"no archive")
    return buildings(folder, generator=seeded())


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "labels": (lambda _: metrics([0, 2], [0.1, 0.2]), "labels must be 0 and 1"),
    "one class": (lambda _: metrics([1, 1], [0.1, 0.2]), "both present"),
    "scores": (lambda _: metrics([0, 1], [0.1, np.nan]), "finite numbers"),
    "size": (lambda _: synthetic(3, 8, generator=seeded()), "from 16 to 128, got 8"),
    "share": (lambda _: synthetic(3, 16, 1.5, generator=seeded()), "damaged is a probability"),
    "network": (lambda _: assess(small(), networks=["vg"], generator=seeded()), "'vgg'"),
    "start": (lambda _: assess(small(), initialisers=["hee"], generator=seeded()), "'he'"),
    "optimiser": (lambda _: assess(small(), optimisers=["adm"], generator=seeded()), "'adam'"),
    "activation": (lambda _: assess(small(), ["gelo"], generator=seeded()), "'gelu'"),
    "instance": (lambda _: assess(small(), {"a": nn.ReLU()}, generator=seeded()), "a factory"),
    "one class to train on": (
        lambda _: assess(one_class("train"), generator=seeded()),
        r"train images .* got \[1\]",
    ),
    "one class to test on": (
        lambda _: assess(one_class("test"), generator=seeded()),
        r"test images .* got \[1\]",
    ),
    "missing file": (lambda path: harvey(path, generator=seeded()), "cannot read"),
    "damaged file": (_damaged, "cannot read"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused(case: str, tmp_path: Path) -> None:
    call, message = REFUSED[case]
    with warnings.catch_warnings(), pytest.raises(ActlasError, match=message):
        call(tmp_path)
