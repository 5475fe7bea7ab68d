"""Every primitive's derivatives against numerical differentiation of its definition."""

from __future__ import annotations

import pytest
from mpmath import mp, mpf

from actlas.backends import mpmath as exact
from actlas.expr import (
    Expr,
    absolute,
    const,
    derivative,
    exp,
    maximum,
    minimum,
    symbol,
    symbols,
    tanh,
    where,
)
from actlas.expr.primitives import PRIMITIVES
from tests.support.truths import FROM_0, TRUTHS, X, cases, node_of

_PLACES = [("-1.7", "0.6"), ("-0.35", "-1.25"), ("0.4", "1.9"), ("2.3", "0.7")]


def _places(case: str) -> list[tuple[mpf, mpf]]:
    positive = case in FROM_0 or case == "log1p"
    return [(abs(mpf(x)) if positive else mpf(x), mpf(y)) for x, y in _PLACES]


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("case", cases())
def test_agrees_with_numerical_differentiation(case: str, order: int) -> None:
    arity = 2 if "y" in symbols(node_of(case)) else 1
    with mp.workdps(60):
        for place in _places(case):
            for position, name in enumerate("xy"[:arity]):
                orders = tuple(order if i == position else 0 for i in range(arity))
                wanted = mp.diff(TRUTHS[case], place[:arity], orders)
                root = derivative(node_of(case), name, order)
                found = exact.evaluate(root, dict(zip("xy", place, strict=True)))
                assert abs(found - wanted) <= mpf(10) ** -18 * (1 + abs(wanted)), (place, name)


@pytest.mark.parametrize("name", [n for n, p in PRIMITIVES.items() if p.arity == 1])
def test_bounds_hold(name: str) -> None:
    """The interval a primitive promises holds everything it gives; `damp` rests on it."""
    for case in (case for case in cases() if case.split()[0] == name):
        points = [mpf(v) for v in ("-50", "-7", "-1.5", "-0.3", "0", "0.2", "1", "4", "60")]
        points = [u for u in points if u > 0 or case not in FROM_0]
        points = [u for u in points if u > -1 or case != "log1p"]
        points = [u for u in points if u or case != "pow -3"]
        values = [TRUTHS[case](u) for u in points]
        low, high = PRIMITIVES[name].bounds((float(min(points)), float(max(points))))
        assert low <= min(values), case
        assert max(values) <= high, case


def test_parameters_and_constants() -> None:
    x, a = symbol("x"), symbol("a")
    assert derivative(a * x, "a") is x
    assert derivative(a * x, "b") is const(0)
    assert derivative(const(3), "x") is const(0)
    assert derivative(x, "x", 0) is x
    assert derivative(exp(a * x), "x", 2) is derivative(derivative(exp(a * x), "x"), "x")


@pytest.mark.parametrize(
    ("root", "at", "expected"),
    [
        (maximum(X, 0), 0, 0),
        (maximum(0, X), 0, 0),
        (minimum(maximum(X, 0), 6), 6, 0),
        (where(X > 0, X, X / 10), 0, mpf(1) / 10),
        (absolute(X), 0, 0),
    ],
    ids=["relu", "relu-turned", "relu6", "leaky", "abs"],
)
def test_the_sub_gradient_at_a_kink_is_pytorchs(root: Expr, at: int, expected: object) -> None:
    assert exact.evaluate(derivative(root), {"x": at}) == expected


def test_a_dead_branch_is_not_read() -> None:
    """The piece that is not taken may overflow, also in the derivative."""
    from actlas.backends.numpy import evaluate

    root = derivative(where(X > 0, X, X * exp(-X)), "x", 2)
    assert float(evaluate(root, ["x"], [1e5])[0]) == 0
    assert root.op == "where"


def test_the_quotient_rule_squares_nothing() -> None:
    """(a/b)' with b near the largest number is finite: b**2 would be infinite in doubles."""
    from actlas.backends.numpy import evaluate

    root = derivative(tanh(X) / (1 + X * X * X * X))
    assert abs(float(evaluate(root, ["x"], [1e60])[0])) < 1e-200
