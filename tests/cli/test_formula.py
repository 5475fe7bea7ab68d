"""Formulas in Unicode: every primitive has a form, and brackets keep the meaning."""

from __future__ import annotations

import pytest

from actlas.cli._braille import Line, draw
from actlas.cli._formula import UNICODE_OPERATIONS, formula
from actlas.expr import exp, maximum, powr, sigmoid, sin, sqrt, symbol, tanh, where
from actlas.expr.primitives import PRIMITIVES
from actlas.facts.wording import number
from tests.conftest import over

x, alpha, a = symbol("x"), symbol("alpha"), symbol("a")


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_every_primitive_has_a_form(name):
    assert name in UNICODE_OPERATIONS


@over()
def test_every_function_and_derivative_has_a_formula(entry):
    from actlas import get

    function = get(entry.name)
    assert formula(function.expression(as_printed=True), "f(x)").startswith("f(x) = ")
    assert formula(function.derivative().expression(), "f′(x)").startswith("f′(x) = ")


@pytest.mark.parametrize(
    ("root", "text"),
    [
        (x * tanh(exp(x)), "x·tanh(eˣ)"),
        (x - (x - alpha), "x − (x − α)"),
        (x / (x / a), "x/(x/a)"),
        (x * (a / x), "x·(a/x)"),
        (-(x + a), "−(x + a)"),
        ((x + a) ** 2, "(x + a)²"),
        (exp(-(alpha * x)), "exp(−α·x)"),
        (exp(2 * x) - 1, "e²ˣ − 1"),
        (sqrt(x + 1) / 3, "√(x + 1)/3"),
        (powr(x, a + 1), "x^(a + 1)"),
        (sigmoid(symbol("b_0") * x), "σ(b₀·x)"),
        (maximum(x, -1), "max(x, −1)"),
        (x ** -2, "x⁻²"),
    ],
)  # fmt: skip
def test_brackets_and_letters(root, text):
    assert formula(root, "f") == f"f = {text}"


def test_pieces_stand_below_each_other():
    root = where(x > 1, x, where(x < -1, sin(x), 0))
    assert formula(root, "f(x)").splitlines() == [
        "f(x) = ⎧ x        if x > 1",
        "       ⎨ sin(x)   if x < −1",
        "       ⎩ 0        otherwise",
    ]


def test_a_long_formula_names_its_shared_parts():
    part = tanh(x * alpha + a)
    root = part * (1 + part * (2 + part * (3 + part)))
    text = formula(root, "f", width=40)
    assert text.splitlines() == [
        "f = t₁·(1 + t₁·(2 + t₁·(3 + t₁)))", "where", "  t₁ = tanh(x·α + a)"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.5, "−0.5"), (float("-inf"), "−∞"), (None, "–"), (float("nan"), "–"), (-0.0, "0"),
     (1e-9, "1e-09"), (2.0, "2")],
)  # fmt: skip
def test_numbers(value, text):
    assert number(value) == text


def test_the_terminal_curve_is_where_the_function_is():
    """A rising line goes from the lower left to the upper right corner."""
    picture = draw([Line(lambda x: x, "cyan")], -1, 1, columns=20, rows=9).plain.splitlines()
    left, right = (min(i for i, row in enumerate(picture[:9]) if 0x2800 < ord(row[k]) < 0x2900)
                   for k in (3, 22))  # fmt: skip
    assert (left, right) == (8, 0)


def test_a_constant_zero_can_be_drawn():
    assert "0" in draw([Line(lambda x: 0 * x, "cyan")], -1, 1).plain


def test_infinite_values_are_left_out():
    assert draw([Line(lambda x: 1 / x, "cyan")], -1, 1).plain
