"""Kernels compiled ahead of time, for GPUs that are not there, from the arguments of real calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from actlas.kernels.triton import Available, Kernel, _geometry, _inputs, _launch, gradients, value

TARGETS = {"sm_80": ("cuda", 80, 32), "sm_90": ("cuda", 90, 32), "gfx942": ("hip", "gfx942", 64)}
TILE = 128  # elements: as many as NVIDIA's threads, which compiles in a quarter of the time
_TYPES = {torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.float16: "*fp16"}
Launch = tuple[Any, tuple[Any, ...], dict[str, Any]]  # a Triton function, arguments, options


def launches(call: Callable[[], Any], tile: int = TILE) -> list[Launch]:
    """Return what `call` would launch on a GPU, for tensors in main memory."""
    found: list[Launch] = []
    plain = _launch.kernel_of

    class Recorder:
        def __init__(self, kernel: Any) -> None:
            self.kernel = kernel

        def __getitem__(self, grid: Any) -> Callable[..., None]:
            return lambda *args, **options: found.append((self.kernel, args, options))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_launch, "kernel_of", lambda spec: Recorder(plain(spec)))
        patch.setattr(_geometry, "TILE", tile)
        patch.setattr(_inputs, "available", Available)
        patch.setattr(_inputs, "interpreted", lambda: True)
        call()
    return found


def both(kernel: Kernel, values: Sequence[Any]) -> Callable[[], None]:
    """Return the call of a forward pass and of a backward pass for all tensors."""
    tensors = [i for i, v in enumerate(values) if isinstance(v, torch.Tensor)]

    def call() -> None:
        value(kernel, values)
        gradients(kernel, values, torch.empty_like(values[0]), tensors)

    return call


def compiled(launch: Launch, target: str) -> Any:
    """Compile a launch for a target as Triton would on the first call there."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    kernel, arguments, options = launch
    signature, constants, attributes = {}, {}, {}
    for index, name in enumerate(kernel.arg_names):
        argument = options[name] if name in options else arguments[index]
        signature[name] = _type(name, argument)
        if signature[name] == "constexpr":
            constants[index,] = argument
        elif isinstance(argument, torch.Tensor) or (type(argument) is int and argument % 16 == 0):
            attributes[index,] = [["tt.divisibility", 16]]
    made = ASTSource(kernel, signature, constants, attributes)
    settings = {k: v for k, v in options.items() if k not in signature}
    return triton.compile(made, target=GPUTarget(*TARGETS[target]), options=settings)


def _type(name: str, argument: Any) -> str:
    if isinstance(argument, torch.Tensor):
        return _TYPES[argument.dtype]
    if isinstance(argument, float):
        return "fp32"
    return "constexpr" if name.isupper() or argument == 1 else "i32"
