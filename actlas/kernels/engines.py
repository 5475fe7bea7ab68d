"""Which engine computes: the CPU's, the GPU's kernels, or none, and then the composition runs."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from actlas.kernels import triton as gpu
from actlas.kernels.cpu import launch as cpu
from actlas.kernels.cpu.launch import Kernel, Value
from actlas.kernels.cpu.tensors import PLAIN, TYPES
from actlas.kernels.transforms import observed


def serves(values: Sequence[Value]) -> bool:
    """Say whether an engine may run over these: plain tensors that nobody traces or transforms."""
    return cpu.serves(values) or gpu_serves(values)


def gpu_serves(values: Sequence[Value]) -> bool:
    """Say whether GPU kernels may run: plain tensors on one GPU, and Triton can compile."""
    tensors = [v for v in values if isinstance(v, torch.Tensor)]
    return all(on_gpu(tensor) for tensor in tensors) and not observed() and bool(gpu.available())


def on_gpu(tensor: torch.Tensor) -> bool:
    """Say whether a tensor is plain and lies on a GPU."""
    return tensor.is_cuda and type(tensor) in PLAIN


def value(
    kernel: Kernel, values: Sequence[Value], dtype: torch.dtype, out: torch.Tensor | None = None
) -> torch.Tensor | None:
    """Return the value of an expression in a new tensor or in `out`, or None where none serves."""
    if cpu.serves(values):
        return cpu.value(kernel, values, dtype, out)
    if not gpu_serves(values) or dtype not in TYPES:
        return None
    try:
        return gpu.value(kernel, values, dtype, out)
    except gpu.Unsupported:
        return None  # nothing was written


def gradients(
    kernel: Kernel, values: Sequence[Value], grad: torch.Tensor, wanted: tuple[int, ...]
) -> list[torch.Tensor] | None:
    """Return grad * df/dv for the inputs number `wanted`, or None where no engine serves."""
    if cpu.serves([*values, grad]):
        return cpu.gradients(kernel, values, grad, wanted)
    if not gpu_serves([*values, grad]):
        return None
    try:
        return gpu.gradients(kernel, values, grad, wanted)
    except gpu.Unsupported:
        return None
