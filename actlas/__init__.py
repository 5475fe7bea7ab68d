"""actlas: the atlas of neural-network activation functions.

>>> import actlas
>>> round(actlas.get("telu")(1.0), 12)
0.991328915801
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actlas import catalogue, init, nn
    from actlas.api import Activation, activation, cite, define, forget, get, names
    from actlas.errors import ActlasError
    from actlas.nn import functional
    from actlas.study import compare

__version__ = "0.1.0"
__all__ = [
    "Activation",
    "ActlasError",
    "activation",
    "catalogue",
    "cite",
    "compare",
    "define",
    "forget",
    "functional",
    "get",
    "init",
    "names",
    "nn",
]  # fmt: skip

_HOME = {"ActlasError": "actlas.errors", "compare": "actlas.study"}
_MODULES = {
    "catalogue": "actlas.catalogue", "functional": "actlas.nn.functional", "init": "actlas.init",
    "nn": "actlas.nn",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name not in __all__:
        raise AttributeError(f"module 'actlas' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME.get(name, "actlas.api")), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
