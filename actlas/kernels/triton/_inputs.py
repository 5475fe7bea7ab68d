"""What a call is given: whether the kernels can run over it, and how its tensors are walked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import combinations
from typing import Any, Union

import torch

from actlas.kernels.triton._geometry import Geometry, Strides, Unsupported, walk

Value = Union[torch.Tensor, float]
DTYPES = (torch.float32, torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Available:
    """Whether the kernels can run here; false where there is a reason why not."""

    reason: str = ""

    def __bool__(self) -> bool:
        return not self.reason


def interpreted() -> bool:
    """Say whether Triton's interpreter runs the kernels, on tensors in main memory."""
    return os.environ.get("TRITON_INTERPRET") == "1"


@cache
def available() -> Available:
    """Return whether the kernels can run in this process, and if not, why.

    >>> found = available()
    >>> bool(found) or found.reason != ""
    True
    """
    if find_spec("triton") is None:
        return Available("Triton is not installed")
    if interpreted():
        return Available()
    if not torch.cuda.is_available():
        return Available("PyTorch sees no GPU")
    try:  # builds a small C file, for which it needs a compiler
        import_module("triton.runtime").driver.active.get_current_target()
    except Exception as error:
        return Available(f"Triton cannot start: {error}")
    return Available()


def inputs_of(values: Sequence[Value]) -> list[Any]:
    """Return numbers as floats, and tensors smaller than the first laid out without gaps."""
    first = values[0]
    if not isinstance(first, torch.Tensor):
        raise Unsupported("a first input that is a number")
    return [
        float(v) if not isinstance(v, torch.Tensor)
        else v if v.numel() >= first.numel() else v.contiguous()
        for v in values
    ]  # fmt: skip


def tensors_of(values: Sequence[Any]) -> list[torch.Tensor]:
    """Return the tensors among the inputs, in order."""
    return [value for value in values if isinstance(value, torch.Tensor)]


def check(values: Sequence[Any], first: torch.Tensor) -> None:
    """Raise Unsupported for what the kernels cannot read; nothing has been written yet."""
    answer = available()
    if not answer:
        raise Unsupported(answer.reason)
    if not (first.is_cuda or interpreted()):
        raise Unsupported(f"a tensor on {first.device}")
    for tensor in tensors_of(values):
        if tensor.dtype not in DTYPES:
            raise Unsupported(f"{tensor.dtype}; these kernels compute in float32")
        if tensor.device != first.device:
            raise Unsupported(f"tensors on {first.device} and {tensor.device}")
        if tensor.layout is not torch.strided or tensor.is_neg():
            raise Unsupported("a tensor whose memory is not all there is to it")


def geometry_of(shape: torch.Size, tensors: list[torch.Tensor]) -> Geometry:
    """Return how all tensors are walked together, broadcast to `shape`."""
    try:
        strides = tuple((t if t.shape == shape else t.expand(shape)).stride() for t in tensors)
    except RuntimeError:
        found = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
        raise Unsupported(f"shapes that do not broadcast to the first: {found}") from None
    count = shape.numel()
    return walk(tuple(shape), strides, tuple(tensor.numel() < count for tensor in tensors))


def kinds_of(inputs: Sequence[Any], kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the kind of every input, numbers among them."""
    rest = iter(kinds)  # with those of the tensors first
    return tuple(next(rest) if isinstance(v, torch.Tensor) else "number" for v in inputs)


def slots_of(inputs: Sequence[Any], strides: Sequence[Strides]) -> list[Any]:
    """Return the kernel's arguments for the inputs: numbers, or pointers with strides."""
    rest, slots = iter(strides), []
    for value in inputs:
        slots += [value, *next(rest)] if isinstance(value, torch.Tensor) else [value]
    return slots


def pairs_of(named: Sequence[tuple[str, torch.Tensor, Strides]]) -> tuple[tuple[str, str], ...]:
    """Return the names of tensors that lie in turn: the even and the odd places of one memory.

    >>> packed = torch.zeros(4, 6)
    >>> pairs_of([("x", packed[:, 1::2], (6, 2)), ("y", packed[:, ::2], (6, 2))])
    (('y', 'x'),)
    """
    found: list[tuple[str, str]] = []
    for (a, t, s), (b, u, v) in combinations(named, 2):
        apart = u.data_ptr() - t.data_ptr() if s == v and s[-1] == 2 and t.dtype == u.dtype else 0
        if abs(apart) == t.element_size() and not {a, b} & {n for pair in found for n in pair}:
            found.append((a, b) if apart > 0 else (b, a))
    return tuple(found)
