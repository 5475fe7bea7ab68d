"""A study with another network: what fits, what is refused, and that runs stay paired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.init import gain
from actlas.models import networks
from actlas.study import Data, Split, Task, build_network, compare, read_plan
from actlas.study.networks import peer_version, with_network
from actlas.study.tasks._networks import mlp
from actlas.study.training import RunSpec, train
from actlas.study.training.initialisation import build, initialise_

SMALL = {  # a thin form of each network of images, by id, where there is one
    "vgg": "vgg(depth=9)", "wide_resnet": "wide_resnet(depth=10, width=1)",
    "resnet": "resnet(depth=8)", "densenet": "densenet(depth=10)",
    "preact_resnet": "preact_resnet(depth=8)",
}  # fmt: skip


def split(*shape: int) -> Split:
    draws = torch.Generator().manual_seed(0)
    targets = torch.arange(shape[0]) % 10
    return Split(torch.randn(shape, generator=draws) + targets.view(-1, *[1] * len(shape[1:])),
                 targets)  # fmt: skip


@pytest.fixture
def images() -> tuple[Task, Data]:
    """A task of coloured images of 8 x 8 pixels, and its data."""
    return task(40, 3, 8, 8)


def task(*shape: int) -> tuple[Task, Data]:
    data = Data(split(*shape), split(*shape), split(*shape))
    size = torch.Size(shape[1:]).numel()
    named = Task(name="noise", title="noise (MLP)", subject="noise", data=lambda _: data,
                 network=mlp(size, 10), epochs=1, batch_size=20, practical_difference=1.0,
                 limits=("It is noise.",), network_limits=("One layer.",))  # fmt: skip
    return named, data


NO_CLASSIFIERS = {"autoencoder", "detector", "vae"}  # their outputs are no classes


@pytest.mark.parametrize("entry", networks().values(), ids=lambda entry: entry.id)
def test_every_network_fits_or_says_why_not(entry, digits: Task, digits_data: Data) -> None:
    """On pictures of its own size, or on digits where it takes vectors."""
    given = (digits, digits_data) if entry.takes == "features" else task(4, 3, 32, 32)
    if entry.takes == "images":
        given = task(4, *entry.input)
    text = SMALL.get(entry.id, entry.id)
    if entry.takes in ("images", "features") and entry.id not in NO_CLASSIFIERS:
        changed = with_network(given[0], text, given[1], check=True)
        assert changed.title.endswith(f", {text}")
        assert set(changed.network_limits).isdisjoint(given[0].network_limits)
        return
    with pytest.raises(ActlasError, match=r"does not fit the task|takes \w+, and the task") as said:
        with_network(given[0], text, given[1], check=True)
    assert "\n" not in str(said.value)


def test_sizes_come_from_the_data_unless_given(images: tuple[Task, Data]) -> None:
    fitted, data = images
    assert with_network(fitted, "mlp", data).network(nn.ReLU).hidden[0].in_features == 3 * 8 * 8
    wide = with_network(fitted, "wide_resnet(depth=10, width=1)", data).network(nn.ReLU)
    assert wide.stem.in_channels == 3
    with pytest.raises(ActlasError, match=r"does not fit the task noise: wide_resnet: images"):
        with_network(fitted, "wide_resnet(depth=10, channels=1)", data, check=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("wide_resnt", "Did you mean 'wide_resnet'"),
        ("wide_resnet(deph=10)", "Did you mean 'depth'"),
        ("wide_resnet(10)", "cannot read the network"),
        ("wide_resnet(depth=11)", "does not fit the task noise: .*near it are 10 and 16"),
        ("vgg(depth=9)", "multiples of 32"),
        ("gpt", "takes tokens, and the task noise gives images"),
        ("mlp(classes=7)", r"its outputs are \(2, 7\), \(2, 10\) are needed"),
        ("mlp(activation='relu')", "no option 'activation'"),
        ("jax:resnet", "timm:NAME"),
    ],
)
def test_what_does_not_fit_is_one_sentence(images: tuple[Task, Data], text: str, said: str) -> None:
    with pytest.raises(ActlasError, match=said) as caught:
        with_network(*images[:1], text, images[1], check=True)
    assert "\n" not in str(caught.value)


def test_vectors_are_no_images(digits: Task, digits_data: Data) -> None:
    said = "wide_resnet takes images, and the task digits gives features"
    with pytest.raises(ActlasError, match=said):
        with_network(digits, "wide_resnet", digits_data)


def start(text: str, activation: str, images: tuple[Task, Data], stream: str) -> dict[str, Tensor]:
    changed = with_network(images[0], text, images[1])
    model = build(changed.network, activation, {})
    initialise_(model, images[1].train.inputs[:2], gain(activation), stream)
    return {name: value.clone() for name, value in model.network.state_dict().items()}


@pytest.mark.parametrize("text", ["wide_resnet(depth=10, width=1)", "resnet(depth=8)",
                                  "preact_resnet(depth=8)"])  # fmt: skip
def test_functions_start_from_the_same_numbers(text: str, images: tuple[Task, Data]) -> None:
    """Weights differ by the gains alone; normalisation starts at 1 and 0 for all, unseen."""
    relu, tanh = (start(text, name, images, "confirmation/paired/0") for name in ("relu", "tanh"))
    assert relu.keys() == tanh.keys()
    for name, value in relu.items():
        if not value.is_floating_point():
            continue
        scale = 1.0 if value.ndim < 2 or name.startswith("stem") else gain("tanh") / gain("relu")
        torch.testing.assert_close(tanh[name], value * scale, rtol=1e-4, atol=1e-7)
        if "running_mean" in name:
            assert not value.any()
    other = start(text, "relu", images, "confirmation/paired/1")
    assert not any(torch.equal(other[n], v) for n, v in relu.items() if v.ndim == 4)


def test_only_modules_of_the_network_count_as_its_activations(images: tuple[Task, Data]) -> None:
    """A builder makes one module more, for its gain; it must not get into the optimiser."""
    changed = with_network(images[0], "mlp(hidden=(8, 8))", images[1])
    model = build(changed.network, "prelu", {})
    assert len(model.activations) == 2
    assert len(model.shape_parameters()) == 2


def test_a_run_with_normalisation_is_a_pure_function(
    images: tuple[Task, Data], make_spec: Callable[..., RunSpec]
) -> None:
    text = "wide_resnet(depth=10, width=1, dropout=0.3)"
    spec = make_spec("prelu", network=text, batch_size=20, epochs=1)
    first, second = (train(spec, with_network(images[0], text, images[1]), images[1])
                     for _ in range(2))  # fmt: skip
    assert (first.test, first.loss_curve) == (second.test, second.loss_curve)
    assert not first.diverged
    assert len(first.learned) == 7


def test_a_study_names_its_network(tmp_path: Path) -> None:
    network = "mlp(hidden=(16,), dropout=0.1)"
    result = compare(activations="relu,tanh", network=network, seeds=2, budget=1, epochs=1,
                     out=tmp_path, workers=1)  # fmt: skip
    assert all(record.spec.network == network for record in result.records)
    assert network in result.headline
    text = result.report_path.read_text(encoding="utf-8")
    assert "mlp(hidden=(16,), dropout=0.1)" in text
    assert "One hidden layer of 64 units" not in text
    again = compare(activations="relu,tanh", seeds=2, budget=1, epochs=1, out=tmp_path, workers=1)
    assert {r.spec.key for r in again.records}.isdisjoint(r.spec.key for r in result.records)


def test_a_study_file_names_a_network(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text('network = "mlp(hidden=(8,))"\n', encoding="utf-8")
    assert read_plan(path).network == "mlp(hidden=(8,))"


def test_build_network_takes_options_both_ways() -> None:
    one = build_network("mlp(hidden=(8,))", "telu", inputs=4)
    other = build_network("mlp", "telu", inputs=4, hidden=(8,))
    assert str(one) == str(other)
    assert peer_version("mlp") == ""
    build_network("mlp", generator=torch.Generator())
    for call in (lambda: build_network("mlp", widht=3), lambda: build_network("mlp(widht=3)"),
                 lambda: build_network("mlp(generator=None)")):  # fmt: skip
        with pytest.raises(ActlasError, match="mlp has no option"):
            call()


def test_a_task_of_ones_own_keeps_its_title(images: tuple[Task, Data]) -> None:
    own = replace(images[0], subject="")
    assert with_network(own, "mlp", images[1]).title == "noise (MLP), mlp"
    assert with_network(own, None, images[1]) is own
