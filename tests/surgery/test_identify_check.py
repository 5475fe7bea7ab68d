"""check_dialect: real models with the wrong GELU are warned of, right ones are not."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody uses
from torch import nn

import actlas
from actlas.errors import ActlasError
from actlas.surgery.identification import DialectWarning, Site, check, check_dialect
from tests.support.peers import peer

SMALL = {"hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2,
         "num_hidden_layers": 2, "vocab_size": 20}  # fmt: skip
# the model, its configuration, the key and the name it is built with, another name for that key
MODELS: dict[str, tuple[str, str, dict[str, Any], str, str, str]] = {
    "BERT": ("BertModel", "BertConfig", SMALL, "hidden_act", "gelu", "gelu_new"),
    "Llama": ("LlamaModel", "LlamaConfig", SMALL, "hidden_act", "silu", "gelu"),
    "GPT-2": ("GPT2Model", "GPT2Config", {"n_embd": 8, "n_layer": 2, "n_head": 2, "vocab_size": 20},
              "activation_function", "gelu_new", "gelu"),
    "CLIP": ("CLIPTextModel", "CLIPTextConfig", SMALL, "hidden_act", "quick_gelu", "gelu"),
    "T5": ("T5EncoderModel", "T5Config",
           {"d_model": 8, "d_ff": 16, "num_layers": 2, "num_heads": 2, "vocab_size": 20,
            "feed_forward_proj": "gated-gelu"}, "dense_act_fn", "gelu_new", "gelu"),
}  # fmt: skip


def checked(expected: Any, model: nn.Module, **options: Any) -> tuple[tuple[Site, ...], list[str]]:
    """Return the sites and the warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        sites = check_dialect(expected, model, **options)
    return sites, [str(w.message) for w in told if w.category is DialectWarning]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_models_of_transformers(name: str) -> None:
    transformers = peer("transformers")
    cls, config_cls, sizes, key, right, wrong = MODELS[name]
    config = getattr(transformers, config_cls)(**sizes)
    model = getattr(transformers, cls)(config)
    assert getattr(config, key) == right
    sites, told = checked(config, model)
    assert told == []
    assert sum(site.agrees for site in sites) == 2
    stated = {**vars(config), key: wrong}
    sites, told = checked(stated, model)
    assert len(told) == 1
    assert f"hf:{wrong}" in told[0]
    assert not any(site.agrees for site in sites)
    if name != "Llama":
        assert "and 1 more: computes" in told[0]
        assert "apart at most" in told[0]
    else:
        assert "no module of the model computes hf:gelu; its activation modules: silu" in told[0]


@pytest.mark.filterwarnings("ignore")
def test_a_vision_transformer_of_timm() -> None:
    timm = peer("timm")
    model = timm.create_model("vit_tiny_patch16_224", depth=2, embed_dim=12, num_heads=2,
                              act_layer="quick_gelu")  # fmt: skip
    assert checked("timm:quick_gelu", model)[1] == []
    sites, told = checked("timm:gelu", model)
    assert [site.text for site in sites] == ["quick_gelu", "quick_gelu"]
    assert told == ["blocks.0.mlp.act and 1 more: computes quick_gelu, but the checkpoint expects "
                    "timm:gelu (0.0203 apart at most)"]  # fmt: skip
    assert checked({"quick_gelu": True}, model)[1] == [], "the switch of OpenCLIP"


def test_other_modules_are_let_be() -> None:
    """A tanh in a pooler is another function, not a dialect; matrices and norms are not asked."""
    model = nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.BatchNorm1d(4), nn.Dropout(), nn.Tanh(),
                          nn.LayerNorm(4), nn.Softmax(-1), nn.Identity())  # fmt: skip
    sites, told = checked(F.gelu, model)
    assert [site.path for site in sites] == ["1", "4"]
    assert told == []
    assert checked(nn.GELU("tanh"), model)[1] == [
        "1: computes gelu, but the checkpoint expects GELU(approximate='tanh') (0.000473 apart at "
        "most)"
    ]
    none = checked("hf:gelu", nn.Linear(2, 2))
    assert none == ((), ["no module of the model computes hf:gelu; its activation modules: none of "
                         "any kind"])  # fmt: skip


def test_one_activation_alone() -> None:
    sites, told = checked("keras2:hard_sigmoid", nn.Hardsigmoid())
    assert sites[0].difference == pytest.approx(0.0833, abs=1e-3)
    assert told == ["the module: computes hard_sigmoid, but the checkpoint expects "
                    "keras2:hard_sigmoid (0.0832 apart at most)"]  # fmt: skip
    assert checked("jax:gelu", actlas.nn.create("gelu_tanh"))[1] == []
    slopes = nn.Sequential(nn.PReLU(init=0.25), nn.PReLU(init=0.2))
    assert [site.agrees for site in checked("leaky_relu(negative_slope=0.25)", slopes)[0]] == [
        True, False]  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "model", "said"),
    [
        ({"hiden_act": "gelu"}, nn.GELU(), "Did you mean 'hiden_act'"),
        ({"hidden_act": "gelo"}, nn.GELU(), "'gelu'"),
        ("hf:llama", nn.GELU(), "gated unit"),
        ("gelu", F.gelu, "a torch.nn.Module"),
        ("hf:gelo", nn.GELU(), "'gelu'"),
    ],
)
def test_bad_input(expected: Any, model: Any, said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        check_dialect(expected, model)


def test_the_model_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.PReLU(), nn.Dropout()).train()
    state = torch.get_rng_state()
    checked("gelu", model)
    assert model.training
    assert all(module.training for module in model)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_blind_check_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: were kin taken for equal, GELU for QuickGELU would pass."""
    monkeypatch.setattr(check, "EXACT", 0.05)
    with pytest.raises(AssertionError):
        test_a_vision_transformer_of_timm()
