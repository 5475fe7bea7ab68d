"""`actlas.identify` on what is no function of one number: gated units, refusals, and no traces."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody uses
from torch import nn

import actlas
from actlas import identify
from actlas.errors import ActlasError

# ------------------------------------------------------------------------------------- two halves


@pytest.mark.parametrize(
    ("function", "name", "parameters"),
    [
        (F.glu, "glu", {"layout": "gate_second"}),
        (nn.GLU(1), "glu", {"layout": "gate_second"}),
        (lambda g, u: F.silu(g) * u, "swiglu", {"layout": "two_tensors"}),
        (lambda x: F.relu(x[..., ::2]) * x[..., 1::2], "reglu", {"layout": "interleaved"}),
        (lambda x: F.gelu(x.chunk(2, -1)[1]) * x.chunk(2, -1)[0], "geglu",
         {"approximate": "none", "layout": "gate_second"}),
        (lambda g, u: F.gelu(g, approximate="tanh") * u, "geglu",
         {"approximate": "tanh", "layout": "two_tensors"}),
        (torch.mul, "bilinear", {"layout": "two_tensors"}),
        (lambda g, u: torch.tanh(torch.exp(g)) * g * u, "gated_unit",
         {"gate": "telu", "layout": "two_tensors"}),
        (lambda g, u: (u.clamp(-5, 5) + 1) * g.clamp(max=5) * torch.sigmoid(1.702 * g.clamp(max=5)),
         "clamped_swiglu",
         {"alpha": 1.702, "limit": 5.0, "offset": 1.0, "layout": "two_tensors"}),
        (actlas.nn.AndAIL(), "and_ail", {}),
    ],
    ids=["F.glu", "nn.GLU", "SwiGLU", "ReGLU interleaved", "GEGLU second", "GEGLU tanh", "mul",
         "any gate", "clamped", "logic"],
)  # fmt: skip
def test_gated_units(function: Any, name: str, parameters: dict[str, Any]) -> None:
    found = identify(function)
    assert (found.id, found.exact) == (name, True), str(found)
    assert found.parameters == parameters
    if "layout" in parameters:
        g, u = (torch.linspace(-3, 3, 12).reshape(2, 6) for _ in range(2))
        given = (g, u) if parameters["layout"] == "two_tensors" else (torch.cat([g, u], 1),)
        torch.testing.assert_close(found.create()(*given), function(*given))


def test_gated_units_of_actlas_are_what_they_are() -> None:
    for name in ("swiglu", "glu", "clamped_swiglu"):
        found = identify(actlas.nn.create(name))
        assert (found.id, found.exact) == (name, True)
    other = identify(lambda u, g: F.silu(g) * u)
    assert other.notes == ("its gate is the second input",)
    odd = identify(lambda x: F.silu(x[..., 1::2]) * x[..., ::2])
    assert "odd places" in str(odd)
    assert "gate = " in str(identify(lambda g, u: F.silu(g) * u + 1e-4 * torch.sin(g), tolerance=1))


# --------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (F.dropout, "random: two calls"),
        (lambda x: x + torch.randn_like(x), "random: two calls"),
        (nn.Softmax(dim=1), "not element-wise"),
        (nn.LayerNorm(4), "not element-wise"),
        (lambda x: torch.cumsum(x, 0), "not element-wise"),
        (torch.sum, "makes shape"),
        (nn.Conv2d(3, 3, 3), "cannot be called on floating-point numbers"),
        (nn.Embedding(3, 4), "cannot be called on floating-point numbers"),
        (torch.bitwise_not, "cannot be called on floating-point numbers"),
        (torch.frexp, "returns 2 results"),
        (nn.LSTM(4, 4), "returns 2 results"),
        (lambda x: None, "returns nothing"),
        (torch.fft.fft, "complex128 instead of real"),
        (nn.MultiheadAttention(4, 1), "takes 3 inputs"),
        (F.threshold, "functools.partial"),
        (torch.matmul, "of two tensors of shape"),
        (lambda g, u: g + u, "no gated unit"),
        (nn.Threshold, "give an instance"),
        (nn.PReLU(device="meta"), "meta device"),
        (nn.Linear(1001, 1001), "it is a network"),
        (lambda x: x * float("nan"), "hardly a finite number"),
        (lambda x: torch.ones_like(x) / 2, "is the constant 0.5"),
        (3, "int cannot be called"),
        ("gelo", "'gelu'"),
        ("jax:gelo", "'gelu'"),
        ("jaxx:gelu", "'jax'"),
        ("jax:gelu(approx=tanh)", "its options: approximate"),
        ("onnx:LeakyRelu(alpha=steep)", "alpha"),
        ("torch:geluu", "'GELU'"),
        ("torch:ELU(beta=1)", "unexpected keyword"),
        ("x*sigmoyd(x)", "'sigmoid'"),
        ("maxout", "structured unit"),
        ("elu(alpha=-1)", "alpha must be"),
        ("elu(alpha)", "name(option=value)"),
    ],
)
def test_a_refusal_is_one_sentence(thing: Any, said: str) -> None:
    with pytest.raises(ActlasError) as caught:
        identify(thing)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"interval": (1, -1)}, "from a low to a high"),
        ({"interval": (0, math.inf)}, "from a low to a high"),
        ({"interval": 3}, "two numbers"),
        ({"tolerance": 0}, "above 0"),
        ({"library": "jax"}, "belong to a name"),
        ({"alpha": 1.0}, "belong to a name"),
    ],
)
def test_bad_options(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        identify(F.gelu, **options)


def test_nothing_is_changed() -> None:
    module = nn.Sequential(nn.PReLU(2), nn.Dropout())
    module[0].weight.grad = torch.ones(2)
    before, state = copy.deepcopy(module.state_dict()), torch.get_rng_state()
    identify(module[0])
    identify(module[1])
    for thing in (F.dropout, torch.rand_like):
        with pytest.raises(ActlasError):
            identify(thing)
    assert module.training
    assert module[1].training
    assert torch.equal(module[0].weight.grad, torch.ones(2))
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    watched, seen = nn.PReLU(), []
    watched.register_forward_hook(lambda *_: seen.append(1))
    identify(watched)
    assert not seen, "a hook of the user's has run"
    x = torch.ones(3)
    identify(lambda y: torch.relu_(y) + 0 * x.sum())
    assert torch.equal(x, torch.ones(3))
