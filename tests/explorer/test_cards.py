"""Cards say what is known, foreign text stays text, and planted faults are seen."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import actlas
from actlas import catalogue
from actlas.catalogue import Paper, find
from actlas.explorer import _page
from actlas.explorer._page import NAME, page
from tests.explorer.conftest import FEW, Open, photograph
from tests.explorer.reading import numbers, settled

pytestmark = pytest.mark.xdist_group("explorer")
SHOWN = [find(name) for name in FEW]


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


def test_a_card_says_what_is_proved_what_it_costs_and_where_it_was_studied(
    visit: Open, tmp_path: Path
) -> None:
    (tmp_path / "results" / "mish_first").mkdir(parents=True)
    (tmp_path / "mish_first.toml").write_text('title = "Mish is first"\nfunction = "mish"\n')
    finding = {"against": "relu", "verdict": "NOT REPRODUCED", "lead": -0.5, "unit": "%"}
    place = tmp_path / "results" / "mish_first" / "verdict.json"
    place.write_text(json.dumps({"fair": [finding]}))
    about = {"measured": "2026-01-02", "processor": "Abacus", "instructions": "beads"}
    forward = {"actlas": [1, 2.5, 3], "eager": 7}
    costs = {**about, "threads": 1, "torch": "9.9", "functions": {"mish": {"forward": forward}}}
    made = page(["mish", "snake"], costs=costs, studies=tmp_path / "results")
    (tmp_path / NAME).write_text(made, encoding="utf-8")
    found = visit("f=snake&f=mish&on=1", address=(tmp_path / NAME).as_uri())
    said = found.inner_text("#card")
    assert re.search(r"minimum\s+−0\.308843 at x = −1\.19243\s*proved", said)
    assert all(text in said for text in ("2.5", "its formula in PyTorch", "Abacus", "2026-01-02"))
    assert re.search(r"Mish is first fair, mish against relu\s+not reproduced lead −0\.5 %", said)
    assert "bisection" in str(found.get_attribute(".proof >> nth=0", "title"))
    found.click(".proofs summary")
    assert "value from −0.308843413" in found.inner_text(".proofs")
    photograph(found, "card-proofs-wide-light")
    found.click(".curve .name >> nth=0")
    settled(found)
    assert "not proved" in found.inner_text(".facts")
    found.click(".proofs summary")
    assert "computed, not proved: no ball decides it" in found.inner_text(".proofs")


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


# ------------------------------------------------------------------ planted faults


def test_a_wrong_curve_is_seen(
    visit: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is compared is what the page draws, not what it was meant to draw."""
    right = _page.generated

    def wrong(functions: Any) -> str:
        return right(functions).replace("Math.tanh(x)", "Math.sin(x)")

    monkeypatch.setattr(_page, "generated", wrong)
    (tmp_path / NAME).write_text(page(["tanh"]), encoding="utf-8")
    drawn = numbers(visit("f=tanh", address=(tmp_path / NAME).as_uri()))
    np.testing.assert_allclose(drawn["f Tanh"], np.sin(drawn["x"]), 1e-12)


def test_a_script_that_is_not_ours_does_not_run(visit: Any, tmp_path: Path) -> None:
    foreign = "<script>document.title = 'taken'</script></body>"
    text = page(["relu"]).replace("</body>", foreign)
    (tmp_path / NAME).write_text(text, encoding="utf-8")
    found = visit("f=relu", address=(tmp_path / NAME).as_uri())
    assert found.title() == "actlas explorer"
    assert "Content Security Policy" in visit.complaints.pop()
