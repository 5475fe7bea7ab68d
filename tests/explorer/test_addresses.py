"""Addresses, themes, narrow screens and keys: every way in, on every kind of screen."""

from __future__ import annotations

import ast
from urllib.parse import quote

import numpy as np
import pytest

import actlas
from tests.explorer.conftest import Open, photograph
from tests.explorer.reading import numbers, settled

pytestmark = pytest.mark.xdist_group("explorer")
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


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
    ("f=relu&x=1e16,10000000000000002", "at most 1000000 from 0"),
    ("f=relu&x=100000,100000.05", "not closer than a millionth"),
    ("f=relu&view=saturation&y=-1,1", "both above 0"),
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


def test_a_deep_zoom_survives_a_reload(visit: Open) -> None:
    """A window a hundred thousand times narrower than it is far out is in the address, exactly."""
    found = visit("f=tanh&x=4.99999,5.00001")
    found.focus("#plot")
    for key in ("+", "ArrowRight", "ArrowRight"):
        found.keyboard.press(key)
        settled(found)
    before = numbers(found)["x"]
    assert 1.5e-5 < np.ptp(before) < 1.7e-5
    found.reload()
    found.wait_for_selector("canvas")
    assert numbers(found)["x"].tolist() == before.tolist()


_PRESS = """([key, times]) => {
  const plot = document.getElementById("plot");
  for (let i = 0; i < times; i++) {
    plot.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  }
}"""


def test_no_zoom_leads_to_an_address_that_is_refused(visit: Open) -> None:
    """Eighty keys in one go; each is heard, as the count of a few below shows."""
    found = visit("f=tanh")
    for hash in ("f=tanh", "f=tanh&log=xy", "f=tanh&view=saturation"):
        for key in "+-":
            found.evaluate("(hash) => { location.hash = hash; }", hash)
            settled(found)
            found.evaluate(_PRESS, [key, 80])
            settled(found)
            assert found.evaluate("location.hash") != f"#{hash}"
            found.reload()
            found.wait_for_selector("canvas")
            assert found.is_hidden("#messages"), found.evaluate("location.hash")


def test_keys_in_one_go_do_what_keys_one_by_one_do(visit: Open) -> None:
    quick, slow = visit("f=tanh"), visit("f=tanh")
    quick.evaluate(_PRESS, ["+", 7])
    slow.focus("#plot")
    for _ in range(7):
        slow.keyboard.press("+")
    settled(quick)
    settled(slow)
    assert quick.evaluate("location.hash") == slow.evaluate("location.hash") != "#f=tanh"


def test_the_last_curve_is_active_where_an_address_counts_too_far(visit: Open) -> None:
    assert visit("f=relu&f=elu&on=9").inner_text("#card h1 code") == "elu"


def test_a_typed_formula_is_given_as_python(visit: Open) -> None:
    """However its blanks were typed."""
    shown = visit(f"f={quote('=x *' + chr(10) + chr(160) + 'tanh(x)')}").inner_text("#card pre")
    strings = [node.value for node in ast.walk(ast.parse(shown)) if isinstance(node, ast.Constant)]
    assert "x * tanh(x)" in strings


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
