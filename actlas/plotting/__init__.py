"""Figures for papers: curves, derivatives, saturation and vanishing-gradient quotients.

Needs matplotlib (`pip install "actlas[plot]"`); nothing here opens a window.
"""

from __future__ import annotations

from actlas.plotting._figure import FORMATS, draw, save
from actlas.plotting._panels import Panel, quotient, saturation, values
from actlas.plotting._sampling import RECONSTRUCTED, label

__all__ = [
    "FORMATS",
    "RECONSTRUCTED",
    "Panel",
    "draw",
    "label",
    "quotient",
    "saturation",
    "save",
    "values",
]
