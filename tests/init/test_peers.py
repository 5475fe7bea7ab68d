"""autoinit_ on models of other libraries, where they are installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from actlas.init import autoinit_
from tests.init.networks import measure, normal, seeded
from tests.support.peers import peer

SMALL = {"vocab_size": 60, "num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 64,
         "intermediate_size": 128}  # fmt: skip
WORDS = torch.randint(0, 60, (16, 12), generator=seeded())


def llama() -> nn.Module:
    transformers = peer("transformers")
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL))  # type: ignore[no-any-return]


def bert() -> nn.Module:
    transformers = peer("transformers")
    return transformers.BertModel(transformers.BertConfig(**SMALL))  # type: ignore[no-any-return]


def gpt2() -> nn.Module:
    """With Conv1D layers, whose weights lie the other way round, and a tied head."""
    transformers = peer("transformers")
    config = transformers.GPT2Config(vocab_size=60, n_embd=64, n_layer=2, n_head=4,
                                     bos_token_id=0, eos_token_id=0)  # fmt: skip
    return transformers.GPT2LMHeadModel(config)  # type: ignore[no-any-return]


def vision(name: str) -> Callable[[], nn.Module]:
    return lambda: getattr(peer("torchvision.models"), name)()


def timm(name: str, **options: Any) -> Callable[[], nn.Module]:
    return lambda: peer("timm").create_model(name, **options)


IMAGES, TOKENS = normal(8, 3, 64, 64), {"input_ids": WORDS, "use_cache": False}
MODELS: dict[str, tuple[Callable[[], nn.Module], Any, int]] = {
    "torchvision resnet18": (vision("resnet18"), IMAGES, 21),
    "timm vit": (timm("vit_tiny_patch16_224", img_size=64, depth=6), IMAGES, 26),
    "timm mobilenetv4": (timm("mobilenetv4_conv_small"), IMAGES, 47),
    "transformers bert": (bert, {"input_ids": WORDS}, 13),
    "transformers llama": (llama, TOKENS, 15),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_models_of_other_libraries(name: str) -> None:
    """What comes into every layer is what the report says, within a factor of 1.6."""
    make, x, layers = MODELS[name]
    with torch.random.fork_rng(devices=[]):  # embeddings and norms keep the numbers they came with
        torch.manual_seed(0)
        model = make()
    report = autoinit_(model, x if isinstance(x, dict) else x[:2], generator=seeded(1))
    rows = {layer.name: layer for layer in report.layers}
    assert len(rows) == layers
    assert all(layer.status == "set" for layer in report.layers)
    found = {path: moments for path, moments in measure(model, x).items() if path in rows}
    assert len(found) > 0.7 * layers
    for path, (mean, variance, _) in found.items():
        said = rows[path].variance + rows[path].mean ** 2
        assert 0.6 <= (variance + mean**2) / said <= 1.6, path


@pytest.mark.slow
def test_gpt2_keeps_its_tied_table() -> None:
    report = autoinit_(gpt2(), TOKENS, generator=seeded())
    kinds = {layer.name: layer.status for layer in report.layers}
    assert kinds.pop("transformer.wte") == "a table of embeddings, left as it is"
    assert len(kinds) == 8
    assert set(kinds.values()) == {"set"}
