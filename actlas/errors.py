"""The one error type of actlas, and the sentences that help to mend it."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType


class ActlasError(ValueError):
    """A request that cannot be met; the message says what was given and what is allowed."""


class UnsupportedDtypeError(ActlasError, NotImplementedError):
    """A tensor of integers, booleans or complex numbers where real floats are needed."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return " Did you mean 'gelu'?" for the valid name closest to `name`, or "" if none is close.

    >>> nearest("gelo", ["relu", "gelu", "silu"])
    " Did you mean 'gelu'?"
    """
    by_folded = {candidate.lower(): candidate for candidate in valid}
    close = difflib.get_close_matches(name.lower(), by_folded, n=3, cutoff=0.6)
    if not close:
        return ""
    names = [repr(by_folded[key]) for key in close]
    listed = names[0] if len(names) == 1 else ", ".join(names[:-1]) + " or " + names[-1]
    return f" Did you mean {listed}?"


def need_extra(module: str, extra: str) -> ModuleType:
    """Import an optional `module`, or say in one sentence which extra brings it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        message = f'{module} is needed here and not installed: pip install "actlas[{extra}]"'
        raise ActlasError(message) from None


def import_here(module: str) -> ModuleType:
    """Import a module of the user's, which may lie in the working directory.

    Raises:
        ActlasError: if it, or what it imports, cannot be imported.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ActlasError(
            f"the module {module!r} cannot be imported from {here}: {error}"
        ) from error
