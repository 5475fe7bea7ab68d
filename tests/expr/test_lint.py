"""The lint names every cancelling or overflowing form and the primitive to use instead."""

from __future__ import annotations

import pytest
from mpmath import mp, mpf

from actlas.backends import mpmath as exact
from actlas.catalogue import load
from actlas.expr.lint import RULES, unsafe_forms
from actlas.expr.parse import parse

UNSAFE = {
    "log(1 + exp(x))": "softplus(x)",
    "log(exp(2*x) + 1)": "softplus(2*x)",
    "log1p(exp(x))": "softplus(x)",
    "log(1 + x**2)": "log1p(x**2)",
    "exp(x) - 1": "expm1(x)",
    "-1 + exp(x)": "expm1(x)",
    "exp(x) + -1": "expm1(x)",
    "1 - exp(x/2)": "-expm1(x/2)",
    "1 - tanh(x)**2": "sech2(x)",
    "1 - tanh(x)*tanh(x)": "sech2(x)",
    "1 - sigmoid(x)": "sigmoid(-x)",
    "1 - erf(x)": "erfc(x)",
    "1 - ncdf(x)": "ncdf(-x)",
    "1 - tanh(x)": "2*sigmoid(-2*x)",
    "1 + tanh(x)": "2*sigmoid(2*x)",
    "erf(x/3) + 1": "erfc(-(x/3))",
    "1/(1 + exp(-x))": "sigmoid(x)",
    "1/(1 + exp(x))": "sigmoid(-x)",
    "3/(exp(x) + 1)": "3*sigmoid(-x)",
    "x/(1 + exp(-x))": "x*sigmoid(x)",
    "exp(x)/(1 + exp(x))": "sigmoid(x)",
    "x/(1 + abs(x))": "softsign(x)",
    "1/(abs(x) + 1)": "rabs(x)",
    "3*x/(1 + abs(x))": "3*(x*rabs(x))",
    "sqrt(1 + x**2)": "hypot1(x)",
    "sqrt(x*x + 1)": "hypot1(x)",
    "(exp(x) - exp(-x))/(exp(x) + exp(-x))": "tanh(x)",
    "(exp(-x) - exp(x))/(exp(x) + exp(-x))": "tanh(-x)",
    "(exp(x) - exp(3*x))/(exp(3*x) + exp(x))": "tanh((x - 3*x)/2)",
    "x - tanh(x)": "tanhshrink(x)",
    "log(sigmoid(x))": "-softplus(-x)",
}
SAFE = [
    "softplus(x)", "expm1(x)", "sech2(x)", "sigmoid(-x)", "1 - x", "1 + x", "2 - exp(x)",
    "exp(x) - 2", "1 - tanh(x)**3", "2 - tanh(x)", "log(x)", "log(2 + x)", "sqrt(x)",
    "sqrt(2 + x**2)", "sqrt(1 + x)", "x/(2 + exp(x))", "x/(1 + x**2)", "x/(2 + abs(x))",
    "x - tanh(2*x)", "tanh(x) - x", "log1p(x)", "exp(x)/(2 + exp(x))", "1 - sin(x)", "1 + erfc(x)",
    "(exp(x) - x)/(exp(x) + x)",
]  # fmt: skip


@pytest.mark.parametrize(("form", "repair"), UNSAFE.items())
def test_names_the_form_and_its_repair(form: str, repair: str) -> None:
    assert repair in [shown for _, shown in unsafe_forms(parse(form))]


@pytest.mark.parametrize(("form", "repair"), UNSAFE.items())
def test_the_repair_is_the_same_function(form: str, repair: str) -> None:
    """Each repair can be typed as it stands, is worth the same, and is itself safe."""
    for node, shown in unsafe_forms(parse(form)):
        stable = parse(shown)
        assert not list(unsafe_forms(stable)), shown
        with mp.workdps(40):
            for x in (mpf("-2.3"), mpf("-0.4"), mpf("0.7"), mpf("1.9")):
                wanted, found = (exact.evaluate(root, {"x": x}) for root in (node, stable))
                assert abs(found - wanted) < mpf(10) ** -35, (shown, x)


@pytest.mark.parametrize("form", SAFE)
def test_safe_forms_pass(form: str) -> None:
    assert list(unsafe_forms(parse(form))) == []


def test_every_rule_is_exercised() -> None:
    from actlas.expr import walk

    nodes = [node for form in UNSAFE for node in walk(parse(form))]
    for rule in RULES:
        assert any(rule(node) is not None for node in nodes), rule.__name__


def test_the_catalogue_is_clean() -> None:
    entries = load()
    assert len(entries) >= 100
    for entry in entries.values():
        assert list(unsafe_forms(entry.expression())) == [], entry.name
