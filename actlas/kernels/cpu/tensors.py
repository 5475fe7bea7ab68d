"""What a plain tensor is: its memory is all there is to it, and of a type that runs in the engine.

`is_plain` asks in Python. On the short way the engine asks in C: DLPack's functions tell it where a
tensor lies and of what type it is, and what they do not say, `introduce` tells it to ask.
"""

from __future__ import annotations

from types import ModuleType

import torch

from actlas.kernels.transforms import QUIET

TYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}  # as in engine.h
PLAIN = (torch.Tensor, torch.nn.Parameter)  # a subclass may mean something else
LARGE = 1 << 20  # elements, from which a fresh buffer is worth large pages
# What DLPack does not say, with a plain tensor's answer: it is no view that is read negated.
_ANSWERS = ((torch.Tensor.is_neg, False),)
_MAKERS = (torch.empty_like, torch.get_num_threads, torch.is_grad_enabled)


def is_plain(v: torch.Tensor) -> bool:
    """Say whether the memory of a tensor is all there is to it, and of a type that runs here."""
    return (
        type(v) in PLAIN
        and v.dtype in TYPES
        and v.is_cpu
        and torch._C._has_storage(v)  # sparse tensors and batches of gradients have none
        and all(ask(v) is wanted for ask, wanted in _ANSWERS)
        and (v.data_ptr() != 0 or v.numel() == 0)  # zeros that are known to be are kept nowhere
    )


def introduce(module: ModuleType) -> bool:
    """Tell the engine what it serves: plain tensors without gaps, while nobody watches.

    Returns whether it can look at tensors by itself; else all of them go the general way.
    """
    exchange = getattr(torch.Tensor, "__dlpack_c_exchange_api__", None)
    return exchange is not None and module.know_tensors(
        exchange, PLAIN, _ANSWERS, QUIET, _MAKERS, LARGE
    )
