"""The structured units in general: the registry and PyTorch's conventions."""

from __future__ import annotations

import copy
import doctest
import importlib
import io
import pickle
import pkgutil
from typing import Any

import pytest
import torch
from torch import nn

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.nn import structured
from actlas.nn.structured import units
from tests.nn.units import (
    ALL,
    SHAPE,
    accepts,
    build,
    normal,
)

# ------------------------------------------------------------------------------------- the registry


def test_every_module_file_enters_a_unit() -> None:
    files = {m.name for m in pkgutil.iter_modules(structured.__path__) if m.name[0] != "_"}
    entered = {entry.cls.__module__.rpartition(".")[2] for entry in units().values()}
    assert entered == files
    assert len(files) >= 9


@pytest.mark.parametrize("name", ALL)
def test_an_entry_is_complete_and_importable(name: str) -> None:
    entry = units()[name]
    assert getattr(structured, entry.cls.__name__) is entry.cls
    assert entry.cls.__name__ in structured.__all__
    assert entry.paper.author
    assert entry.paper.arxiv
    assert 20 < len(entry.description) < 100
    assert entry.status == "verified" or entry.status_reason


def test_the_registry_refuses_bad_entries() -> None:
    def enter(text: str, **options: Any) -> None:
        cls = type("Nameless", (nn.Module,), {"__doc__": text})
        structured.unit(**{"id": "nameless", "paper": Paper("Nobody", 2000), **options})(cls)

    before = units()
    for options, part in [
        ({"aliases": ("Max-Out",)}, "belongs to 'maxout'"),
        ({"id": "Upper"}, "lower_snake_case"),
        ({"status": "rumour"}, "status is one of"),
        ({"status": "reconstructed"}, "status_reason"),
    ]:
        with pytest.raises(ActlasError, match=part):
            enter("A sentence.", **options)
    with pytest.raises(ActlasError, match="one sentence"):
        enter("no full stop")
    assert units() == before


@pytest.mark.parametrize("module", [m.name for m in pkgutil.iter_modules(structured.__path__)])
def test_the_examples_in_the_docstrings_run(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"{structured.__name__}.{module}"))
    assert found.failed == 0
    assert found.attempted > 0 or module.startswith("_")


# ----------------------------------------------------------------------- PyTorch's conventions, all


@pytest.mark.parametrize("name", ALL)
def test_state_copy_and_pickle(name: str) -> None:
    module, other = build(name).eval(), build(name).eval()
    other.load_state_dict(module.state_dict(), strict=True)
    buffer = io.BytesIO()
    torch.save(module.state_dict(), buffer)
    buffer.seek(0)
    torch.load(buffer, weights_only=True)
    x = normal()
    for twin in (other, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(twin(x), module(x))
        assert repr(twin) == repr(module)
    assert bool(module.state_dict()) == any(True for _ in module.parameters())


@pytest.mark.parametrize("name", [n for n in ALL if accepts(n, "device")])
def test_meta_device_dtype_and_reset(name: str) -> None:
    module = build(name, device="meta")
    assert all(p.is_meta for p in module.parameters())
    assert module(torch.empty(SHAPE, device="meta")).is_meta
    with torch.device("meta"):
        assert all(p.is_meta for p in build(name).parameters())
    module.to_empty(device="cpu").reset_parameters()
    assert torch.isfinite(module.eval()(normal())).all()
    floating = (p.dtype for p in build(name, dtype=torch.float64).parameters())
    assert set(floating) == {torch.float64}


@pytest.mark.parametrize("name", [n for n in ALL if accepts(n, "generator")])
def test_a_generator_leaves_global_random_state_alone(name: str) -> None:
    before = torch.get_rng_state()
    options = {"init": "official"} if accepts(name, "init") else {}
    outputs = [
        build(name, generator=torch.Generator().manual_seed(seed), **options)(normal())
        for seed in (3, 3, 4)
    ]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", [torch.int64, torch.complex64, torch.bool])
def test_input_that_is_not_floating_point_is_refused(name: str, dtype: torch.dtype) -> None:
    with pytest.raises(ActlasError, match=r"floating-point tensor, got torch\."):
        build(name)(torch.zeros(SHAPE).to(dtype))


@pytest.mark.parametrize("name", [n for n in ALL if accepts(n, "inplace") and n != "rrelu"])
def test_inplace_is_refused_with_a_reason(name: str) -> None:
    with pytest.raises(ActlasError, match=r"cannot work in place: .*; leave inplace=False"):
        build(name, inplace=True)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dtype_is_kept_and_half_precision_is_rounded_once(name: str, dtype: torch.dtype) -> None:
    module, x = build(name).eval(), normal().to(dtype)
    result = copy.deepcopy(module).to(dtype)(x)
    assert result.dtype == dtype
    if not list(module.parameters()) and dtype != torch.float64:
        assert torch.equal(result, module(x.float()).to(dtype))


@pytest.mark.parametrize("name", ALL)
def test_layouts_give_the_same_values(name: str) -> None:
    module, x = build(name).eval(), normal()
    expected = module(x)
    strided = torch.stack([x, x], -1)[..., 0]
    for other in (x.to(memory_format=torch.channels_last), strided):
        torch.testing.assert_close(module(other), expected, rtol=1e-5, atol=1e-6)
    assert module(x[:0]).shape == (0, *expected.shape[1:])


@pytest.mark.parametrize("name", ALL)
def test_gradients_and_second_gradients_agree_with_differences(name: str) -> None:
    module = build(name).double().eval()
    size = (2, 6, 2, 6)
    if name.startswith("frelu"):  # off the tie x = T(x), which an all-zero condition would meet
        module.requires_grad_(False)
    x = normal(size, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(module, (x,))
    assert torch.autograd.gradgradcheck(module, (x,))


@pytest.mark.parametrize("name", ALL)
def test_compile_of_the_full_graph(name: str) -> None:
    module, x = build(name).eval(), normal().requires_grad_()
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), module(x))


# torch's own forward mode compiles its decompositions with the deprecated torch.jit on first use.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", ALL)
def test_vmap_and_forward_mode_agree_with_plain_calls(name: str) -> None:
    module, x = build(name).eval(), normal((2, 2, 6, 4, 6))
    together = torch.vmap(module)(x)
    torch.testing.assert_close(together, torch.stack([module(one) for one in x]))
    direction = normal(x[0].shape, seed=1)
    _, tangent = torch.func.jvp(module, (x[0],), (direction,))
    _, pull = torch.func.vjp(module, x[0])
    weights = normal(tangent.shape, seed=2)
    torch.testing.assert_close(
        (tangent * weights).sum(), (direction * pull(weights)[0]).sum(), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("name", [n for n in ALL if not list(build(n).parameters())])
@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_extreme_inputs_give_finite_values_and_gradients(name: str, size: float) -> None:
    """Finite wherever float32 has a number for the truth: a product of halves may outgrow it."""
    x = size * normal()
    for result, truth in zip(
        _value_and_slope(name, x), _value_and_slope(name, x.double()), strict=True
    ):
        held = truth.abs() <= torch.finfo(torch.float32).max
        assert torch.isfinite(result[held]).all()
        assert not torch.isnan(result).any()


def _value_and_slope(name: str, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    x = x.clone().requires_grad_()
    y = build(name).to(x.dtype).eval()(x)
    return y.detach(), torch.autograd.grad(y.sum(), x)[0]
