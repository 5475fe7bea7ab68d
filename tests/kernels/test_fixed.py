"""The short way of small tensors: which calls take it, and that it changes nothing."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad
from torch.utils.flop_counter import FlopCounterMode

import actlas
from actlas.expr import symbol
from actlas.kernels import autograd
from actlas.kernels.autograd import elementwise
from actlas.kernels.cpu.runtime import engine
from actlas.kernels.cpu.tensors import introduce, is_plain
from actlas.kernels.fixed import Fixed
from actlas.nn import _apply, _module, functional
from actlas.nn.functional import function_of
from tests.conftest import ENTRIES, over

pytestmark = pytest.mark.skipif(not engine().active, reason="the engine does not run here")
SIZE = 50


def drawn(count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(SIZE, generator=generator) for _ in range(count)]


def results(name: str, *, short: bool) -> list[torch.Tensor]:
    """Return value, gradients and second gradients of a function, by the short way or not."""
    entry = actlas.get(name).definition
    xs = [x.requires_grad_() for x in drawn(len(entry.inputs))]
    module = engine().module
    names = ("serves", "value", "gradients", "write")
    closed = patch.multiple(module, **dict.fromkeys(names, lambda *xs: None))
    with nullcontext() if short else closed:
        for _ in range(2):  # the long way, which opens the short one
            y = function_of(entry)(*xs)
        first = torch.autograd.grad(y.square().sum(), xs, create_graph=True)
        second = torch.autograd.grad(sum(g.sum() for g in first), xs)
    return [y, *first, *second]


@over(ENTRIES)
def test_the_same_both_ways(entry: actlas.catalogue.Definition) -> None:
    for one, other in zip(*(results(entry.name, short=way) for way in (True, False)), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The number of tensors that each run by the short way reads; every way is made anew."""
    monkeypatch.setattr(functional, "SHORT", {})
    monkeypatch.setattr(_apply, "SHORT", functional.SHORT)
    for one in autograd._shared:
        monkeypatch.setattr(one, "fixed", {})
    found: list[int] = []
    module: Any = engine().module
    asked, made, pulled = module.value, module.into, module.gradients

    def value(handle: Any, *xs: torch.Tensor) -> torch.Tensor | None:
        y: torch.Tensor | None = asked(handle, *xs)
        found.extend([] if y is None else [len(xs)])
        return y

    def into(handle: Any, *xs: torch.Tensor) -> Any:
        found.append(len(xs))
        return made(handle, *xs)

    def gradients(handle: Any, wanted: tuple[int, ...], *xs: torch.Tensor) -> Any:
        y = pulled(handle, wanted, *xs)
        found.extend([] if y is None else [len(xs)])
        return y

    with patch.multiple(module, value=value, into=into, gradients=gradients):
        yield found


@pytest.mark.parametrize(
    "name", ["silu", "gelu", "pau", "rowdy_tanh", "prelu", "xnor_il", "identity"]
)
def test_every_kind_of_function_takes_it(name: str, runs: list[int]) -> None:
    """One tensor or two; scalars, vectors and choices for parameters, at their defaults."""
    entry = actlas.get(name).definition
    count = len(entry.inputs)
    xs = [x.requires_grad_() for x in drawn(count)]
    for _ in range(3):
        function_of(entry)(*xs).backward(torch.ones(SIZE))
    backward = [] if name == "identity" else [count + 1]  # a gradient that goes through as it is
    assert runs == 3 * [count, *backward]


def test_modules_with_numbers_take_it(runs: list[int]) -> None:
    x = drawn(1)[0]
    module = actlas.nn.create("leaky_relu", negative_slope=0.3)
    for slope in (0.3, 0.4, 0.3):
        module.negative_slope = slope
        assert torch.equal(module(x), torch.nn.functional.leaky_relu(x, slope))
    assert runs == [1, 1, 1]


@pytest.mark.parametrize("kind", ["shape", "dtype", "stride"])
def test_pairs_that_differ_go_the_long_way(kind: str, runs: list[int]) -> None:
    x, y = drawn(2)
    x, y = {"shape": (x.reshape(5, 10), y[:10]), "dtype": (x, y.bfloat16()),
            "stride": (x, torch.stack([y, y], 1)[:, 0])}[kind]  # fmt: skip
    found = actlas.functional.and_ail(x, y)
    truth = actlas.functional.and_ail(x.double(), y.double().expand(x.shape))
    torch.testing.assert_close(found.double(), truth, rtol=1e-2, atol=1e-2)
    assert not runs


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("kind", ["0-D", "1-D", "empty"])
def test_one_number_for_all_takes_it(kind: str, dtype: torch.dtype, runs: list[int]) -> None:
    """Its gradient is the sum; in single precision, as parameters are, by the short way too."""
    x = drawn(1)[0][: 0 if kind == "empty" else SIZE].requires_grad_()
    slope = torch.tensor(0.3, dtype=dtype).reshape(() if kind == "0-D" else (1,)).requires_grad_()
    weight = torch.linspace(-1, 2, len(x))
    found = torch.autograd.grad(actlas.functional.prelu(x, slope), (x, slope), weight)
    assert [g.dtype for g in found] == [torch.float32, dtype]
    assert found[1].shape == slope.shape
    wide = [v.detach().double().requires_grad_() for v in (x, slope)]
    y = torch.where(wide[0] > 0, wide[0], wide[1] * wide[0])
    for one, other in zip(found, torch.autograd.grad(y, wide, weight.double()), strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-2, atol=1e-5)
    assert runs == {torch.float32: [2, 3], torch.bfloat16: [2], torch.float64: []}[dtype]


def test_only_what_is_needed_is_computed(runs: list[int]) -> None:
    x, y = drawn(2)
    actlas.functional.or_ail(x, y.requires_grad_()).backward(torch.ones(SIZE))
    assert x.grad is None
    assert y.grad is not None
    assert runs == [2, 3]


def test_a_parameter_of_several_numbers_goes_the_long_way(runs: list[int]) -> None:
    x, slope = drawn(1)[0].reshape(5, 10), torch.full((10,), 0.25, requires_grad=True)
    actlas.functional.prelu(x, slope).sum().backward()
    assert slope.grad is not None
    assert not runs


def test_a_learned_parameter_is_not_kept() -> None:
    """A short way is remembered for numbers alone: a parameter that is dropped must be free."""
    module, before = actlas.nn.PReLU(), len(functional.SHORT)
    module(drawn(1)[0])
    assert len(functional.SHORT) == before


@pytest.mark.parametrize("place", ["inside", "the first", "behind", "apart"])
def test_a_number_in_the_memory_of_the_result(place: str) -> None:
    """The result is written past what is still read: then it is made elsewhere and copied."""
    memory = torch.linspace(-2, 2, SIZE + 1)
    at = {"inside": 20, "the first": 0, "behind": SIZE, "apart": SIZE}[place]
    slope, out = memory[at], memory[:SIZE]
    x = memory[:SIZE].clone() if place != "behind" else out
    wanted = torch.nn.functional.prelu(x.clone(), slope.clone().reshape(1))
    if place in ("inside", "the first"):
        with pytest.raises(actlas.ActlasError, match="shares part of its memory"):
            actlas.functional.prelu(x, slope, out=out)
        return
    assert torch.equal(actlas.functional.prelu(x, slope, out=out), wanted)


def test_what_is_no_tensor_is_named_as_before() -> None:
    x = drawn(1)[0]
    actlas.functional.and_ail(x, x)
    with pytest.raises(actlas.ActlasError, match="expected a tensor, got float"):
        actlas.functional.and_ail(x, 1.0)


def checked_once(place: Any, call: Any, xs: list[torch.Tensor]) -> None:
    first = call(*xs)
    with patch.object(place, "evaluate", side_effect=AssertionError):
        assert torch.equal(call(*xs), first)


@pytest.mark.parametrize("name", ["silu", "gelu", "pau", "xnor_il"])
def test_the_second_call_does_not_check_again(name: str) -> None:
    entry = actlas.get(name).definition
    checked_once(functional, function_of(entry), drawn(len(entry.inputs)))


@pytest.mark.parametrize("name", ["silu", "gelu", "pau", "xnor_il"])
def test_nor_does_a_ready_buffer(name: str) -> None:
    entry = actlas.get(name).definition
    function, xs, out = function_of(entry), drawn(len(entry.inputs)), torch.empty(SIZE)
    first = function(*xs, out=out).clone()
    with patch.object(functional, "evaluate_into", side_effect=AssertionError):
        assert function(*xs, out=out.zero_()) is out
    assert torch.equal(out, first)
    assert torch.equal(function(*xs), first)


@pytest.mark.parametrize(
    ("name", "given"), [("silu", {}), ("gelu", {}), ("pau", {"learnable": False})]
)
def test_nor_does_a_module(name: str, given: dict[str, Any]) -> None:
    checked_once(_module, actlas.nn.create(name, **given), drawn(1))


# ---------------------------------------------------------------- asked in C, said in Python


class Own(torch.Tensor):
    """A subclass, which may mean something else."""


X = torch.linspace(-2, 2, 4)
ODD = {
    "float64": X.double(), "integers": X.long(), "meta": X.to("meta"), "sparse": X.to_sparse(),
    "mkldnn": X.to_mkldnn(), "negated": torch._neg_view(X), "strided": torch.randn(4, 2)[:, 0],
    "zeros without memory": torch._efficientzerotensor((4,)),
    "a functional wrapper": torch._to_functional_tensor(X), "one number, spread": X[:1].expand(4),
    "a subclass": X.as_subclass(Own), "a number": 1.0, "None": None,
}  # fmt: skip
LYING_OTHERWISE = ("strided", "one number, spread")  # served on the general way


IMAGES = torch.randn(2, 3, 4, 5)
PLAIN = {
    "float32": X, "a parameter": torch.nn.Parameter(X), "bfloat16": X.bfloat16(), "half": X.half(),
    "empty": X[:0], "2-D": X.reshape(2, 2), "a part": X[1:], "one number": X[0],
    "a dimension of one": torch.ones(1, 4, 2)[:, :1], "empty, strided": torch.ones(0, 3)[:, ::2],
    "turned": torch.randn(2, 3).T, "dimensions in another order": IMAGES.permute(2, 0, 3, 1),
    "channels last": IMAGES.contiguous(memory_format=torch.channels_last),
    "one channel": torch.randn(2, 1, 4, 5).contiguous(memory_format=torch.channels_last),
}  # fmt: skip


@pytest.mark.parametrize("kind", PLAIN)
def test_plain_tensors_are_served(kind: str, runs: list[int]) -> None:
    """Values and gradients are those of a copy that lies otherwise, and the results lie alike."""
    x = PLAIN[kind].detach()
    assert engine().module.serves(x)  # type: ignore[union-attr]
    assert is_plain(x)
    for function in (actlas.functional.silu, actlas.functional.leaky_relu):
        alike, apart = (v.detach().requires_grad_() for v in (x, x.clone().contiguous()))
        for _ in range(2):
            runs.clear()
            y, other = function(alike), function(apart)
            (grad,) = torch.autograd.grad(y, alike, torch.ones_like(y))
            (wanted,) = torch.autograd.grad(other, apart, torch.ones_like(other))
        assert runs == [1, 1, 2, 2]
        assert torch.equal(y, other)
        assert torch.equal(grad, wanted)
        assert y.stride() == torch.empty_like(x).stride()


def test_pairs_that_lie_otherwise_go_the_long_way(runs: list[int]) -> None:
    x, y = torch.randn(5, 4), torch.randn(4, 5).T
    for _ in range(2):
        assert torch.equal(actlas.functional.or_ail(x, y), actlas.functional.or_ail(y, x))
    assert not runs


@pytest.mark.parametrize("kind", ODD)
def test_odd_ones_are_not(kind: str) -> None:
    module: Any = engine().module
    x, code = ODD[kind], Fixed(elementwise(symbol("x"), ("x",), (), wide=False), 1, ()).value
    assert code is not None
    for xs in ((x,), (X, x), (x, X)):
        assert not module.serves(*xs)
    assert module.value(code.handle, x) is None
    if isinstance(x, torch.Tensor) and kind not in LYING_OTHERWISE:
        assert not is_plain(x)


@pytest.mark.parametrize("kind", ["zeros without memory", "a functional wrapper"])
def test_tensors_without_an_address_are_computed_all_the_same(kind: str) -> None:
    apart = actlas.functional.silu(ODD[kind]) - torch.nn.functional.silu(ODD[kind])
    assert bool((apart.abs() < 1e-6).all())


@pytest.mark.parametrize("kind", ["none", "of another version"])
def test_a_torch_without_the_functions_goes_the_general_way(kind: str) -> None:
    module: Any = engine().module
    header = (ctypes.c_uint32 * 32)(2)  # a major version that is not known here
    capsule = ctypes.pythonapi.PyCapsule_New
    capsule.restype, capsule.argtypes = ctypes.py_object, [ctypes.c_void_p] * 3
    name = ctypes.c_char_p(b"dlpack_exchange_api")
    given = None if kind == "none" else capsule(ctypes.addressof(header), name, None)
    try:
        with patch.object(torch.Tensor, "__dlpack_c_exchange_api__", given):
            assert not introduce(module)
        assert not (given and module.serves(X))
        assert torch.equal(actlas.functional.relu(X), X.relu())
    finally:
        assert introduce(module)
    assert module.serves(X)


@pytest.mark.parametrize(
    "watcher", [FakeTensorMode, forward_ad.dual_level, partial(FlopCounterMode, display=False)],
    ids=["fake tensors", "forward mode", "a counter"],
)  # fmt: skip
def test_none_is_served_while_somebody_watches(watcher: Any) -> None:
    module: Any = engine().module
    with watcher():
        assert not module.serves(X)
    assert module.serves(X)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_none_is_served_inside_a_transform_or_a_trace() -> None:
    module: Any = engine().module
    seen: list[bool] = []

    def look(x: torch.Tensor) -> torch.Tensor:
        seen.append(module.serves(X))
        return x.sin()

    torch.func.grad(lambda x: look(x).sum())(X)
    torch.func.vmap(look)(X)
    torch.jit.trace(look, X, check_trace=False)
    assert seen == [False] * len(seen)
    assert len(seen) >= 3


def test_what_learns_is_left_to_autograd() -> None:
    module: Any = engine().module
    code = Fixed(elementwise(symbol("x"), ("x",), (), wide=False), 1, ()).value
    assert code is not None
    assert module.value(code.handle, X.clone().requires_grad_()) is None
    assert module.value(code.handle, X) is not None


def test_an_error_of_a_question_comes_through() -> None:
    """What is asked is torch's; if it fails, the error is not lost."""
    module: Any = engine().module
    exchange, makers = torch.Tensor.__dlpack_c_exchange_api__, (torch.empty_like,) * 3
    try:
        module.know_tensors(exchange, (torch.Tensor,), ((torch.Tensor.mm, True),), (), makers, 1)
        with pytest.raises(TypeError, match="mm"):
            module.serves(X)
        with pytest.raises(ValueError, match="too many facts"):
            module.know_tensors(exchange, (), ((torch.numel, 1),) * 9, (), makers, 1)
        assert not module.serves(X)
        with pytest.raises(ValueError, match="PyCapsule"):
            module.know_tensors(X, (torch.Tensor,), (), (), makers, 1)
        assert not module.serves(X)
    finally:
        introduce(module)
    assert module.serves(X)
