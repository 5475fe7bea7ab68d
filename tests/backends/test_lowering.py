"""What floating point needs is put in once, where it is needed and nowhere else."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

import actlas
from actlas.backends import numpy as numpy_backend
from actlas.backends.lowering import carries_nan, expand_powers, lead_to_limits, lower
from actlas.catalogue import Definition
from actlas.expr import Expr, const, derivative, exp, pi, sigmoid, sin, sqrt, symbol, tanh, where
from actlas.expr import walk as walk_expression
from actlas.expr.node import constant_value
from actlas.expr.parse import parse
from tests.conftest import ENTRIES, over

X, A = symbol("x"), symbol("a")


def operations(root: Expr) -> Counter[str]:
    return Counter(node.op for node in walk_expression(root))


def expression(name: str, order: int = 0) -> Expr:
    return derivative(actlas.get(name).expression(), "x", order)


def at(root: Expr, x: float) -> float:
    return float(numpy_backend.evaluate(root, ["x"], [x])[0])


def test_constants_are_folded_to_more_digits_than_any_format() -> None:
    root = lower(X * sqrt(2 / pi))
    assert operations(root) == Counter({"mul": 1, "symbol": 1, "const": 1})
    folded = next(v for node in walk_expression(root) if (v := constant_value(node)) is not None)
    assert abs(folded**2 * Fraction(math.pi) / 2 - 1) < Fraction(1, 10**15)
    assert folded.denominator > 10**40


def test_a_constant_that_is_no_number_is_left_alone() -> None:
    assert operations(lower(X + parse("log(0)")))["log"] == 1


@pytest.mark.parametrize(("power", "products"), [(2, 1), (3, 2), (4, 2), (8, 3), (13, 5), (64, 6)])
def test_powers_become_as_few_products_as_squaring_gives(power: int, products: int) -> None:
    root = expand_powers(X**power)
    assert operations(root) == Counter({"mul": products, "symbol": 1})
    assert at(root, 1.5) == pytest.approx(1.5**power, rel=1e-14)
    inverse = expand_powers(X**-power)
    assert operations(inverse)["div"] == 1
    assert at(inverse, 1.5) == pytest.approx(1.5**-power, rel=1e-14)


DAMPED = {"silu": (0, 0), "gelu": (0, 0), "mish": (0, None), "tanh": (0, 0), "relu": (0, 0),
          "sigmoid": (0, 0), "telu": (0, None)}  # fmt: skip


@pytest.mark.parametrize("name", DAMPED)
def test_damp_only_where_zero_can_meet_infinity(name: str) -> None:
    for order, wanted in enumerate(DAMPED[name]):
        found = operations(lower(expression(name, order)))["damp"]
        assert wanted is None or found == wanted, (name, order)


def test_damp_where_it_is_needed() -> None:
    """TeLU' holds exp(x) sech2(exp(x)): inf * 0 from x = 710 on, whose limit is 0."""
    slope = expression("telu", 1)
    assert operations(lower(slope))["damp"] >= 1
    assert at(slope, 800.0) == 1.0
    undamped = lower(slope)
    for node in walk_expression(undamped):
        assert node.op != "mul" or not {"exp"} & {child.op for child in node.args}


def test_zero_wins_over_infinity_and_nan_over_zero() -> None:
    root = exp(X) * tanh(X)
    assert at(exp(X) * exp(-(X * X)), 1000.0) == 0.0
    assert math.isnan(at(root, math.nan))


def test_a_wave_never_sees_an_overflowed_argument() -> None:
    root = sin(exp(X))
    assert operations(lower(root))["clip_high"] == 1
    assert abs(at(root, 1e4)) <= 1
    assert operations(lower(sin(X)))["clip_high"] == 0


@pytest.mark.parametrize(
    ("root", "carries"),
    [
        (X, True), (tanh(X), True), (const(1), False), (A, False), (A * X, True),
        (where(X > 0, X, 1), False), (where(X > 0, 1, X), True), (where(X > 0, X, X * X), True),
        (where(A > 0, X, X * X), True), (where(A > 0, 1, X), False), (parse("sign(x)"), False),
        (parse("sign(x) + x"), True), (parse("x*sign(x)"), True),
    ],
    ids=str,
)  # fmt: skip
def test_knows_what_carries_nan(root: Expr, carries: bool) -> None:
    assert carries_nan(root) is carries
    repaired = operations(lower(root))["nan_like"]
    assert repaired == ("x" in {n.value for n in walk_expression(root)} and not carries)


@over()
def test_nan_comes_out_as_nan(entry: Definition) -> None:
    """Value and slope of every entry, unless it does not depend on x any more."""
    for root in (entry.expression(), derivative(entry.expression())):
        if "x" not in {node.value for node in walk_expression(root)}:
            continue
        assert carries_nan(lower(root)) or lower(root).op == "nan_like"


@over([entry for entry in ENTRIES if len(entry.inputs) == 2])
def test_nan_in_either_of_two_inputs_comes_out_as_nan(entry: Definition) -> None:
    other = np.array([-np.inf, -2.0, -0.5, 0.0, 0.5, 2.0, np.inf])
    root = entry.expression()
    for one in (root, derivative(root, "x"), derivative(root, "y")):
        known = {node.value for node in walk_expression(one)}
        for name, pair in (("x", (other * np.nan, other)), ("y", (other, other * np.nan))):
            found = numpy_backend.run(numpy_backend.compiled(one, ("x", "y")), *pair)
            assert np.isnan(found).all() or name not in known, (name, one)


@over()
def test_nothing_is_left_that_a_language_does_not_know(entry: Definition) -> None:
    for order in (0, 1):
        found = operations(lower(derivative(entry.expression(), "x", order)))
        assert not {"pow", "pi"} & set(found)


def test_infinite_inputs_are_led_to_limits_only_where_evaluation_misses_them() -> None:
    silu = X * sigmoid(X)
    assert "clip_low" in operations(numpy_backend.prepared(silu, ("x",), ()))
    assert at(silu, -math.inf) == 0
    assert at(silu, math.inf) == math.inf
    assert numpy_backend.prepared(tanh(X), ("x",), ()) is lower(tanh(X))
    assert np.isnan(at(sin(X), math.inf)) or abs(at(sin(X), math.inf)) <= 1


def test_limits_by_hand() -> None:
    lowered = lower(X * X - X)
    led = lead_to_limits(lowered, (math.inf, math.inf), (math.inf, math.nan))
    assert operations(led)["at_high"] == 1
    assert operations(led)["at_low"] == 0
    assert lead_to_limits(lowered, (None, None), (math.nan, math.nan)) is lowered
    assert lead_to_limits(lowered, (1.0, 2.0), (1.0, 2.0)) is lowered


def test_a_missing_limit_leaves_the_value_alone() -> None:
    assert "clip_low" not in operations(numpy_backend.prepared(sin(X), ("x",), ()))
