"""Expressions: shared, exact, immutable, and simplified without changing a value."""

from __future__ import annotations

import pickle
from fractions import Fraction

import pytest
from hypothesis import given, settings

from actlas.backends import mpmath as exact
from actlas.expr import Expr, const, exp, rewrite, substitute, symbol, symbols, tanh, walk, where
from actlas.expr.node import ONE, ZERO, make
from tests.expr.formulas import expressions

X, A = symbol("x"), symbol("a")


def test_equal_expressions_are_one_object() -> None:
    assert X * tanh(exp(X)) is X * tanh(exp(X))
    assert symbol("x") is X
    assert symbol("x") is not symbol("y")
    assert make("sphj", X, value=0) is not make("sphj", X, value=1)


def test_survives_pickling_as_the_same_object() -> None:
    root = where(X > 0, X, A * (exp(X) - X**3))
    assert pickle.loads(pickle.dumps(root)) is root


def test_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        X.value = "y"  # type: ignore[misc]


def test_floats_mean_their_decimal_form() -> None:
    assert const(0.1).value == Fraction(1, 10)
    assert const(0.1) is const(Fraction(1, 10))
    assert const(1e-8).value == Fraction(1, 10**8)


def test_has_no_truth_value() -> None:
    with pytest.raises(TypeError, match="write where"):
        0 < X < 1  # noqa: B015


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (X + 0, X), (0 + X, X), (X - 0, X), (0 - X, -X), (X * 1, X), (X * 0, ZERO), (X / 1, X),
        (0 / X, ZERO), (X - X, ZERO), (X / X, ONE), (X.__neg__().__neg__(), X),
        (X + -A, X - A), (X - (-A), X + A),
        (-X * A, -(X * A)), (X * -A, -(X * A)), (-X / A, -(X / A)), (-(X - A), A - X),
        (const(2) + 3, const(5)), (const(1) / 3, const(Fraction(1, 3))), (X * 2, 2 * X),
        (X**0, ONE), (X**1, X), (const(2) ** -2, const(0.25)), (-1 * X, -X),
    ],
    ids=str,
)  # fmt: skip
def test_simplification(found: object, expected: object) -> None:
    assert found is expected


def test_division_by_zero_and_bad_exponents_are_refused() -> None:
    with pytest.raises(ZeroDivisionError, match="constant 0"):
        X / 0
    for exponent in (0.5, True, X):
        with pytest.raises(TypeError, match="integer"):
            X**exponent  # type: ignore[operator]


def test_walk_gives_arguments_first_and_each_node_once() -> None:
    shared = exp(X)
    nodes = list(walk(shared * tanh(shared)))
    assert len(nodes) == len(set(nodes)) == 4
    assert nodes.index(shared) < nodes.index(tanh(shared))


def test_walk_does_not_recurse() -> None:
    root = X
    for _ in range(20_000):
        root = tanh(root)
    assert sum(1 for _ in walk(root)) == 20_001
    assert symbols(root) == {"x"}


def test_substitute_simplifies() -> None:
    assert substitute(A * X + A, {A: ZERO}) is ZERO
    assert substitute(X**2, {X: const(3)}) is const(9)


@settings(max_examples=150)
@given(expressions())
def test_rewriting_with_no_change_changes_nothing(root: Expr) -> None:
    assert rewrite(root, lambda node: node) is root


@settings(max_examples=150)
@given(expressions())
def test_replacing_by_constants_gives_the_value(root: Expr) -> None:
    """The simplifications done on the way do not change what an expression is worth."""
    at = {"x": Fraction(3, 8), "a": Fraction(-5, 4)}
    try:
        filled = substitute(root, {symbol(k): const(v) for k, v in at.items()})
    except ZeroDivisionError:
        return
    wanted, found = exact.evaluate(root, at), exact.evaluate(filled, {})
    if abs(wanted) < 1e9:  # not NaN, and no power tower
        assert abs(found - wanted) <= 1e-9 * (1 + abs(wanted))
    assert not symbols(filled)
