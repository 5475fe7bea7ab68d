"""Random expressions for property tests."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from hypothesis import strategies as st

from actlas.expr import Expr, const, pi, symbol, where
from actlas.expr.node import constant_value
from actlas.expr.primitives import PRIMITIVES, VOCABULARY

Strategy = st.SearchStrategy[Expr]
_UNARY = [name for name in VOCABULARY if name in PRIMITIVES and PRIMITIVES[name].arity == 1]
_numbers = st.fractions(min_value=-50, max_value=50, max_denominator=999) | st.sampled_from(
    [Fraction(1, 10), Fraction(1), Fraction(0), Fraction(-1), Fraction(1, 10**9)]
)
_compare = st.sampled_from([Expr.__lt__, Expr.__le__, Expr.__gt__, Expr.__ge__])


def _quotient(u: Expr, v: Expr) -> Expr:
    return u if constant_value(v) == 0 else u / v


def _power(u: Expr, n: int) -> Expr:
    return u if constant_value(u) is not None else u**n


def _of_two(name: str, u: Expr, v: Expr) -> Expr:
    """max(2, x) is kept as max(x, 2): two constants would change places at every reading."""
    return VOCABULARY[name](u, v) if constant_value(u) is None else u


def _grow(inner: Strategy) -> Strategy:
    sums: list[Callable[[Expr, Expr], Expr]] = [
        Expr.__add__, Expr.__sub__, Expr.__mul__, _quotient,
    ]  # fmt: skip
    return st.one_of(
        st.builds(lambda f, u, v: f(u, v), st.sampled_from(sums), inner, inner),
        st.builds(lambda f, u: VOCABULARY[f](u), st.sampled_from([*_UNARY, "sinc"]), inner),
        st.builds(Expr.__neg__, inner),
        st.builds(_power, inner, st.integers(-6, 6)),
        st.builds(_of_two, st.sampled_from(["max", "min", "logaddexp", "powr"]), inner, inner),
        st.builds(lambda c, s, t, u, v: where(c(s, t), u, v), _compare, *[inner] * 4),
    )


def expressions() -> Strategy:
    """Return a strategy for expressions in x and a, as the grammar can write them."""
    leaves = st.sampled_from([symbol("x"), symbol("a"), pi]) | st.builds(const, _numbers)
    return st.recursive(leaves, _grow, max_leaves=12)
