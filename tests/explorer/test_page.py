"""The explorer in a real browser: what a person does with it, and what is drawn."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

import actlas
from actlas import catalogue
from actlas.catalogue import Paper, find
from actlas.explorer._page import NAME, page
from tests.conftest import ENTRIES
from tests.explorer.conftest import FEW, Open, photograph

pytestmark = pytest.mark.xdist_group("explorer")
SHOWN = [find(name) for name in FEW]
SOME = np.arange(9.0)
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
Table = dict[str, np.ndarray]


def titles(found: Any) -> list[str]:
    return [name.strip(" †") for name in found.locator(".tile .name").all_inner_texts()]


def numbers(found: Any) -> Table:
    """Return the columns of the CSV that the page offers: the very numbers that are drawn."""
    with found.expect_download() as waiting:
        found.click("button[aria-label='Save the numbers as CSV']")
    with waiting.value.path().open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    cells = np.array([[float(cell or "nan") for cell in row] for row in rows])
    return dict(zip(head, cells.T, strict=True))


def settled(found: Any) -> None:
    """Wait until what was asked for in this frame is drawn."""
    found.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


# ------------------------------------------------------------------ the atlas


@pytest.mark.slow
def test_every_function_is_there_at_once(visit: Open, whole: Path) -> None:
    found = visit("", address=(whole / NAME).as_uri())
    assert sorted(titles(found)) == sorted(entry.title for entry in ENTRIES)
    took = found.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert took < 5000  # about 250 ms on a quiet machine; a test machine may be busy
    photograph(found, "atlas-wide-light")


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


# ------------------------------------------------------------------ addresses


def test_a_shared_address_gives_the_same_view(visit: Open) -> None:
    found = visit("f=snake(a=2.5)&f=%3Dx*sigmoid(b*x);b=1.5&d=12&x=-3,3&y=-1,2&sort=gain&q=smooth")
    first = numbers(found)
    assert list(first) == ["x", "f′ Snake", "f″ Snake", "f′ x*sigmoid(b*x)", "f″ x*sigmoid(b*x)"]
    wanted = actlas.get("snake", a=2.5).derivative()(first["x"])
    np.testing.assert_allclose(first["f′ Snake"], wanted, 1e-12, 1e-14)
    again = visit(found.evaluate("location.hash").removeprefix("#"))
    assert {k: v.tolist() for k, v in numbers(again).items()} == {
        k: v.tolist() for k, v in first.items()
    }
    assert again.input_value("#search") == "smooth"


def test_back_leads_back(visit: Open) -> None:
    found = visit()
    found.click(".tile >> nth=3")
    settled(found)
    found.click(".list .tile >> nth=8")
    settled(found)
    assert found.locator(".curve").count() == 2
    found.go_back()
    settled(found)
    assert found.locator(".curve").count() == 1
    found.go_back()
    settled(found)
    assert found.is_visible("#atlas")


WRONG = (
    ("f=rulu&f=relu", "There is no function called “rulu”. Did you mean “relu”"),
    ("f=relu&view=nothing", "There is no view called “nothing”"),
    ("f=relu&f=elu(alpha=-3)", "alpha must be 0 or greater, got “-3”"),
    ("f=relu&f=snake(zzz=1)", "Snake has no parameter “zzz”; it has a"),
    ("f=relu&f=gelu(approximate=erf)", "approximate is one of none, tanh"),
    ("f=relu&x=3,1", "The range x=3,1 cannot be read"),
    ("f=relu&f=%3Dx*%2B", "The formula x*+, column 3"),
    ("f=relu&f=__proto__", "no function called “__proto__”"),
    ("f=relu&f=<img src=x onerror=alert(1)>", "no function called “<img src=x onerror=alert"),
)


def test_what_an_address_gets_wrong_is_said(visit: Open) -> None:
    found = visit("f=relu")
    for hash, said in WRONG:
        found.evaluate("(hash) => { location.hash = hash; }", quote(hash, safe="=&%"))
        found.wait_for_selector("#messages:not([hidden])")
        settled(found)
        assert said in found.inner_text("#messages")
        assert found.locator(".curve .name").all_inner_texts() == ["ReLU"]
    assert found.locator("img").count() == 0


# ------------------------------------------------------------------ light, dark, narrow, keys


def test_dark_and_light(visit: Open) -> None:
    found = visit("f=telu&f=gelu&d=01", color_scheme="dark")
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = found.evaluate(colour)
    photograph(found, "overlay-wide-dark")
    found.click("#theme")
    assert found.evaluate(colour) != dark
    found.reload()
    found.wait_for_selector("canvas")
    assert found.evaluate(colour) != dark  # what was chosen is kept
    photograph(visit("", color_scheme="dark"), "atlas-wide-dark")


def test_a_narrow_screen(visit: Open) -> None:
    found = visit("", **PHONE)
    photograph(found, "atlas-narrow-light")
    found.fill("#search", "elu")
    found.locator(".tile", has_text="GELU").first.tap()
    settled(found)
    assert found.is_visible("canvas")
    found.click("#back")
    found.locator(".tile").first.tap()
    settled(found)
    assert found.locator(".curve").count() == 2
    wide = found.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    photograph(found, "overlay-narrow-light")
    found.click("#theme")
    photograph(found, "overlay-narrow-dark")


def test_everything_by_keyboard(visit: Open) -> None:
    found = visit()
    found.keyboard.press("/")
    found.keyboard.type("gelu")
    settled(found)
    found.keyboard.press("ArrowDown")
    found.keyboard.press("ArrowRight")
    assert found.evaluate("document.activeElement.className") == "tile"
    found.keyboard.press("Enter")
    settled(found)
    assert found.locator(".curve").count() == 1
    reached = set()
    for _ in range(60):
        found.keyboard.press("Tab")
        reached.add(found.evaluate("document.activeElement.id || document.activeElement.role"))
    assert {"plot", "tab"} <= reached


def test_files_to_keep(visit: Open) -> None:
    found = visit("f=relu&f=telu&d=01")
    for kind, begins in (("PNG", b"\x89PNG"), ("SVG", b"<svg")):
        with found.expect_download() as waiting:
            found.click(f"button[aria-label='Save as {kind}']")
        assert waiting.value.suggested_filename == f"actlas-relu-telu.{kind.lower()}"
        text = waiting.value.path().read_bytes()
        assert text.startswith(begins)
        assert len(text) > 5000


# ------------------------------------------------------------------ cards


def test_a_card_tells_what_is_known(visit: Open) -> None:
    found = visit("&".join(f"f={name}" for name in FEW))
    found.get_by_role("tab", name="C", exact=True).click()
    for place, entry in enumerate(SHOWN):
        found.click(f".curve .name >> nth={place}")
        settled(found)
        said = found.inner_text("#card")
        told = (entry.title, entry.description, *entry.errata, *entry.collisions, entry.status)
        assert all(text in said for text in told)
        assert entry.paper.bibtex(entry.name).splitlines()[0] in said
        assert all(claim.statement in said for claim in entry.claims)
        assert found.locator("#card math").count() >= 1
        assert re.search(rf"real {entry.name}_?\(", said)


HOSTILE = '<img src=x onerror="alert(1)"></script><script>alert(2)</script>'


def test_hostile_names_are_only_text(visit: Open, tmp_path: Path) -> None:
    """The page comes from a file here: it works without any server, too."""
    paper = Paper(HOSTILE, 2026, title=HOSTILE, url="javascript:alert(3)")

    @actlas.activation(paper=paper, title=f"Evil{HOSTILE}", errata=(HOSTILE,))
    def evil(x):  # type: ignore[no-untyped-def]
        """Sees </script><script>alert(4)</script> what happens."""
        return x * 2

    try:
        (tmp_path / NAME).write_text(page([evil.name]), encoding="utf-8")
    finally:
        catalogue.forget(evil.name)
    found = visit("f=evil", address=(tmp_path / NAME).as_uri())
    assert HOSTILE in found.inner_text("#card")
    assert found.locator("img, a[href^=javascript]").count() == 0
