"""Where a file goes: a name that says what it shows, and a check before any work is done."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from actlas.errors import ActlasError
from actlas.plotting import FORMATS

_NAMED = 4


def default_name(labels: Sequence[str], panels: Sequence[str]) -> Path:
    """Return a file name for a figure of functions.

    >>> default_name(["TeLU", "ELU(alpha=2)"], ["derivative"]).name
    'telu-elu-alpha-2-derivative.png'
    """
    words = [*labels[:_NAMED], *panels]
    if len(labels) > _NAMED:
        words.insert(_NAMED, f"and {len(labels) - _NAMED} more")
    return Path(re.sub(r"[^a-z0-9.]+", "-", " ".join(words).lower()).strip("-") + ".png")


def writable(path: Path, replace: bool, formats: Sequence[str] = FORMATS) -> Path:
    """Return `path` if a file in one of `formats`, by default a figure, can be written there.

    Raises:
        ActlasError: for an unknown format, a missing or read-only folder, or a file that is there
            already, unless `replace`.
    """
    if path.suffix[1:].lower() not in formats:
        allowed = ", ".join(f".{name}" for name in formats)
        raise ActlasError(f"cannot tell the format of {path}; its name must end in {allowed}")
    if not path.parent.is_dir():
        raise ActlasError(f"there is no folder {path.parent} for {path.name}; make it first")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise ActlasError(f"{path} cannot be written")
    if path.exists() and not replace:
        raise ActlasError(f"{path} is there already; give --force to replace it, or another -o")
    return path
