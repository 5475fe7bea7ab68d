"""timm's own models with functions of actlas, by name and by class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

import actlas
from actlas.errors import ActlasError
from actlas.integrations import Registration
from actlas.integrations import timm as actlas_timm
from tests.support.peers import peer

# One small model of each architecture; the last one does not take names.
BY_NAME = ["test_resnet", "test_vit", "test_convnext", "test_efficientnet", "test_byobnet"]
BY_CLASS = [*BY_NAME, "test_vit_relpos"]


@pytest.fixture
def registered() -> Iterator[Registration]:
    peer("timm")
    registration = actlas_timm.register()
    yield registration
    registration.undo()


def trains(model: nn.Module, cls: type[nn.Module]) -> None:
    """The class is in the model, one training step changes it, and its checkpoint loads again."""
    sites = [module for module in model.modules() if type(module) is cls]
    assert len(sites) >= 4
    assert len(set(map(id, sites))) == len(sites)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    size = model.pretrained_cfg["input_size"][-1]  # type: ignore[index]
    x = torch.randn(2, 3, size, size, generator=generator)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(x).square().mean().backward()
    optimizer.step()
    assert any(not torch.equal(before[n], v) for n, v in model.state_dict().items())
    assert model.load_state_dict(before, strict=True)
    model.eval()
    assert model(x).isfinite().all()


@pytest.mark.parametrize("architecture", BY_NAME)
def test_by_name(registered: Registration, architecture: str) -> None:
    model = peer("timm").create_model(architecture, act_layer="telu")
    trains(model, actlas.nn.class_of("telu"))


@pytest.mark.parametrize("architecture", BY_CLASS)
def test_by_class(architecture: str) -> None:
    """A class needs no registration; this one learns its shape, and every site its own."""
    model = peer("timm").create_model(architecture, act_layer=actlas.nn.class_of("swish"))
    trains(model, actlas.nn.class_of("swish"))
    betas = [value for name, value in model.named_parameters() if name.endswith("beta")]
    assert len(betas) >= 4


def test_names_of_timm_keep_their_meaning(registered: Registration) -> None:
    layers = peer("timm.layers")
    assert layers.get_act_layer("gelu_tanh").__name__ == "GELUTanh"
    assert layers.get_act_layer("mish") is nn.Mish
    assert layers.get_act_layer("actlas:mish") is actlas.nn.class_of("mish")
    assert {"mish", "gelu", "swish"} <= set(registered.kept)
    assert "tanhexp" in registered.added
    assert layers.get_act_layer("TanhExp") is actlas.nn.class_of("telu")


def test_factories_of_timm_understand_the_names(registered: Registration) -> None:
    layers, x = peer("timm.layers"), torch.linspace(-3, 3, 7)
    expected = actlas.get("telu")(x)
    assert torch.equal(layers.create_act_layer("telu", inplace=True)(x.clone()), expected)
    assert torch.equal(layers.get_act_fn("telu")(x), expected)
    leaky = layers.create_act_layer("actlas:leaky_relu", negative_slope=0.5)
    assert leaky(torch.tensor([-1.0])).item() == -0.5


def tables() -> list[dict[str, Any]]:
    acts = peer("timm.layers.create_act")
    return [acts._ACT_LAYER_DEFAULT, acts._ACT_LAYER_ME, acts._ACT_FN_DEFAULT, acts._ACT_FN_ME]


def test_registering_is_idempotent_and_undone() -> None:
    before = [dict(table) for table in tables()]
    first = actlas_timm.register()
    again = actlas_timm.register()
    assert len(first.added) > 200
    assert again.added == again.replaced == again.changes == ()
    assert again.kept == first.kept
    again.undo()
    assert "telu" in tables()[0]
    first.undo()
    assert [dict(table) for table in tables()] == before


def test_overwriting_is_asked_for_and_undone() -> None:
    before = [dict(table) for table in tables()]
    layers = peer("timm.layers")
    registration = actlas_timm.register(overwrite=["mish"])
    assert registration.replaced == ("mish",)
    assert layers.get_act_layer("mish") is actlas.nn.class_of("mish")
    assert layers.get_act_layer("silu") is nn.SiLU
    registration.undo()
    assert [dict(table) for table in tables()] == before


def test_what_was_set_since_is_left_alone(registered: Registration) -> None:
    table = tables()[0]
    table["telu"] = nn.Tanh
    registered.undo()
    assert table.pop("telu") is nn.Tanh


def test_a_function_defined_later_comes_with_the_next_call(registered: Registration) -> None:
    actlas.define("late_arrival", "x * tanh(exp(a*x))", a=2.0)
    try:
        later = actlas_timm.register()
        assert later.added == ("late_arrival", "actlas:late_arrival")
        later.undo()
        assert "late_arrival" not in tables()[0]
    finally:
        actlas.forget("late_arrival")


@pytest.mark.parametrize(("overwrite", "sentence"), [
    ("mish", "overwrite is a list of names, got the string 'mish'"),
    (["mihs"], r"'mihs' is not a name that both libraries have. Did you mean 'mish'\?"),
    (["telu"], "'telu' is not a name that both libraries have"),
])  # fmt: skip
def test_bad_input_changes_nothing(overwrite: Any, sentence: str) -> None:
    before = [dict(table) for table in tables()]
    with pytest.raises(ActlasError, match=sentence):
        actlas_timm.register(overwrite=overwrite)
    assert [dict(table) for table in tables()] == before
