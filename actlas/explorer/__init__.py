"""The explorer: one static page with every function, drawn in the browser by its own code.

>>> text = page(["telu"])
>>> text.startswith("<!doctype html>"), "http-equiv" in text
(True, True)
"""

from __future__ import annotations

from actlas.explorer._page import page, write
from actlas.explorer._server import address, listen, serve

__all__ = ["address", "listen", "page", "serve", "write"]
