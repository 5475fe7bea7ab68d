"""Whether a transform of functions is running, for which the memory of a tensor is not all."""

from __future__ import annotations

import torch


def transformed() -> bool:
    """Say whether vmap, jvp or forward AD is running, where requires_grad tells nothing.

    >>> transformed()
    False
    """
    functorch = torch._C._are_functorch_transforms_active()
    return functorch or torch.autograd.forward_ad._current_level >= 0
