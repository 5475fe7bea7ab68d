"""The grammar: what it reads, what it refuses and how it says so."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actlas.errors import ActlasError
from actlas.expr import Expr, clamp, const, exp, pi, sinc, sqrt, symbol, tanh, where
from actlas.expr.parse import parse
from actlas.expr.primitives import PRIMITIVES, VOCABULARY
from actlas.expr.text import to_text
from tests.expr.formulas import expressions

X, A = symbol("x"), symbol("a")
NAMES = frozenset({"x", "a"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", X), ("  x\n", X), ("(x)", X), ("a*x", A * X), ("x - a - x", (X - A) - X),
        ("x / a / x", (X / A) / X), ("x - a * x", X - A * X), ("-x", -X), ("--x", X),
        ("-x**2", -(X**2)), ("(-x)**2", (-X) ** 2), ("x^3", X**3), ("x**-2", X**-2),
        ("x**(1 + 1)", X**2), ("2**3**2", const(512)), ("2*-x", 2 * -X), ("x**2.0", X**2),
        ("1.5", const(1.5)), (".5", const(0.5)), ("2.", const(2)), ("1e-3", const(0.001)),
        ("2.5E+2", const(250)), ("0e5", const(0)), ("0.1*x", const(0.1) * X), ("pi", pi),
        ("e", exp(const(1))), ("tanh(exp(x))", tanh(exp(X))), ("sinc(x)", sinc(X)),
        ("sqrt(pi)", sqrt(pi)), ("clamp(x, -1, 1)", clamp(X, -1, 1)), ("x**0", const(1)),
        ("where(x > 0, x, a*x)", where(X > 0, X, A * X)),
        ("where((x <= 1), 1, 2)", where(X <= 1, 1, 2)),
        ("where(x < 0, 1, 2)", where(X < 0, 1, 2)), ("where(x >= a, 1, 2)", where(X >= A, 1, 2)),
    ],
)  # fmt: skip
def test_reads(text: str, expected: Expr) -> None:
    assert parse(text, NAMES) is expected


def test_every_word_of_the_vocabulary_can_be_written() -> None:
    for name in VOCABULARY:
        count = PRIMITIVES[name].arity if name in PRIMITIVES else {"clamp": 3, "sinc": 1}[name]
        arguments = ["x > 0", "x", "a"] if name == "where" else ["x", "a", "2"][:count]
        assert isinstance(parse(f"{name}({', '.join(arguments)})", NAMES), Expr)


def test_a_declared_name_wins_over_a_constant() -> None:
    assert parse("e*x", frozenset({"x", "e"})) is symbol("e") * X


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("x + ?", 5, "cannot read '?'"),
        ("x = 1", 3, "cannot read '='"),
        ("é", 1, "cannot read 'é'"),
        ("x +", 4, "expected '(', found 'the end'"),
        ("(x", 3, "expected ')', found 'the end'"),
        ("x)", 2, "unexpected ')'"),
        ("x x", 3, "unexpected 'x'"),
        ("3x", 2, "unexpected 'x'"),
        ("tanh x", 1, "tanh is a function; write tanh(...)"),
        ("tahn(x)", 1, "unknown function 'tahn'. Did you mean 'tanh'"),
        ("1 + x(2)", 5, "unknown function 'x'"),
        ("x * alpa", 5, "unknown name 'alpa' (known: alpha, x). Did you mean 'alpha'"),
        ("tanh()", 7, "tanh takes 1 argument(s), got 0"),
        ("tanh(x, 1)", 11, "tanh takes 1 argument(s), got 2"),
        ("max(x)", 7, "max takes 2 argument(s), got 1"),
        ("clamp(x, 1)", 12, "clamp takes 3 argument(s), got 2"),
        ("sinc(x, 1)", 11, "sinc takes 1 argument(s), got 2"),
        ("tanh(x,)", 8, "expected '(', found ')'"),
        ("where(x, 1, 2)", 15, "where needs a comparison such as x > 0 first, not x"),
        ("x / 0", 6, "division by zero"),
        ("x / (1 - 1)", 12, "division by zero"),
        ("0 ** -1", 8, "division by zero"),
        ("x ** x", 7, "an exponent must be an integer from -64 to 64; write powr(u, p)"),
        ("x ** 0.5", 9, "an exponent must be an integer"),
        ("x ** 65", 8, "an exponent must be an integer"),
        ("1e301 * x", 1, "a constant lies outside 1e-300 to 1e300"),
        ("x + 1e-400", 5, "a constant lies outside"),
        ("1e999999999", 1, "a constant lies outside"),
        ("1e200 * 1e200", 14, "a constant lies outside"),
        ("((9**64)**64)**64", 13, "a constant lies outside"),
        ("1.00001**64**64 * x", 17, "an exponent must be an integer"),
        ("(1.00001**64)**64", 18, "a constant lies outside"),
        ("(" * 70 + "x" + ")" * 70, 61, "nested deeper than 60 levels"),
        ("-" * 70 + "x", 61, "nested deeper than 60 levels"),
    ],
)
def test_refuses_with_the_place_and_the_reason(text: str, column: int, says: str) -> None:
    with pytest.raises(ActlasError) as caught:
        parse(text, frozenset({"x", "alpha"}))
    message = str(caught.value)
    assert says in message
    assert f"column {column}: " in message
    assert message.startswith("formula ")
    assert "\n" not in message


@pytest.mark.parametrize("nothing", ["", "   ", "\n", None, 3])
def test_refuses_what_is_no_formula(nothing: object) -> None:
    with pytest.raises(ActlasError, match="the formula is empty; write for example"):
        parse(nothing)  # type: ignore[arg-type]


def test_a_long_sum_is_no_problem() -> None:
    root = parse(" + ".join(["tanh(x)"] * 3000))
    assert parse(to_text(root)) is root


def test_a_long_formula_is_shown_in_part() -> None:
    with pytest.raises(ActlasError) as caught:
        parse("x + " * 2000 + "y")
    assert len(str(caught.value)) < 200


@settings(max_examples=400)
@given(expressions())
def test_printed_and_read_back_is_the_same(root: Expr) -> None:
    assert parse(to_text(root), NAMES) is root


_PIECES = [
    *VOCABULARY, "x", "a", "pi", "e", "(", ")", ",", "+", "-", "*", "/", "**", "^", "<", ">=", " ",
    "0", "1", "2", ".", "1e9", "1e-5", "64", "\n", "é", "=", "x)", "(x",
]  # fmt: skip


@settings(max_examples=1500)
@given(st.lists(st.sampled_from(_PIECES), max_size=14).map("".join) | st.text(max_size=20))
@example("٣*x")
@example("0**-0")
@example("\x1f")
@example("x\u2003")
@example("1e")
@example("where(x<1<2,1,2)")
def test_random_text_gives_an_expression_or_one_sentence(text: str) -> None:
    with suppress(ActlasError):
        assert isinstance(parse(text, NAMES), Expr)
