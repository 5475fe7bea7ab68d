"""Faults of the mathematics: signs, factors, tails, kinks, limits."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch

from actlas.backends import numpy as numpy_backend
from actlas.backends import torch as torch_backend
from actlas.catalogue import Definition, _registry, find, fixed
from actlas.expr import absolute, erf, exp, hypot1, ncdf, sigmoid, sqrt, tanh, where
from actlas.expr.primitives import PRIMITIVES
from tests.catalogue import test_reference_values, test_torch, test_values
from tests.expr import test_derivatives
from tests.meta.planting import Faults, entry, matches

FAULTS = Faults()

SILU = entry(lambda x: x * sigmoid(x))
TELU = entry(lambda x: x * tanh(exp(x)))
PIECES = entry(lambda x: where(x > 0, x, 0))


def _primitive(patch: pytest.MonkeyPatch, name: str, **changes: Any) -> None:
    patch.setitem(PRIMITIVES, name, dataclasses.replace(PRIMITIVES[name], **changes))


def _changed(name: str, body: Any) -> Definition:
    return dataclasses.replace(find(name), body=body, _traces={})


# ---------------------------------------------------------------- signs, factors, tails


@FAULTS.part(
    "a derivative rule has the wrong sign",
    "Jacobian mismatch",
    lambda: test_torch.test_gradients_of_first_and_second_order(find("tanh")),
)
def _(patch: pytest.MonkeyPatch) -> None:
    rule = PRIMITIVES["tanh"].partials
    _primitive(patch, "tanh", partials=lambda node: (-rule(node)[0],))


@FAULTS.part(
    "a derivative rule has the wrong sign, seen by differences of the definition",
    "'x')",
    lambda: test_derivatives.test_agrees_with_numerical_differentiation("erfc", 1),
)
def _(patch: pytest.MonkeyPatch) -> None:
    _primitive(patch, "erfc", partials=PRIMITIVES["erf"].partials)


FAULTS.wrong(
    "a factor of one half is missing",
    "at -0.75: -0.339941029, truth -0.169970514",
    matches("numpy-float64"),
    entry(lambda x: x / 2 * 2 * ncdf(x), formula=lambda x: x * ncdf(x)),
    entry(lambda x: 2 * x * ncdf(x), formula=lambda x: x * ncdf(x)),
)
FAULTS.wrong(
    "GELU through 1 + erf loses its left tail",
    "at -9: -0, truth -1.01572957e-18",
    matches("torch-float64"),
    entry(lambda x: x * ncdf(x)),
    entry(lambda x: x / 2 * (1 + erf(x / sqrt(2)))),
)
FAULTS.wrong(
    "two parameters are swapped",
    "wrong points",
    matches("numpy-float64"),
    *(
        entry(body, lambda x, a, b: where(x > 0, a * x, b * x), a=fixed(2.0), b=fixed(0.5))
        for body in (lambda x, a, b: x * where(x > 0, a, b), lambda x, a, b: x * where(x > 0, b, a))
    ),
)
FAULTS.wrong(
    "an intermediate overflows: sqrt(1 + x*x)",
    ": inf, truth 1e+300",
    matches("torch-float64"),
    entry(lambda x: hypot1(x)),
    entry(lambda x: sqrt(1 + x * x)),
)


@FAULTS.part(
    "an entry computes another function than its reference rows",
    "-4.122307240628761400640292e-8",
    lambda: test_reference_values.test_value_and_slope("mish"),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(_registry._entries, "mish", _changed("mish", find("telu").body))


# ---------------------------------------------------------------- kinks


@FAULTS.part(
    "relu'(0) is 1: a tie counts as the other side",
    "Greatest absolute difference: 1.0 at index (32,)",
    lambda: test_torch.test_sub_gradients_are_pytorchs(find("relu")),
)
def _(patch: pytest.MonkeyPatch) -> None:
    _primitive(patch, "max", partials=lambda node: (where(node.args[0] >= node.args[1], 1, 0),) * 2)


@FAULTS.part(
    "relu'(0) is 1/2: written as (x + |x|)/2",
    "Greatest absolute difference: 0.5 at index (32,)",
    lambda: test_torch.test_sub_gradients_are_pytorchs(find("relu")),
)
def _(patch: pytest.MonkeyPatch) -> None:
    halves = _changed("relu", lambda x: (x + absolute(x)) / 2)
    patch.setitem(_registry._entries, "relu", halves)


# ---------------------------------------------------------------- NaN, infinities, constants


@FAULTS.part("NaN is dropped", "isnan", lambda: test_values.test_special_values(PIECES))
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(torch_backend.FUNCTIONS, "nan_like", lambda x, y: y)


@FAULTS.part(
    "an infinite input misses its limit",
    "assert nan == 0.0",
    lambda: test_values.test_special_values(SILU),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(numpy_backend, "lead_to_limits", lambda lowered, *_: lowered)


@FAULTS.part(
    "0 * inf gives NaN in a slope",
    "at 89: nan, truth 1",
    lambda: matches("torch-float32", "slope")(TELU),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(torch_backend.FUNCTIONS, "damp", torch.mul)


@FAULTS.part(
    "a promised interval is too narrow, so that no product is damped",
    "assert 1.0 <=",
    lambda: test_derivatives.test_bounds_hold("exp"),
)
def _(patch: pytest.MonkeyPatch) -> None:
    _primitive(patch, "exp", bounds=lambda a: (1.0, math.inf))


@FAULTS.part(
    "a float32 constant in a float64 result",
    "at -0.5: 0.199999988, truth 0.2",
    lambda: matches("torch-float64")(entry(lambda x: x + where(x > 0, 0.1, 0.7))),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(torch_backend.FUNCTIONS, "choose", lambda c, a, b, like: torch.where(c, a, b))
