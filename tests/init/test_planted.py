"""Faults planted in the initialisation: each must turn the named check red."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from actlas.init import draws, gains, planning
from actlas.init.propagation import pooling, symbolic, weighing
from actlas.init.propagation.registry import RULES
from actlas.init.propagation.signal import Signal, gaussian, largest_of
from actlas.init.propagation.windows import sliding
from tests.init import test_autoinit, test_gains, test_networks, test_one_layer, test_places

Plant = Callable[[pytest.MonkeyPatch], None]
CASES = {parameter.id: parameter.values[0] for parameter in test_one_layer.LAYERS}


def law(name: str) -> Callable[[], None]:
    """Return the check of one layer by samples, for an input with a mean."""
    return lambda: test_one_layer.within_three_standard_errors(CASES[name], 0.7, 2.0)


def printed(name: str) -> Callable[[], None]:
    return lambda: test_gains.test_variances_and_slopes_as_printed(name)


def rule(name: str, wrong: Callable[..., Any]) -> Plant:
    return lambda patch: patch.setitem(RULES, name, wrong)


def part(module: Any, name: str, wrong: Any) -> Plant:
    return lambda patch: patch.setattr(module, name, wrong)


def _uncut(matrix: torch.Tensor, std: float, generator: Any) -> torch.Tensor:
    return torch.nn.init.trunc_normal_(matrix, 0.0, std, -2 * std, 2 * std, generator)


def _normal_only(x: Any, count: float) -> Any:
    return largest_of(gaussian(x.mean, x.variance), count)


def _all_live(spatial: Any, kernel: Any, *_: Any) -> Any:
    return sliding(None, kernel, kernel, 0, kernel)


_FIGURE = "approx|comparison"  # how pytest speaks of a figure that is off

FAULTS: dict[str, tuple[Plant, Callable[[], None], str]] = {
    "dropout forgets the mean of what it drops": (
        rule("dropout", lambda _, x, p, *__: gaussian(x.mean, x.variance / (1 - p))),
        law("Dropout"), "variance: measured"),
    "zero padding scales mean and variance alike": (
        rule("pad", lambda walk, x, *_: gaussian(
            x.mean * math.prod(x.shape) / math.prod(walk.shape),
            x.variance * math.prod(x.shape) / math.prod(walk.shape))),
        law("ZeroPad2d"), "variance: measured"),
    "a convolution counts the taps on its padding": (
        part(weighing, "sliding", _all_live), law("Conv2d same"), "variance: measured"),
    "a maximum takes every signal for a normal one": (
        part(pooling, "largest_of", _normal_only), law("MaxPool2d behind relu"), "measured"),
    "an average pool keeps the variance": (
        part(pooling, "mean_of", lambda x, count: gaussian(x.mean, x.variance)),
        law("AdaptiveAvgPool2d"), "variance: measured"),
    "a product multiplies the variances": (
        rule("mul", lambda _, x, y: gaussian(x.mean * y.mean, x.variance * y.variance)),
        law("multiply"), "variance: measured"),
    "a scalar product forgets its length": (
        rule("matmul", lambda _, x, y: weighing.inner_product(x, y, 1)),
        law("matmul"), "measured"),
    "a sum keeps the larger variance": (
        rule("add", lambda _, x, y: gaussian(x.mean + y.mean, max(x.variance, y.variance))),
        law("add"), "variance: measured"),
    "the cut of the normal distribution is not made up for": (
        lambda patch: patch.setitem(draws.DISTRIBUTIONS, "truncated_normal", _uncut),
        lambda: test_autoinit.test_distributions("linear", "truncated_normal", False), _FIGURE),
    "centred rows lose a degree of freedom": (
        part(draws, "math", type("math", (), {"sqrt": staticmethod(
            lambda v: 1.0 if v == 4 / 3 else math.sqrt(v))})),
        lambda: test_autoinit.test_distributions("few inputs", "normal", True), _FIGURE),
    "tracing runs in the model itself": (
        part(symbolic, "untouched", lambda model: contextlib.nullcontext()),
        test_autoinit.test_tracing_leaves_no_trace, "seen|argument of type"),
    "centred gains forget the mean": (
        part(gains, "_moment", lambda profile, *_: profile.second_moment),
        printed("relu"), _FIGURE),
    "places of a sample share nothing": (
        part(Signal, "shared", 0.0),
        lambda: test_places.test_attention_on_correlated_tokens(0.6), _FIGURE),
    "the slope of a layer is taken from its variance alone": (
        part(planning, "_moment", lambda use, _: use.variance),
        test_networks.test_slopes_in_the_report_are_those_of_the_functions, _FIGURE),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_turns_red(name: str) -> None:
    plant, check, says = FAULTS[name]
    check()
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        with pytest.raises((AssertionError, NotImplementedError), match=says):
            check()
