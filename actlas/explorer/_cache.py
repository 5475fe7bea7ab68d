"""The page is kept once it is made: making it takes some ten seconds, reading it none.

It is kept under a name that stands for everything it is made from, so that an old one is never
taken for a new one.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from actlas.catalogue import load

VARIABLE = "ACTLAS_CACHE"
_SUFFIXES = (".py", ".js", ".css", ".html", ".json", ".c", ".h")


def cache_folder() -> Path | None:
    """Return where pages are kept, or None where they shall not be: ACTLAS_CACHE is empty."""
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        return Path(chosen) if chosen else None
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "actlas"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "actlas"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "actlas"


def kept(make: Callable[[], str], parts: Iterable[str]) -> str:
    """Return what `make` makes, from the cache where it was made before.

    A cache that cannot be read or written is as good as none. Where the user has functions of
    their own nothing is kept: they are in no file.

    Args:
        make: makes the page.
        parts: what the page is made from beside the files of the package.
    """
    folder = cache_folder()
    if folder is None or any(entry.status == "user" for entry in load().values()):
        return make()
    place = folder / f"explorer-{_fingerprint(parts)}.html"
    with suppress(OSError):
        return place.read_text(encoding="utf-8")
    text = make()
    with suppress(OSError):
        _keep(text, place)
    return text


def _keep(text: str, place: Path) -> None:
    """Write a page whole or not at all, and take earlier ones away."""
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_suffix(f".{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(place)
    for other in place.parent.glob("explorer-*.html"):
        if other != place:
            other.unlink(missing_ok=True)


def _fingerprint(parts: Iterable[str]) -> str:
    total = hashlib.sha256(sys.version.encode())
    for part in parts:
        total.update(part.encode() + b"\0")
    for name, text in _sources(files("actlas"), ""):
        total.update(name.encode() + b"\0" + hashlib.sha256(text).digest())
    return total.hexdigest()[:24]


def _sources(folder: Traversable, path: str) -> Iterable[tuple[str, bytes]]:
    """Yield every file of the package that a page could depend on, in one order."""
    for place in sorted(folder.iterdir(), key=lambda each: each.name):
        if place.is_dir() and place.name != "__pycache__":
            yield from _sources(place, f"{path}{place.name}/")
        elif place.name.endswith(_SUFFIXES):
            yield path + place.name, place.read_bytes()
