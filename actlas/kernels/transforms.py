"""Who watches an operation, so that the memory of its tensors is not all there is to it."""

from __future__ import annotations

from functools import partial

import torch
from torch.autograd import forward_ad

_functorch = torch._C._are_functorch_transforms_active
_OBSERVERS = (
    (torch._C._len_torch_dispatch_stack, 0),
    (_functorch, False),
    (torch._C._get_tracing_state, None),
)
# What to ask, and the answer while nobody watches.
QUIET = (*_OBSERVERS, (partial(getattr, forward_ad, "_current_level"), -1))


def observed() -> bool:
    """Say whether a dispatch mode, a tracer or a functorch transform is at work.

    >>> observed()
    False
    """
    return any(ask() is not calm for ask, calm in _OBSERVERS)


def dual() -> bool:
    """Say whether forward-mode differentiation is running."""
    return forward_ad._current_level >= 0


def transformed() -> bool:
    """Say whether vmap, jvp or forward AD is running, where requires_grad tells nothing.

    >>> transformed()
    False
    """
    return _functorch() or dual()
