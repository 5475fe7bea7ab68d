"""What a plain tensor is: its memory is all there is to it, and of a type that runs in the engine.

The facts stand here once; `is_plain` asks them in Python, and `introduce` tells them to the engine,
which asks them in C on the short way of small tensors.
"""

from __future__ import annotations

from types import ModuleType

import torch

from actlas.kernels.transforms import QUIET

TYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}  # as in engine.h
PLAIN = (torch.Tensor, torch.nn.Parameter)  # a subclass may mean something else
LARGE = 1 << 20  # elements, from which a fresh buffer is worth large pages
_ATTRIBUTES = (("is_cpu", True),)
_ANSWERS = (
    (torch._C._has_storage, True),  # sparse tensors and batches of gradients have none
    (torch.Tensor.is_neg, False),
)
_MAKERS = (torch.empty_like, torch.Tensor.data_ptr, torch.Tensor.numel, torch.get_num_threads)


def is_plain(v: torch.Tensor) -> bool:
    """Say whether the memory of a tensor is all there is to it, and of a type that runs here."""
    return (
        type(v) in PLAIN
        and v.dtype in TYPES
        and all(getattr(v, name) is wanted for name, wanted in _ATTRIBUTES)
        and all(ask(v) is wanted for ask, wanted in _ANSWERS)
    )


def introduce(module: ModuleType) -> None:
    """Tell the engine what it serves: plain tensors that are contiguous, while nobody watches."""
    answers = (*_ANSWERS, (torch.Tensor.is_contiguous, True))
    module.know_tensors(PLAIN, tuple(TYPES), _ATTRIBUTES, answers, QUIET, _MAKERS, LARGE)
