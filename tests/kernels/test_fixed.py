"""The short way of small tensors: which calls take it, and that it changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
import torch

import actlas
from actlas.kernels.cpu.runtime import engine
from actlas.kernels.fixed import Fixed
from actlas.nn import _module, functional
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
    closed = patch.object(Fixed, "serves", lambda self, x: False)
    with patch.object(Fixed, "serves", Fixed.serves) if short else closed:
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
def runs() -> Iterator[list[int]]:
    """The number of tensors that each run by the short way reads."""
    found: list[int] = []
    one, all_of_them = Fixed.into, Fixed.into_all

    def into(self: Fixed, code: Any, *xs: torch.Tensor) -> torch.Tensor:
        found.append(len(xs))
        return one(self, code, *xs)

    def into_all(self: Fixed, code: Any, results: int, *xs: torch.Tensor) -> list[torch.Tensor]:
        found.append(len(xs))
        return all_of_them(self, code, results, *xs)

    with patch.object(Fixed, "into", into), patch.object(Fixed, "into_all", into_all):
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


@pytest.mark.parametrize("kind", ["shape", "dtype", "stride", "number"])
def test_pairs_that_differ_go_the_long_way(kind: str, runs: list[int]) -> None:
    x, y = drawn(2)
    y = {"shape": y[:1], "dtype": y.bfloat16(), "stride": torch.stack([y, y], 1)[:, 0],
         "number": y[0]}[kind]  # fmt: skip
    function = actlas.functional.and_ail
    found = function(x, y)
    truth = function(x.double(), y.double().expand(SIZE))
    torch.testing.assert_close(found.double(), truth, rtol=1e-2, atol=1e-2)
    assert not runs


def test_only_what_is_needed_is_computed(runs: list[int]) -> None:
    x, y = drawn(2)
    actlas.functional.or_ail(x, y.requires_grad_()).backward(torch.ones(SIZE))
    assert x.grad is None
    assert y.grad is not None
    assert runs == [2, 3]


def test_a_parameter_that_is_no_number_goes_the_long_way(runs: list[int]) -> None:
    x, slope = drawn(1)[0], torch.tensor(0.25, requires_grad=True)
    actlas.functional.prelu(x, slope).sum().backward()
    assert slope.grad is not None
    assert not runs


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
