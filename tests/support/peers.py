"""Other people's packages, where they are installed.

torchvision's wheel of PyPI is built for CUDA. Beside a CPU build of PyTorch it cannot load its
operators, and then `import torchvision` fails when it describes two of them; timm and parts of
transformers import it. Two declared operators are enough for everything that runs in Python.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from functools import cache
from types import ModuleType

import pytest
import torch

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def peer(name: str) -> ModuleType:
    """Return the package, or skip the test that needs it."""
    if importlib.util.find_spec(name.partition(".")[0]) is None:
        pytest.skip(f"{name} is not installed")
    declare_torchvision_operators()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they warn of while they are imported is not ours
        return importlib.import_module(name)


@cache
def declare_torchvision_operators() -> torch.library.Library | None:
    """Declare what torchvision's missing binary would have; kept for as long as the process."""
    if hasattr(torch.ops.torchvision, "nms"):
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _OPERATORS:
        library.define(schema)
    return library
