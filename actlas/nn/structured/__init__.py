"""Units that are not element-wise: they mix channels, neighbours, samples or noise.

Every file of this folder that does not begin with an underscore is imported here and enters its
classes with the `unit` decorator; there is no other list.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from actlas.nn.structured._registry import Unit, find_unit, unit, units

for _module in pkgutil.iter_modules(__path__):
    if not _module.name.startswith("_"):
        importlib.import_module(f"{__name__}.{_module.name}")

_classes = {entry.cls.__name__: entry.cls for entry in units().values()}
globals().update(_classes)

__all__ = ["Unit", "find_unit", "unit", "units", *sorted(_classes)]


def __getattr__(name: str) -> Any:
    # Reached for unknown names only; it also tells type checkers that classes live here.
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
