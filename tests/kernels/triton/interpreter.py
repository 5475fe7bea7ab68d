"""Kernels run without a GPU: Triton's interpreter, as inexact as a GPU, in a process of its own.

The interpreter is chosen when Triton is imported, so it gets a process that lives as long as the
tests. NumPy is more exact than the instructions that a GPU has for exp2, quotients and roots. Here
they are spoilt by the errors that NVIDIA documents for them, with a sign that looks random, and
subnormal results are flushed; what passes here does not pass by NumPy's grace.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
import torch

from actlas.kernels.triton import Kernel, Value, _launch, gradients, value
from actlas.kernels.triton._launch import kernel_of
from actlas.kernels.triton._text import Spec, source

# PTX ISA: relative errors of ex2.approx, sqrt.approx and rsqrt.approx, and units in the last place
# of div.approx and div.full. CUDA C++ Programming Guide: units of logf, sinf, cosf, erff, powf.
EXP2, ROOT = 2.0**-22, 2.0**-22.9
QUOTIENT, LIBRARY, POWER = 2, 2, 4
_TINY = float(np.finfo(np.float32).tiny)


@cache
def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_start)


def interpreted(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return function(*arguments), called in the process of the interpreter."""
    return _process().submit(function, *arguments).result(timeout=300)


def run_value(kernel: Kernel, values: Sequence[Value]) -> torch.Tensor:
    """Run the forward kernel; to be called in the process of the interpreter."""
    return value(kernel, values)


def run_gradients(kernel: Kernel, values: Sequence[Value], number: int = 0) -> torch.Tensor:
    """Run the backward kernel for one input and a gradient of 1."""
    (found,) = gradients(kernel, values, torch.ones_like(values[0]), [number])
    return found


def run_both(
    kernel: Kernel, values: Sequence[Value], grad: torch.Tensor, more: dict[str, Any]
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Run both kernels, the backward one for every input that is a tensor."""
    tensors = [i for i, v in enumerate(values) if isinstance(v, torch.Tensor)]
    return value(kernel, values), gradients(kernel, values, grad, tensors, **more)


def _start() -> None:
    os.environ["TRITON_INTERPRET"] = "1"
    import warnings

    warnings.simplefilter("ignore")  # NumPy's, of overflow in branches that are not taken
    np.seterr(all="ignore")
    torch.set_num_threads(1)
    _spoil()
    _convert()


def _spoil() -> None:
    """Give the interpreter the errors of a GPU, and bodies to what it has none for."""
    from triton.language.extra import libdevice
    from triton.runtime.interpreter import InterpreterBuilder as Builder
    from triton.runtime.interpreter import TensorHandle

    def unary(function: Callable[[Any], Any], *error: float) -> Callable[..., Any]:
        return lambda self, u: self.unary_op(u, lambda v: spoilt(function(v), *error))

    def quotient(u: Any, v: Any) -> Any:  # exact where 1/v is
        exact = np.frexp(v)[0] % 0.5 == 0
        return np.where(exact, u / v, spoilt(u / v, 0, QUOTIENT)).astype(np.float32)

    def power(u: Any, v: Any, _semantic: Any = None) -> Any:
        data = spoilt(np.power(u.handle.data, _array(v)), 0, POWER)
        return type(u)(TensorHandle(data, u.handle.dtype), u.type)

    def bounded_erf(v: Any) -> Any:
        return np.vectorize(math.erf, otypes=[np.float32])(v)

    Builder.create_exp2 = unary(np.exp2, EXP2)
    Builder.create_sqrt = unary(np.sqrt, ROOT)
    Builder.create_rsqrt = unary(lambda v: 1 / np.sqrt(v), ROOT)
    for name, function in {"log": np.log, "sin": np.sin, "cos": np.cos}.items():
        setattr(Builder, f"create_{name}", unary(function, 0, LIBRARY))
    Builder.create_erf = lambda self, u: self.unary_op(
        u, lambda v: np.clip(spoilt(bounded_erf(v), 0, LIBRARY), -1, 1)
    )
    Builder.create_fdiv = lambda self, u, v: self.binary_op(u, v, quotient)
    libdevice.fast_dividef = lambda u, v, _semantic=None: u / v
    libdevice.pow = power


def _array(value: Any) -> Any:
    return value.handle.data if hasattr(value, "handle") else np.float32(value)


def spoilt(exact: np.ndarray, relative: float, units: int = 0) -> np.ndarray:
    """Return float32 values with an error whose sign is taken from their last bits."""
    exact = np.asarray(exact, dtype=np.float32)
    bits = np.ascontiguousarray(exact).view(np.uint32) * np.uint32(2654435761) >> np.uint32(31)
    sign = 2.0 * bits.reshape(exact.shape) - 1
    error = sign * (relative * np.abs(exact.astype(np.float64)) + units * np.spacing(np.abs(exact)))
    kept = np.where(np.abs(exact) > _TINY, exact + error, np.copysign(0.0, exact))
    return np.where(np.isfinite(exact), kept, exact).astype(np.float32)


def _convert() -> None:
    """Round to bfloat16 as a GPU does, to nearest even; the interpreter cuts the bits off."""
    import triton.language as tl
    from triton.runtime.interpreter import InterpreterBuilder as Builder
    from triton.runtime.interpreter import TensorHandle

    plain = Builder.cast_impl

    def cast(self: Any, source: Any, to: Any) -> Any:
        if tl.bfloat16 not in (source.dtype.scalar, to.scalar):
            return plain(self, source, to)
        if to.scalar == tl.bfloat16:
            half = torch.tensor(source.data.astype(np.float32)).bfloat16()
            return TensorHandle(half.view(torch.int16).numpy().view(np.uint16), tl.bfloat16)
        half = torch.tensor(source.data.view(np.int16)).view(torch.bfloat16)
        return TensorHandle(half.float().numpy().astype(plain_type(to.scalar)), to.scalar)

    def plain_type(to: Any) -> Any:
        return {tl.float32: np.float32, tl.float64: np.float64, tl.float16: np.float16}[to]

    Builder.cast_impl = cast


_changed: list[bool] = []


def plant(old: str, new: str) -> None:
    """Change the source of every kernel made from now on, until `heal`."""

    def changed(spec: Spec) -> str:
        text = source(spec)
        _changed.append(old in text)
        return text.replace(old, new)

    kernel_of.cache_clear()
    _changed.clear()
    _launch.source = changed


def heal() -> bool:
    """Undo `plant`, and say whether there was anything to change."""
    kernel_of.cache_clear()
    _launch.source = source
    return any(_changed)


def addresses(
    spec: Spec, program: int, strides: list[int], numbers: list[int]
) -> tuple[list[int], list[int]]:
    """Return the first and last byte that one program of a kernel of x reads, and those it writes.

    Args:
        spec: a forward pass of one input.
        program: its number.
        strides: of x, then of the result.
        numbers: the rest of the arguments: rows, columns, tiles across, steps.
    """
    import triton.language as tl
    from triton.runtime import interpreter

    seen: dict[str, list[int]] = {}
    tensor = torch.zeros(1)

    def note(key: str, pointers: np.ndarray) -> None:
        seen[key] = [int(p) - tensor.data_ptr() for p in (pointers.min(), pointers.max())]

    def load(pointers: np.ndarray, mask: np.ndarray, other: Any, dtype: Any) -> np.ndarray:
        note("read", pointers[mask])
        return np.ones(pointers.shape, dtype)

    number = interpreter.TensorHandle(np.array([program], dtype=np.int32), tl.int32)
    half = len(strides) // 2
    arguments = [tensor, *strides[:half], tensor, *strides[half:], *numbers]
    with pytest.MonkeyPatch.context() as patch:
        memory = interpreter._interpreter
        patch.setattr(memory, "load", load)
        patch.setattr(memory, "store", lambda at, data, mask: note("written", at[mask]))
        builder = interpreter.InterpreterBuilder
        patch.setattr(builder, "create_get_program_id", lambda self, axis: number)
        kernel_of(spec)[(1,)](*arguments, ROWS=1, COLUMNS=1024)
    return seen["read"], seen["written"]
