"""The page, served on this machine, in Debian's Chromium."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actlas.explorer import address, listen, page
from actlas.explorer._cache import VARIABLE
from actlas.explorer._page import NAME

# Kinks, waves, a choice, vectors, two inputs, errata, claims that fail, functions of one author.
FEW = ("relu", "elu", "telu", "gelu", "silu", "mish", "tanh", "snake", "pau", "and_il", "elish",
       "golu", "prelu", "hard_mish")  # fmt: skip
SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
Open = Callable[..., Any]


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep no page of a test in the cache of whoever runs it, and take none from there."""
    monkeypatch.setenv(VARIABLE, "")


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the explorer of a few functions of every kind: quick to make."""
    folder = tmp_path_factory.mktemp("few")
    (folder / NAME).write_text(page(FEW), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the explorer of the whole catalogue."""
    folder = tmp_path_factory.mktemp("explorer")
    (folder / NAME).write_text(page(), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def host(few: Path) -> Iterator[str]:
    """Return the address of the explorer, served as `actlas explore` serves it."""
    with listen(few) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield address(server)
        server.shutdown()


@pytest.fixture
def visit(chromium: Any, host: str) -> Iterator[Open]:
    """Return a function that opens the explorer at a hash.

    At the end nothing may stand in the console, and nothing but the page may have been asked for.
    """
    contexts: list[Any] = []
    complaints: list[str] = []
    asked: list[str] = []

    def go(hash: str = "", address: str = host, **options: Any) -> Any:
        context = chromium.new_context(
            **{"viewport": {"width": 1440, "height": 900}, "accept_downloads": True, **options}
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}#{hash}")
        page.wait_for_selector("#atlas:not([hidden]) .tile, #work:not([hidden]) canvas")
        return page

    go.complaints = complaints  # type: ignore[attr-defined]
    yield go
    for context in contexts:
        context.close()
    assert complaints == []
    outside = [url for url in asked if not url.startswith((host, "data:", "blob:", "file:"))]
    assert outside == []


def photograph(page: Any, name: str) -> None:
    """Keep what the page looks like, for people to look at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
