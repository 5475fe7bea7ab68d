"""Models of timm and transformers: replaced, run, trained a step, saved, loaded, put back."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import actlas
from tests.support.peers import peer
from tests.surgery.replace_models import ResNet, ViT, draw

pytestmark = [
    pytest.mark.xdist_group("peers"),  # these packages take long to import: once per run
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning"),
]
Make = Callable[[], nn.Module]
WORDS = torch.arange(14).reshape(2, 7) % 11


def timm_model(name: str, **options: Any) -> Make:
    return lambda: peer("timm").create_model(name, pretrained=False, num_classes=3, **options)


def language_model(name: str, **options: Any) -> Make:
    def make() -> nn.Module:
        transformers = peer("transformers")
        config = getattr(transformers, f"{name}Config")(vocab_size=11, **options)
        kind = {"Bert": "BertForMaskedLM", "Llama": "LlamaForCausalLM", "GPT2": "GPT2LMHeadModel"}
        model: nn.Module = getattr(transformers, kind[name])(config)
        return model

    return make


_SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
          "intermediate_size": 24}  # fmt: skip
_SMALL_GPT = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 8, "bos_token_id": 0,
              "eos_token_id": 0}  # fmt: skip

# How it is made, its input, the old function, the new one, and at how many places.
MODELS: dict[str, tuple[Make, Tensor, str, str, int]] = {
    "resnet": (ResNet, draw(2, 3, 5, 5), "relu", "pvlu", 12),
    "vit": (ViT, draw(2, 3, 8, 8), "gelu", "swish", 2),
    "timm resnet10t": (timm_model("resnet10t"), draw(2, 3, 32, 32), "relu", "pvlu", 11),
    "timm vit": (
        timm_model("vit_tiny_patch16_224", img_size=32, depth=2), draw(2, 3, 32, 32), "gelu",
        "swish", 2),
    "timm efficientnet": (
        timm_model("test_efficientnet"), draw(2, 3, 32, 32), "silu", "swish", 11),
    "timm convnext": (
        timm_model("convnext_atto", depths=(1, 1, 2, 1), dims=(8, 16, 24, 32)),
        draw(2, 3, 32, 32), "gelu", "telu", 5),
    "timm mobilenet": (
        timm_model("mobilenetv3_small_050"), draw(2, 3, 32, 32), "hard_swish", "telu", 19),
    "timm densenet": (
        timm_model("densenet121", growth_rate=8, block_config=(2, 2, 2, 2)),
        draw(2, 3, 32, 32), "relu", "prelu", 21),
    "bert": (language_model("Bert", **_SIZES), WORDS, "gelu", "telu", 3),
    "llama": (language_model("Llama", **_SIZES, num_key_value_heads=2), WORDS, "silu", "swish", 2),
    "gpt2": (language_model("GPT2", **_SMALL_GPT), WORDS, "gelu", "telu", 2),
}  # fmt: skip


def output(model: nn.Module, x: Tensor) -> Tensor:
    found = model(x)
    logits: Tensor = getattr(found, "logits", found)
    return logits


@pytest.fixture(autouse=True)
def _seeded() -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_somebody_else(name: str) -> None:
    make, x, old, new, places = MODELS[name]
    model = make().eval()
    keys = list(model.state_dict())
    with torch.no_grad():
        before = output(model, x)
        report = actlas.replace(model, {old: new})
        assert (len(report.replaced), len(report.refused)) == (places, 0)
        changed = output(model, x)
    learned = any(p.learnable for p in actlas.get(new).parameters.values())
    assert (list(model.state_dict()) == keys) is not learned
    if new != "swish" or old != "silu":  # swish(beta=1) is silu: nothing changes there
        assert not torch.equal(changed, before) or not before.any()

    train_a_step(model, x)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = make().eval()
    actlas.replace(other, {old: new})
    other.load_state_dict(torch.load(file, weights_only=True), strict=True)
    with torch.no_grad():
        assert torch.equal(output(other, x), output(model, x))
        values = {key: other.state_dict()[key] for key in keys}
        report.undo()
        assert list(model.state_dict()) == keys
        fresh = make().eval()
        fresh.load_state_dict(values)
        assert torch.equal(output(model, x), output(fresh, x)), "bit for bit what never changed"


def train_a_step(model: nn.Module, x: Tensor) -> None:
    """One step in evaluation mode: normalisations of untrained nets have no figures to update."""
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    output(model, x).square().mean().backward()
    for name, module in model.named_modules():
        if isinstance(module, tuple(KINDS)):
            assert all(p.grad is not None for p in module.parameters()), name
    optimizer.step()


KINDS = [actlas.nn.PVLU, actlas.nn.Swish, actlas.nn.PReLU, actlas.nn.TeLU]


def test_a_pretrained_network_of_somebody_else_is_unchanged() -> None:
    """Warm starts through a whole network: ReLU to PVLU, SiLU to Swish."""
    for name, bound in (("timm resnet10t", 0.0), ("llama", 1e-5)):
        make, x, old, new, _ = MODELS[name]
        model = make().eval()
        with torch.no_grad():
            before = output(model, x)
            report = actlas.replace(model, {old: new}, warm_start=True)
            assert report.difference == 0.0
            assert all(row.same_bits for row in report.replaced) or bound
            torch.testing.assert_close(output(model, x), before, rtol=0, atol=bound)


def test_gradient_checkpointing_of_transformers() -> None:
    make, x, old, new, _ = MODELS["llama"]
    model = make()
    actlas.replace(model, {old: new})
    output(model, x).square().mean().backward()
    plain = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    model.train().gradient_checkpointing_enable()  # type: ignore[operator]
    output(model, x).square().mean().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, plain[name])


def test_weights_before_are_found_in_transformers() -> None:
    """Where the function is registered says nothing; what feeds it is read from the code."""
    for name, layer in (("gpt2", "c_fc"), ("llama", "gate_proj"), ("bert", "dense")):
        make, _, old, _, _ = MODELS[name]
        model = make()
        saved = {key: p.detach().clone() for key, p in model.named_parameters()}
        report = actlas.replace(model, {old: "tanh"}, rescale=True)
        changed = [key for key, p in model.named_parameters() if not torch.equal(p, saved[key])]
        assert len(changed) == len(report.replaced), name
        assert all(key.endswith(f"{layer}.weight") for key in changed), changed
        report.undo()
        assert all(torch.equal(p, saved[key]) for key, p in model.named_parameters())
