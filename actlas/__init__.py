"""actlas: the atlas of neural-network activation functions.

>>> import actlas
>>> round(actlas.get("telu")(1.0), 12)
0.991328915801
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actlas import catalogue, export, init, nn
    from actlas.api import Activation, activation, cite, define, forget, get, names
    from actlas.errors import ActlasError
    from actlas.kernels.plans import saving, set_saving
    from actlas.nn import functional
    from actlas.study import compare
    from actlas.surgery.identification import identify
    from actlas.surgery.monitor import monitor
    from actlas.surgery.replacement import replace

__version__ = "0.1.0"
__all__ = [
    "Activation",
    "ActlasError",
    "activation",
    "catalogue",
    "cite",
    "compare",
    "define",
    "export",
    "forget",
    "functional",
    "get",
    "identify",
    "init",
    "monitor",
    "names",
    "nn",
    "replace",
    "saving",
    "set_saving",
]  # fmt: skip

_HOME = {
    "replace": "actlas.surgery.replacement",
    "ActlasError": "actlas.errors", "compare": "actlas.study", "monitor": "actlas.surgery.monitor",
    "identify": "actlas.surgery.identification",
    "saving": "actlas.kernels.plans", "set_saving": "actlas.kernels.plans",
}  # fmt: skip
_MODULES = {
    "catalogue": "actlas.catalogue", "export": "actlas.export", "init": "actlas.init",
    "functional": "actlas.functional", "nn": "actlas.nn",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    globals()[name] = found = _find(name)  # the next look finds it without this function
    return found


def _find(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name not in __all__:
        raise AttributeError(f"module 'actlas' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME.get(name, "actlas.api")), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
