"""The explorer in a real browser: what a person does with it, and what is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import actlas
from actlas.catalogue import find
from actlas.explorer._page import NAME
from actlas.nn.structured import units
from tests.conftest import ENTRIES
from tests.explorer.conftest import FEW, Open, photograph
from tests.explorer.reading import numbers, settled, titles

pytestmark = pytest.mark.xdist_group("explorer")
SHOWN = [find(name) for name in FEW]
SOME = np.arange(9.0)


# ------------------------------------------------------------------ the atlas


@pytest.mark.slow
def test_every_function_is_there_at_once(visit: Open, whole: Path) -> None:
    found = visit("", address=(whole / NAME).as_uri())
    assert sorted(titles(found)) == sorted(entry.title for entry in ENTRIES)
    took = found.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert took < 5000  # about 250 ms on a quiet machine; a test machine may be busy
    photograph(found, "atlas-wide-light")
    assert found.locator(".unit").count() == len(units())
    found.fill("#search", "swiglu")
    settled(found)
    shown = found.locator(".unit[data-id=swiglu]")
    shown.locator("summary").click()
    assert units()["swiglu"].paper.bibtex("swiglu").splitlines()[0] in shown.inner_text()
    assert shown.locator("math").count() >= 1
    photograph(found, "unit-wide-light")


QUERIES = ("smooth monotone zero-mean", "smooth, monotone, zero mean", "kinked learnable",
           "odd bounded")  # fmt: skip


def test_search_by_property(visit: Open) -> None:
    """The words hold for exactly those functions of which the facts say so."""
    found = visit()
    for query in QUERIES:
        found.fill("#search", query)
        settled(found)
        assert sorted(titles(found)) == sorted(_with_property(query)) != []


def _with_property(query: str) -> list[str]:
    tests = {
        "smooth": lambda facts: facts.smoothness == "C^inf", "kinked": lambda facts: facts.kinks,
        "monotone": lambda facts: facts.monotone, "bounded": lambda facts: facts.bounded,
        "zero-mean": lambda facts: abs(facts.mean) < 1e-9, "learnable": lambda facts: True,
        "odd": lambda facts: np.allclose(facts.curve(SOME), -facts.curve(-SOME)),
    }  # fmt: skip
    words = query.replace(",", "").replace("zero mean", "zero-mean").split()
    entries = [entry for entry in SHOWN if len(entry.inputs) == 1]
    if "learnable" in words:
        entries = [e for e in entries if any(p.learnable for p in e.parameters.values())]
    return [
        entry.title for entry in entries
        if all(tests[word](actlas.get(entry.name).facts) for word in words)
    ]  # fmt: skip


NAMED = (("tanhexp", "TeLU"), ("silu", "SiLU"), ("misra 2019 smooth", "Mish"))


def test_search_by_name_alias_author_and_year(visit: Open) -> None:
    found = visit("sort=name")
    for query, first in NAMED:
        found.fill("#search", query)
        settled(found)
        assert titles(found)[0] == first
    found.fill("#search", "nosuchthing")
    settled(found)
    assert "Nothing found" in found.inner_text("#atlas")
    assert found.inner_text("#count") == f"0 of {len(FEW)} functions"


def test_sorted_by_a_fact(visit: Open) -> None:
    found = visit("sort=gain")
    gains = {e.title: actlas.get(e.name).facts.gain for e in SHOWN if len(e.inputs) == 1}
    shown = [gains[title] for title in titles(found) if title in gains]
    assert shown == sorted(gains.values())


# ------------------------------------------------------------------ the plot


def test_three_functions_are_drawn_as_numpy_has_them(visit: Open) -> None:
    found = visit()
    for name in ("TeLU", "GELU", "Mish"):
        found.fill("#search", name)
        found.press("#search", "Enter")
        settled(found)
    for title in ("its derivative", "its second derivative"):
        found.click(f"button[title='{title}']")
    drawn = numbers(found)
    x = drawn["x"]
    assert (len(x), x[0], x[-1]) == (1201, -5, 5)
    for name in ("telu", "gelu", "mish"):
        function = actlas.get(name)
        for order, mark in enumerate(("f", "f′", "f″")):
            wanted = function.derivative(order)(x)
            np.testing.assert_allclose(drawn[f"{mark} {function.title}"], wanted, 1e-12, 1e-15)
    photograph(found, "overlay-wide-light")


def test_a_slider_moves_the_curve(visit: Open) -> None:
    found = visit("f=elu")
    slider = found.get_by_label("α", exact=True)
    slider.focus()
    for _ in range(5):
        slider.press("ArrowRight")
    settled(found)
    alpha = float(slider.input_value())
    assert alpha > 1
    drawn = numbers(found)
    np.testing.assert_allclose(drawn["f ELU"], actlas.get("elu", alpha=alpha)(drawn["x"]), 1e-12)
    assert f"alpha={alpha}" in found.evaluate("decodeURIComponent(location.hash)")
    box = found.get_by_label("alpha, a number")
    box.fill("-2")
    box.press("Tab")
    assert "must be 0 or greater" in box.evaluate("(box) => box.validationMessage")
    assert float(slider.input_value()) == alpha


def test_keys_and_wheel_move_the_window(visit: Open) -> None:
    found = visit("f=telu")
    found.focus("#plot")
    for key in ("ArrowRight", "+"):
        found.keyboard.press(key)
        settled(found)
    x = numbers(found)["x"]
    assert (x[0], x[-1]) == pytest.approx((-3, 5))
    found.focus("#plot")
    found.keyboard.press("0")
    settled(found)
    found.hover("#plot")
    found.mouse.wheel(0, 300)
    settled(found)
    assert numbers(found)["x"][-1] > 5
    found.click("button[title^='Bend the x axis']")
    settled(found)
    bent = numbers(found)["x"]
    assert np.ptp(np.diff(np.arcsinh(bent))) < 1e-12


@pytest.mark.parametrize("view", ["saturation", "quotient", "gaussian", "propagation"])
def test_the_other_views(visit: Open, view: str) -> None:
    found = visit(f"f=telu&f=relu&f=gelu&view={view}")
    drawn = numbers(found)
    telu, gelu = actlas.get("telu"), actlas.get("gelu")
    if view in ("saturation", "quotient"):
        slope = np.abs(gelu.derivative()(drawn["x"]))
        below = np.abs(telu.derivative()(drawn["x"])) if view == "quotient" else 1
        column = "|f′/g′| GELU" if view == "quotient" else "|f′| GELU"
        shown = drawn[column]
        np.testing.assert_allclose(shown[slope > 0], (slope / below)[slope > 0], rtol=1e-9)
        assert np.isnan(drawn[column.replace("GELU", "ReLU")][:-1]).all()
    elif view == "gaussian":
        density, y = drawn["density of f(z), ReLU"], drawn["f(z)"]
        bell = np.exp(-(y[y > 0.1] ** 2) / 2) / np.sqrt(2 * np.pi)
        np.testing.assert_allclose(density[y > 0.1], bell, atol=0.02)
        assert "ReLU: mean 0.3989, variance 0.3408; 50 % exactly at 0" in found.inner_text("#note")
    else:
        np.testing.assert_allclose(drawn["own gain, ReLU"], 1, rtol=1e-5)
        np.testing.assert_allclose(drawn["He, ReLU"], 1, rtol=1e-5)
        depth = drawn["default, ReLU"]
        np.testing.assert_allclose(depth[:20], 6.0 ** -np.arange(20), rtol=1e-4)
    photograph(found, f"view-{view}")


# ------------------------------------------------------------------ typed formulas


def test_a_typed_formula_is_drawn_and_recognised(visit: Open) -> None:
    found = visit()
    found.fill("#formula", "3*x*tanh(exp(a*x))")
    found.press("#formula", "Enter")
    settled(found)
    for title in ("its derivative", "its second derivative"):
        found.click(f"button[title='{title}']")
    drawn, telu = numbers(found), actlas.get("telu")
    for order, mark in enumerate(("f", "f′", "f″")):
        wanted = 3 * telu.derivative(order)(drawn["x"])
        np.testing.assert_allclose(drawn[f"{mark} 3*x*tanh(exp(a*x))"], wanted, atol=1e-7)
    nearest = found.locator(".near li").first.inner_text()
    assert "TeLU" in nearest
    assert "3 f(x)" in nearest
    assert "the same" in nearest
    facts = found.inner_text("#card")
    assert f"{telu.facts.gain / 3:.5g}" in facts
    photograph(found, "typed-wide-light")


MALFORMED = (
    ("x*tahn(x)", 3, "unknown function “tahn”. Did you mean “tanh”"), ("(x", 3, "expected “)”"),
    ("x + ?", 5, "cannot read “?”"), ("alert(1)", 1, "unknown function “alert”"),
    ("x.constructor", 2, "cannot read “.”"), ("constructor", 1, "unknown name"),
    ("__proto__", 1, "unknown name"), ("x > 0", 1, "a comparison is no number"), ("", 1, "empty"),
)  # fmt: skip


def test_a_malformed_formula_is_answered_with_place_and_reason(visit: Open) -> None:
    found = visit("f=relu")
    for formula, column, why in MALFORMED:
        found.fill("#formula", formula)
        found.press("#formula", "Enter")
        said = found.inner_text("#formula-fault")
        assert said.startswith(f"column {column}: "), (formula, said)
        assert why in said
    assert list(numbers(found)) == ["x", "f ReLU"]
