"""BERT, Llama and GPT-2 of transformers with functions of actlas: train, save, load."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import actlas
from actlas.errors import ActlasError
from actlas.integrations import Registration
from actlas.integrations import transformers as actlas_transformers
from tests.support.peers import peer

pytestmark = pytest.mark.filterwarnings("ignore")  # what transformers warns of is not ours

SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2,
         "num_hidden_layers": 2, "vocab_size": 40, "max_position_embeddings": 16}  # fmt: skip
# model class, config class, the name of the argument, the other sizes
MODELS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "BERT": ("BertForMaskedLM", "BertConfig", "hidden_act", SMALL),
    "Llama": ("LlamaForCausalLM", "LlamaConfig", "hidden_act", SMALL),
    "GPT-2": ("GPT2LMHeadModel", "GPT2Config", "activation_function",
              {"n_embd": 16, "n_layer": 2, "n_head": 2, "vocab_size": 40, "n_positions": 16}),
}  # fmt: skip
TOKENS = torch.arange(24).reshape(2, 12)


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture
def registered() -> Iterator[Registration]:
    peer("transformers")
    registration = actlas_transformers.register()
    yield registration
    registration.undo()


def build(kind: str, act: str) -> Any:
    model, config, key, sizes = MODELS[kind]
    home = peer("transformers")
    return getattr(home, model)(getattr(home, config)(**sizes, **{key: act}))


def sites(model: nn.Module) -> list[Any]:
    return [module for module in model.modules() if type(module).__module__ == "actlas.nn"]


def logits(model: Any) -> Tensor:
    with torch.no_grad():
        return model.eval()(TOKENS).logits  # type: ignore[no-any-return]


@pytest.mark.parametrize("act", ["telu", "actlas:telu", "actlas:swish"])
@pytest.mark.parametrize("kind", MODELS)
def test_a_step_and_a_round_trip(
    registered: Registration, tmp_path: Path, kind: str, act: str
) -> None:
    model = build(kind, act)
    assert len(sites(model)) == (3 if kind == "BERT" else 2)
    assert {type(site) for site in sites(model)} == {actlas.nn.class_of(act.split(":")[-1])}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    model.train()
    losses = []
    for _ in range(3):
        loss = model(TOKENS, labels=TOKENS).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    model.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert saved[MODELS[kind][2]] == act
    loaded = type(model).from_pretrained(tmp_path)
    assert torch.equal(logits(loaded), logits(model))
    if "swish" in act:
        assert all(site.beta.item() != 1.0 for site in sites(loaded)), "what was learned is back"


def test_what_a_checkpoint_lacks_gets_its_initial_value(
    registered: Registration, tmp_path: Path
) -> None:
    """A model saved with GELU is loaded with a function that learns its shape."""
    model = build("BERT", "gelu")
    model.save_pretrained(tmp_path)
    filler = [torch.full((1,), 3e33) for _ in range(2000)]
    del filler  # what lies in memory now is no sensible parameter
    loaded, info = type(model).from_pretrained(
        tmp_path, hidden_act="actlas:swish", output_loading_info=True
    )
    assert len(info["missing_keys"]) == 3
    assert [site.beta.item() for site in sites(loaded)] == [1.0, 1.0, 1.0]
    with torch.no_grad():
        for site in sites(loaded):
            site.beta.fill_(1.5)
    loaded.save_pretrained(tmp_path / "learned")
    again = type(model).from_pretrained(tmp_path / "learned")
    assert [site.beta.item() for site in sites(again)] == [1.5, 1.5, 1.5]
    again.init_weights()
    assert [site.beta.item() for site in sites(copy.deepcopy(again))] == [1.5, 1.5, 1.5]


def test_names_of_transformers_keep_their_meaning(registered: Registration) -> None:
    activations = peer("transformers.activations")
    assert type(activations.ACT2FN["gelu"]).__module__ == "transformers.activations"
    assert type(activations.ACT2FN["swish"]) is nn.SiLU
    assert type(activations.ACT2FN["actlas:swish"]) is actlas.nn.class_of("swish")
    assert {"gelu", "relu", "prelu", "swish"} <= set(registered.kept)
    assert activations.ACT2FN["telu"] is not activations.ACT2FN["telu"], "one for each layer"
    assert type(activations.get_activation("tanhexp")) is actlas.nn.class_of("telu")


def test_registering_is_idempotent_and_undone() -> None:
    activations = peer("transformers.activations")
    tables = [activations.ACT2CLS, activations.ACT2FN]
    before = [list(dict.items(table)) for table in tables]
    first, again = actlas_transformers.register(), actlas_transformers.register()
    assert len(first.added) > 200
    assert repr(again).startswith("<Registration: 0 names added")
    assert first.kept == again.kept
    first.undo()
    assert [list(dict.items(table)) for table in tables] == before
    asked = actlas_transformers.register(overwrite=["gelu", "silu"])
    assert set(asked.replaced) == {"gelu", "silu"}
    assert type(activations.ACT2FN["gelu"]) is actlas.nn.class_of("gelu")
    asked.undo()
    assert sorted(map(str, dict.items(tables[1]))) == sorted(map(str, before[1]))


def test_without_the_name_loading_fails_and_with_it_works(tmp_path: Path) -> None:
    registration = actlas_transformers.register() if peer("transformers") else None
    assert registration is not None
    model = build("GPT-2", "telu")
    model.save_pretrained(tmp_path)
    registration.undo()
    with pytest.raises(KeyError, match="telu"):
        type(model).from_pretrained(tmp_path)
    with pytest.raises(ActlasError, match="not a name that both libraries have"):
        actlas_transformers.register(overwrite=["nothing"])
    registration = actlas_transformers.register()
    assert torch.equal(logits(type(model).from_pretrained(tmp_path)), logits(model))
    registration.undo()


def test_the_monitor_sees_the_sites_of_transformers(registered: Registration) -> None:
    """Both actlas's functions and transformers' own are sites."""
    for act in ("telu", "gelu_new"):
        model = build("GPT-2", act)
        with actlas.monitor(model, every=1) as watch:
            model(TOKENS, labels=TOKENS).loss.backward()
        report = watch.report()
        assert [site.site for site in report.sites] == [
            "transformer.h.0.mlp.act", "transformer.h.1.mlp.act",
        ]  # fmt: skip
        assert all(site.channels == 64 and site.gradient > 0 for site in report.sites)
        assert all(site.saturated >= 0 for site in report.sites)
