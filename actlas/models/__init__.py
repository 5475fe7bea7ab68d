"""Floor 8: the networks of the founding papers, each with any activation plugged in.

One file per family. `networks()` lists them all; every file of this folder enters its own.
"""

from __future__ import annotations

import importlib
import pkgutil

from actlas.models._registry import (
    Network,
    activation_factory,
    count_parameters,
    default_input,
    find_network,
    network,
    networks,
)
from actlas.models._residual import Residual, residual_blocks

for _file in pkgutil.iter_modules(__path__):
    if not _file.name.startswith("_"):
        importlib.import_module(f"{__name__}.{_file.name}")

__all__ = [
    "Network", "Residual", "activation_factory", "count_parameters", "default_input",
    "find_network", "network", "networks", "residual_blocks",
]  # fmt: skip
