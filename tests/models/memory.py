"""How tests count what autograd keeps for the backward pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor


def saved_bytes(run: Callable[[], Tensor], weights: list[Tensor]) -> int:
    """Return the bytes that `run` keeps for backward, each storage once, weights not counted."""
    kept: dict[int, int] = {}
    own = {weight.untyped_storage().data_ptr() for weight in weights}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = run()
    del result
    return sum(kept.values())


def peak_bytes(run: Callable[[], Tensor]) -> int:
    """Return the most bytes that are kept for backward at any time of `run` and its backward."""
    now, peak = Counter[int](), 0

    class Kept:
        def __init__(self, tensor: Tensor) -> None:
            nonlocal peak
            self.tensor, self.place = tensor, tensor.untyped_storage().data_ptr()
            now[self.place] += 1
            sizes[self.place] = tensor.untyped_storage().nbytes()
            peak = max(peak, sum(sizes[place] for place, held in now.items() if held))

        def __del__(self) -> None:
            now[self.place] -= 1

    sizes: dict[int, int] = {}
    with torch.autograd.graph.saved_tensors_hooks(Kept, lambda kept: kept.tensor):
        run().sum().backward()
    return peak
