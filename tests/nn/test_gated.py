"""Gated units: any gate, four layouts, clamped dialects, and weights carried between layouts."""

from __future__ import annotations

import copy
import doctest
import inspect
import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody uses
from torch import Tensor, nn

import actlas
from actlas.catalogue import Definition
from actlas.errors import ActlasError
from actlas.nn import gated
from actlas.nn.gated.layout import LAYOUTS, convert, convert_state, join, split
from actlas.nn.gated.product import definition
from actlas.nn.structured import find_unit, units
from actlas.nn.structured.gated import GatedUnit
from tests.conftest import ENTRIES, over
from tests.nn.units import normal
from tests.support.peers import peer

ROOT = Path(__file__).parents[2]
ONE = [entry for entry in ENTRIES if len(entry.inputs) == 1]
NAMED = sorted(
    name for name, unit in units().items()
    if issubclass(unit.cls, GatedUnit) and unit.cls is not GatedUnit
)  # fmt: skip
PACKED = [layout for layout in LAYOUTS if layout != "two_tensors"]


def pair(shape: tuple[int, ...] = (5, 8), **options: Any) -> tuple[Tensor, Tensor]:
    g, u = (3 * normal(shape, seed, dtype=torch.float64) for seed in (0, 1))
    return g.to(**options), u.to(**options)


# ------------------------------------------------------------------------------------- any gate


@over(ONE)
def test_any_function_is_a_gate(entry: Definition) -> None:
    """The product and both gradients, against the function and its derivative taken alone."""
    g, u = (half.requires_grad_() for half in pair())
    function = actlas.get(entry.name)
    unit = actlas.nn.GatedUnit(entry.name, layout="two_tensors", dtype=torch.float64)
    y = unit(g, u)
    slopes = torch.autograd.grad(y.sum(), (g, u))
    f, df = function(g.detach()), function.derivative()(g.detach())
    for found, truth in ((y, f * u), (slopes[0], df * u), (slopes[1], f)):
        torch.testing.assert_close(found.detach(), truth.detach(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("glu", lambda x: F.glu(x, -1)),
        ("reglu", lambda x: F.relu(x[..., :4]) * x[..., 4:]),
        ("swiglu", lambda x: F.silu(x[..., :4]) * x[..., 4:]),
        ("geglu", lambda x: F.gelu(x[..., :4]) * x[..., 4:]),
        ("bilinear", lambda x: x[..., :4] * x[..., 4:]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_units_of_the_papers(name: str, theirs: Any) -> None:
    x = 3 * normal((6, 8), dtype=torch.float64)
    assert (actlas.nn.create(name)(x) - theirs(x)).abs().max() < 1e-14
    assert torch.equal(getattr(gated, name)(x), actlas.nn.create(name)(x))


@pytest.mark.parametrize("name", NAMED)
def test_functional_and_module_agree(name: str) -> None:
    g, u = pair()
    unit = actlas.nn.create(name, layout="two_tensors")
    function = getattr(gated, name)
    assert torch.equal(function(g, u, layout="two_tensors"), unit(g, u))
    halves = {"gate": unit.gate_function, "linear": unit.linear_function}
    slots = inspect.signature(type(unit)).parameters
    numbers = {n: s.default for n, s in slots.items() if n not in ("dim", "layout", "inplace")}
    assert torch.equal(gated.gated(g, u, layout="two_tensors", **halves, **numbers), unit(g, u))
    assert function.__name__ == name


def test_backward_keeps_the_halves_and_nothing_else() -> None:
    g, u = pair()
    kept: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, id):
        actlas.nn.create("swiglu", layout="two_tensors")(g.requires_grad_(), u.requires_grad_())
    assert kept == [g.numel(), u.numel()]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_rounded_once(dtype: torch.dtype) -> None:
    g, u = pair((200, 8), dtype=dtype)
    y = gated.gated(g, u, gate="mish", layout="two_tensors")
    truth = F.mish(g.double()) * u.double()
    assert y.dtype == dtype
    torch.testing.assert_close(y.float(), truth.to(dtype).float(), rtol=2 * torch.finfo(dtype).eps,
                               atol=1e-6)  # fmt: skip


def test_a_learned_gate_trains_and_is_stored() -> None:
    unit = actlas.nn.create("gated_unit", "swish", num_parameters=4, dim=1)
    x = normal((2, 8, 3)).requires_grad_()
    unit(x).sum().backward()
    assert list(unit.state_dict()) == ["gate.beta"]
    assert unit.gate.beta.grad.abs().min() > 0
    with torch.no_grad():
        unit.gate.beta.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    g, u = x.chunk(2, 1)
    truth = g * torch.sigmoid(torch.tensor([1.0, 2.0, 3.0, 4.0])[:, None] * g) * u
    torch.testing.assert_close(unit(x), truth)
    unit.reset_parameters()
    assert torch.equal(unit.gate.beta.detach(), torch.ones(4))
    meta = actlas.nn.GatedUnit("swish", device="meta", dtype=torch.float64)
    assert meta.gate.beta.is_meta
    assert meta.gate.beta.dtype == torch.float64
    assert not actlas.nn.GatedUnit("swish", learnable=False).state_dict()
    assert not list(actlas.nn.GatedUnit("relu", device="meta").parameters())


def test_a_formula_is_a_gate() -> None:
    unit = actlas.nn.GatedUnit("min(x*sigmoid(x), limit)", "max(-limit, min(x, limit))", limit=2.0)
    x = 4 * normal((6, 8), dtype=torch.float64)
    g, u = x.chunk(2, -1)
    torch.testing.assert_close(unit(x), F.silu(g).clamp(max=2) * u.clamp(-2, 2))
    assert torch.equal(copy.deepcopy(unit)(x), unit(x))
    assert "limit=2.0" in repr(unit)
    tensor = torch.tensor(2.0, requires_grad=True)
    y = gated.gated(x, gate="min(x*sigmoid(x), limit)", limit=tensor)
    torch.autograd.grad(y.sum(), tensor)


# -------------------------------------------------------------------------------------- layouts


@pytest.mark.parametrize("dim", [-1, 0, 1])
@pytest.mark.parametrize("layout", PACKED)
def test_split_and_join_are_inverse(layout: str, dim: int) -> None:
    x = torch.arange(6 * 4 * 8).reshape(6, 4, 8)
    gate, linear = split(x, layout, dim)
    assert torch.equal(join(gate, linear, layout, dim), x)
    assert gate.untyped_storage().data_ptr() == x.untyped_storage().data_ptr(), "a copy"


def test_where_each_layout_has_the_gate() -> None:
    x = torch.arange(6)
    gates = {layout: split(x, layout)[0].tolist() for layout in PACKED}
    assert gates == {"gate_first": [0, 1, 2], "gate_second": [3, 4, 5], "interleaved": [0, 2, 4]}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("dim", [-1, 1])
def test_all_layouts_compute_the_same(name: str, dim: int) -> None:
    g, u = pair((4, 6, 6))
    expected = actlas.nn.create(name, dim=dim, layout="two_tensors")(g, u)
    for layout in PACKED:
        unit = actlas.nn.create(name, dim=dim, layout=layout)
        assert torch.equal(unit(join(g, u, layout, dim)), expected), layout


def test_the_default_layouts() -> None:
    """All gate with the first half but GLU, which is torch.nn.GLU, and the unit of gpt-oss."""
    default = {name: actlas.nn.create(name).layout for name in NAMED}
    assert {n: v for n, v in default.items() if v != "gate_first"} == {
        "glu": "gate_second", "clamped_swiglu": "interleaved"}  # fmt: skip
    x = normal((3, 6))
    torch.testing.assert_close(actlas.nn.GLU(1)(x), nn.GLU(1)(x))


@pytest.mark.parametrize(("old", "new"), list(itertools.product(LAYOUTS, LAYOUTS)))
@pytest.mark.parametrize("dim", [0, -1])
def test_converted_weights_are_the_same_numbers(old: str, new: str, dim: int) -> None:
    gate, linear = normal((6, 6)), normal((6, 6), seed=1)
    weights = (gate, linear) if old == "two_tensors" else join(gate, linear, old, dim)
    there = convert(weights, old, new, dim)
    found = there if new == "two_tensors" else split(there, new, dim)  # type: ignore[arg-type]
    assert torch.equal(found[0], gate)
    assert torch.equal(found[1], linear)
    again = convert(there, new, old, dim)
    assert all(torch.equal(a, b) for a, b in zip(_both(again), _both(weights), strict=True))


def _both(weights: Any) -> tuple[Tensor, ...]:
    return weights if isinstance(weights, tuple) else (weights,)


# -------------------------------------------------------------------------------- whole blocks


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_block_computes_the_same_in_every_layout(layout: str, bias: bool) -> None:
    def block(layout: str) -> Any:
        return actlas.nn.GatedMLP(6, 10, gate="telu", bias=bias, layout=layout,
                                  generator=torch.Generator().manual_seed(0))  # fmt: skip

    first, other = block("two_tensors"), block(layout)
    state = convert_state(first.state_dict(), "two_tensors", layout)
    other.load_state_dict(state, strict=True)
    x = normal((3, 6))
    torch.testing.assert_close(other(x), first(x), rtol=1e-5, atol=1e-6)
    back = convert_state(other.state_dict(), layout, "two_tensors")
    assert all(torch.equal(back[key], value) for key, value in first.state_dict().items())


@pytest.mark.parametrize(
    ("features", "multiple_of", "width"),
    [(4096, 256, 11008), (5120, 256, 13824), (6656, 256, 17920), (8192, 256, 22016), (64, 1, 170)],
)
def test_two_thirds_of_the_width(features: int, multiple_of: int, width: int) -> None:
    """The hidden widths of the four Llama models, and no more weights than a plain block has."""
    assert gated.hidden_width(features, multiple_of=multiple_of) == width
    if multiple_of == 1:
        assert 3 * features * width <= 2 * features * 4 * features
    assert actlas.nn.GatedMLP(features, device="meta", multiple_of=multiple_of).down_proj.weight \
        .shape == (features, width)  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # what transformers warns of is not ours
def test_the_block_of_llama() -> None:
    llama = peer("transformers.models.llama.modeling_llama")
    config = llama.LlamaConfig(hidden_size=8, intermediate_size=20, num_attention_heads=2)
    theirs = llama.LlamaMLP(config)
    ours = actlas.nn.GatedMLP(8, 20)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = normal((2, 3, 8))
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_the_block_of_t5() -> None:
    t5 = peer("transformers.models.t5.modeling_t5")
    config = t5.T5Config(d_model=8, d_ff=20, feed_forward_proj="gated-gelu", dropout_rate=0.0)
    theirs = t5.T5DenseGatedActDense(config).eval()
    ours = actlas.nn.GatedMLP(8, 20, gate="geglu", approximate="tanh")
    names = {"wi_0": "gate_proj", "wi_1": "up_proj", "wo": "down_proj"}
    state = {names[k.partition(".")[0]] + ".weight": v for k, v in theirs.state_dict().items()}
    ours.load_state_dict(state, strict=True)
    x = normal((2, 3, 8))
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-6)


# ------------------------------------------------------------------------------ clamped dialects

# module of transformers, class of its experts, what its _apply_gate reads, our unit
EXPERTS: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "gpt-oss": ("gpt_oss.modeling_gpt_oss", "GptOssExperts", {"alpha": 1.702, "limit": 7.0},
                {"name": "clamped_swiglu"}),
    "MiniMax-M3": ("minimax_m3_vl.modeling_minimax_m3_vl", "MiniMaxM3VLExperts",
                   {"swiglu_alpha": 1.702, "swiglu_limit": 7.0},
                   {"name": "clamped_swiglu", "layout": "gate_first"}),
    "DeepSeek-V4": ("deepseek_v4.modeling_deepseek_v4", "DeepseekV4Experts",
                    {"limit": 10.0, "act_fn": F.silu},
                    {"name": "gated_unit", "gate": "min(x, limit)*sigmoid(min(x, limit))",
                     "linear": "max(-limit, min(x, limit))", "limit": 10.0}),
    "Step-3.7": ("step3p7.modeling_step3p7", "Step3p7Experts", {"limit": 7.0, "act_fn": F.silu},
                 {"name": "gated_unit", "gate": "min(x*sigmoid(x), limit)",
                  "linear": "max(-limit, min(x, limit))", "limit": 7.0}),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", EXPERTS)
def test_a_clamped_dialect_is_that_of_its_model(model: str) -> None:
    module, cls, attributes, options = EXPERTS[model]
    theirs = getattr(peer(f"transformers.models.{module}"), cls)._apply_gate
    unit = actlas.nn.create(**options)
    x = (8 * normal((200, 12), dtype=torch.float64)).requires_grad_()
    expected, found = theirs(SimpleNamespace(**attributes), x), unit(x)
    assert (x.abs() > 7).any(), "no input is clamped"
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    slopes = [torch.autograd.grad(y.sum(), x)[0] for y in (found, expected)]
    torch.testing.assert_close(*slopes, rtol=1e-12, atol=1e-12)


def test_a_plain_swiglu_is_no_clamped_one() -> None:
    x = 8 * normal((50, 12))
    away = gated.clamped_swiglu(x) - gated.swiglu(x, layout="interleaved")
    assert away.abs().max() > 10


# --------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: actlas.nn.GatedUnit("telo"), "'telu'"),
        (lambda: actlas.nn.GatedUnit("and_il"), "two inputs"),
        (lambda: actlas.nn.GatedUnit("swish", betta=1.0), "'beta'"),
        (lambda: actlas.nn.GatedUnit("elu", alpha=-1.0), "alpha must be"),
        (lambda: actlas.nn.GatedUnit("min(x, limit)", limt=1.0), "'limt'"),
        (lambda: actlas.nn.GatedUnit("log(1 + exp(x))"), "softplus"),
        (lambda: actlas.nn.GatedUnit(3), "a name or a formula"),
        (lambda: actlas.nn.GatedUnit("relu", layout="first"), "'gate_first'"),
        (lambda: actlas.nn.SwiGLU(inplace=True), "cannot work in place"),
        (lambda: gated.swiglu(normal((2, 6)), layuot="gate_first"), "'layout'"),
        (lambda: gated.swiglu(normal((2, 5))), "5 is odd"),
        (lambda: gated.swiglu(normal((2, 6)), dim=3), "no dimension 3"),
        (lambda: gated.swiglu(normal((2, 6)), normal((2, 6))), "one packed tensor, got 2"),
        (lambda: gated.swiglu(normal((2, 6)), layout="two_tensors"), "the gate and the linear"),
        (lambda: gated.gated(normal((2, 6)), normal((2, 4)), layout="two_tensors"), "one shape"),
        (lambda: gated.gated(torch.arange(4)), "floating-point"),
        (lambda: actlas.nn.GatedUnit("prelu", num_parameters=2)(normal((2, 6))), "2 values"),
        (lambda: gated.hidden_width(0), "at least 1"),
        (lambda: gated.hidden_width(64, expansion=-1.0), "above 0"),
        (lambda: convert(normal((4, 4)), "two_tensors", "gate_first"), "needs a pair"),
        (lambda: convert((normal((4, 4)),) * 2, "gate_first", "interleaved"), "one tensor"),
        (lambda: convert(normal((4, 4)), "gate_first", "pair"), "must be one of"),
        (lambda: convert_state({"a.weight": normal((4, 4))}, "gate_first", "interleaved"),
         "'gate_up_proj'"),
        (lambda: convert_state({"m.gate_proj.weight": normal((4, 4))}, "two_tensors",
                               "gate_first"), "m.up_proj.weight"),
        (lambda: actlas.nn.GatedMLP(0), "in_features"),
        (lambda: actlas.nn.GatedMLP(4, gate="swigluu"), "no activation called"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(make: Any, said: str) -> None:
    with pytest.raises(ActlasError, match=said.replace("(", r"\(")) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_names_of_units_are_found_in_one_place() -> None:
    assert find_unit("Swi-GLU") is units()["swiglu"]
    assert find_unit("swigluoai") is units()["clamped_swiglu"]
    assert find_unit("mish") is None
    assert find_unit("ACONC") is not None
    assert find_unit("AconC") is None, "the catalogue's own function, by its case alone"
    with pytest.raises(ActlasError, match=r"actlas\.nn\.create\('swiglu'"):
        actlas.get("SwiGLU")
    assert definition("Leaky-ReLU").name == "leaky_relu"


def test_the_page_of_the_docs_runs() -> None:
    page = ROOT / "docs" / "gated.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted > 8
    assert result.failed == 0


# ------------------------------------------------------------------------------- planted faults


def test_a_swapped_layout_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from actlas.nn.gated import layout as module

    true = module.split
    monkeypatch.setattr(module, "split", lambda *a, **k: true(*a, **k)[::-1])
    with pytest.raises(AssertionError):
        test_converted_weights_are_the_same_numbers("interleaved", "two_tensors", 0)


def test_a_forgotten_clamp_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = "max(-limit - 1, min(x, limit)) + offset"
    monkeypatch.setattr(units()["clamped_swiglu"].cls, "linear_function", plain)
    with pytest.raises(AssertionError):
        test_a_clamped_dialect_is_that_of_its_model("gpt-oss")
