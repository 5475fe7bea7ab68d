"""The report in Chromium, on a narrow and on a wide screen: nothing lies over anything else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actlas.study import Result
from actlas.study.report import render
from tests.study.made_up import Planted, study
from tests.study.tiny_tasks import bumps, signs

LONG = "hardtanh(min_val=-1.2345678901234567, max_val=2.345678901234)"  # 60 letters and more
GAINS = {
    LONG: 0.0, "leaky_relu(negative_slope=0.2)": 0.3, "softplus(beta=1.2345678901234567)": 0.6,
    "gelu": 2.0, "telu": -2.0,
}  # fmt: skip
TASKS = [Planted(replace((signs, bumps)[i % 2], name=f"t{i}"), GAINS) for i in range(4)]
STUDIES = {
    "one task": study(TASKS[0], seeds=6),
    "four tasks": study(*TASKS, seeds=6),
    "recipes": study(*TASKS[:2], seeds=6, optimizer="sgd,adamw"),
}

# What sticks out of its cell, of its picture, or of the page; half a pixel is rounding.
STICKING_OUT = """() => {
  const found = [];
  const inside = (text, box, place) => {
    if (text.width && (text.right > box.right + 0.5 || text.left < box.left - 0.5))
      found.push(`${place}: ${text.left}-${text.right} in ${box.left}-${box.right}`);
  };
  document.querySelectorAll("details").forEach((folded) => { folded.open = true; });
  for (const cell of document.querySelectorAll(
    "th, tr:not(.axis) > td, figcaption, .strips .name, h1, h2, li")) {
    const range = document.createRange();
    range.selectNodeContents(cell);
    inside(range.getBoundingClientRect(), cell.getBoundingClientRect(), cell.innerText);
  }
  for (const text of document.querySelectorAll("svg text:not(.tick)"))
    inside(text.getBoundingClientRect(),
           text.ownerSVGElement.getBoundingClientRect(), text.textContent);
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) found.push(`the page: more than ${width}`);
  return found;
}"""


def sticking_out(chromium: Any, page: Path, width: int) -> list[str]:
    """Return what does not fit in its place on a screen of this width, in pixels."""
    context = chromium.new_context(viewport={"width": width, "height": 900})
    try:
        opened = context.new_page()
        opened.goto(page.as_uri())
        found: list[str] = opened.evaluate(STICKING_OUT)
    finally:
        context.close()
    return found


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("result", STUDIES.values(), ids=STUDIES.keys())
def test_long_names_stay_in_their_places(
    chromium: Any, tmp_path: Path, result: Result, width: int
) -> None:
    page = tmp_path / "report.html"
    page.write_text(render(result), encoding="utf-8")
    assert sticking_out(chromium, page, width) == []


def test_a_name_that_was_cut_is_told_whole() -> None:
    page = render(STUDIES["four tasks"])
    whole = "Hardtanh(min_val=-1.2345678901234567, max_val=2.345678901234)"
    assert page.count(f"Hardtanh(m…78901234)<title>{whole}</title>") == 4  # the charts of costs
    assert page.count(f"<title>{whole}</title></text>") == 5  # and the ranks
    assert "<title>GELU</title>" not in page
