"""What a test reads from the page: names of tiles, and the numbers that are drawn."""

from __future__ import annotations

import csv
from typing import Any

import numpy as np

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
