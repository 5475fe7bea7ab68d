"""Who watches an operation, so that the memory of its tensors is not all there is to it."""

from __future__ import annotations

import torch
from torch.autograd import forward_ad

_modes = torch._C._len_torch_dispatch_stack
_functorch = torch._C._are_functorch_transforms_active
_tracing = torch._C._get_tracing_state


def observed() -> bool:
    """Say whether a dispatch mode, a tracer or a functorch transform is at work.

    >>> observed()
    False
    """
    return bool(_modes() or _functorch() or _tracing() is not None)


def dual() -> bool:
    """Say whether forward-mode differentiation is running."""
    return forward_ad._current_level >= 0


def watched() -> bool:
    """Say whether anything of all this is at work: `observed` or `dual`, asked in one go.

    >>> watched()
    False
    """
    return bool(
        _modes() or _functorch() or _tracing() is not None or forward_ad._current_level >= 0
    )


def transformed() -> bool:
    """Say whether vmap, jvp or forward AD is running, where requires_grad tells nothing.

    >>> transformed()
    False
    """
    return _functorch() or dual()
