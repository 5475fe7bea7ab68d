"""Hooks that stay out of the way: of compilers, of function transforms, and of copied models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Hook:
    """A hook that is silent inside compiled and transformed code and does not travel.

    A model that is copied or saved while it is watched takes a hook along that does nothing, so
    that an averaged copy of a model is not counted and a checkpoint does not hold the monitor.
    """

    def __init__(self, call: Callable[..., None]) -> None:
        self._call = call

    def __call__(self, *args: Any) -> None:
        if not torch.compiler.is_compiling() and not _traced():
            self._call(*args)

    def __reduce__(self) -> tuple[Callable[[], Callable[..., None]], tuple[()]]:
        return _silent, ()


def _traced() -> bool:
    """Say whether vmap, grad or a tracer runs the model, on tensors that must not be kept."""
    return torch._C._are_functorch_transforms_active() or torch._C._get_tracing_state() is not None


def _silent() -> Callable[..., None]:
    return silence


def silence(*_: object) -> None:
    """Do nothing: what a hook becomes in a copy of its model."""


def first_tensor(values: Iterable[Any], named: Mapping[str, Any] | None = None) -> Any:
    """Return the first tensor among the arguments of a call, or None."""
    candidates = [*values, *(named or {}).values()]
    return next((value for value in candidates if isinstance(value, Tensor)), None)


def output_tensor(output: Any) -> Any:
    """Return what a module gives back, or the first tensor of several."""
    return first_tensor(output) if isinstance(output, (tuple, list)) else output


def is_compiled(model: nn.Module) -> bool:
    """Say whether torch.compile has wrapped the model or a part of it."""
    return any(
        hasattr(module, "_orig_mod") or module._compiled_call_impl is not None
        for module in model.modules()
    )


def on_fast_path(layers: Iterable[nn.TransformerEncoderLayer]) -> set[nn.Module]:
    """Return the modules inside transformer layers that a hook would lead off their fast path.

    In evaluation mode nn.TransformerEncoderLayer runs as one fused kernel, which calls none of its
    modules, unless one of them has a hook; its results then differ in the last bits.
    """
    fused = [layer for layer in layers if not layer.training and layer.activation_relu_or_gelu]
    return {inner for layer in fused for inner in layer.modules()}
