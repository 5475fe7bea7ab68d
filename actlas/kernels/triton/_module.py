"""Generated source as a module that lives in memory alone.

Triton reads a kernel's source with `inspect`, which asks `linecache` and then the module's loader
(PEP 302); both have it from here. So no file is written: nobody can change one between writing
and importing, no folder needs guarding, and a read-only home is no obstacle. The text holds
operations of our own table, numbers and names that we chose; nothing that a user typed is in it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import linecache
import sys
from importlib.abc import ExecutionLoader
from types import ModuleType


class _Text(ExecutionLoader):
    """A loader whose source is a string."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text

    def get_source(self, fullname: str) -> str:
        return self.text

    def get_filename(self, fullname: str) -> str:
        return f"{self.name}.py"


def module_of(text: str) -> ModuleType:
    """Return the module of a text, the same one for the same text."""
    name = f"{__package__}.generated_{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    if name in sys.modules:
        return sys.modules[name]
    loader = _Text(name, text)
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    # Without a time of change, `linecache` never looks for a file of this name.
    lines = text.splitlines(keepends=True)
    linecache.cache[loader.get_filename(name)] = (len(text), None, lines, loader.get_filename(name))
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
