"""What autoinit_ refuses before it begins."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from actlas.errors import ActlasError, nearest


def check_model(model: Any) -> nn.Module:
    """Return the model whose weights are meant; ActlasError where they cannot be set.

    Refused are what is no module, scripted and quantised modules, lazy layers that have no shape
    yet, and tensors on the meta device.
    """
    if not isinstance(model, nn.Module):
        raise ActlasError(f"autoinit_ needs a torch.nn.Module, got {type(model).__name__}")
    inner = getattr(model, "_orig_mod", None)  # where torch.compile keeps the module
    found: nn.Module = inner if isinstance(inner, nn.Module) else model
    for path, module in found.named_modules():
        _check_module(path or "the model", module)
    return found


def _check_module(path: str, module: nn.Module) -> None:
    kind = type(module).__name__
    if isinstance(module, torch.jit.ScriptModule):
        raise ActlasError(f"{path} is a ScriptModule, which cannot be traced; initialise the "
                          "module before torch.jit.script")  # fmt: skip
    if "quantized" in type(module).__module__.split("."):
        raise ActlasError(f"{path} ({kind}) is quantised and has no float weights to draw; "
                          "initialise the model before quantising it")  # fmt: skip
    for name, tensor in (*module.named_parameters(recurse=False),
                         *module.named_buffers(recurse=False)):  # fmt: skip
        if is_lazy(tensor):
            raise ActlasError(f"{path} ({kind}) is lazy and its {name} has no shape yet; run the "
                              "model once on an input, then initialise it")  # fmt: skip
        if tensor.is_meta:
            raise ActlasError(f"{name} of {path} ({kind}) is on the meta device and holds no "
                              "numbers; call model.to_empty(device=...) first")  # fmt: skip


def check_number(value: Any, what: str, *, positive: bool = False, high: float = math.inf) -> float:
    """Return a finite number as a float, or say what is wrong with it."""
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        value = value.item()
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    inside = number and math.isfinite(value) and value <= high
    if not inside or (positive and value <= 0) or (high < math.inf and value < 0):
        allowed = "a finite number above 0" if positive else "a finite number"
        allowed = f"a number from 0 to {high:g}" if high < math.inf else allowed
        raise ActlasError(f"{what} must be {allowed}, got {value!r}")
    return float(value)


def check_choice(value: Any, what: str, allowed: tuple[str, ...]) -> str:
    """Return one of the allowed words, or name the nearest one."""
    if value not in allowed:
        raise ActlasError(f"{what} is one of {', '.join(allowed)}, got {value!r}."
                          f"{nearest(str(value), allowed)}")  # fmt: skip
    return str(value)


def check_generator(generator: Any) -> torch.Generator | None:
    """Return a torch.Generator or None."""
    if generator is not None and not isinstance(generator, torch.Generator):
        raise ActlasError("generator must be a torch.Generator or None, got "
                          f"{type(generator).__name__}")  # fmt: skip
    return generator
