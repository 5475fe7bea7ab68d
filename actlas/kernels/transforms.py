"""Who watches an operation, so that the memory of its tensors is not all there is to it."""

from __future__ import annotations

import torch


def observed() -> bool:
    """Say whether a dispatch mode, a tracer or a functorch transform is at work.

    >>> observed()
    False
    """
    return bool(
        torch._C._len_torch_dispatch_stack()
        or torch._C._are_functorch_transforms_active()
        or torch._C._get_tracing_state() is not None
    )


def dual() -> bool:
    """Say whether forward-mode differentiation is running."""
    return torch.autograd.forward_ad._current_level >= 0


def transformed() -> bool:
    """Say whether vmap, jvp or forward AD is running, where requires_grad tells nothing.

    >>> transformed()
    False
    """
    return torch._C._are_functorch_transforms_active() or dual()
