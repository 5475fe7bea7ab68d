"""What networks that read tokens share: their checks, and PyTorch's start weights."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.models._parts import checked_size

Net = TypeVar("Net", bound=nn.Module)


def need_sizes(network: str, **sizes: int) -> None:
    """Raise ActlasError unless every size is an integer of 1 or more.

    >>> need_sizes("GPT", width=8, heads=2)
    """
    for name, size in sizes.items():
        checked_size(size, f"{network}: {name}")


def need_tokens(network: str, tokens: Tensor, vocabulary: int, longest: int | None = None) -> None:
    """Raise ActlasError unless tokens are (N, T) integers below `vocabulary` and 1 <= T <= longest.

    The values are looked at on the CPU alone: a GPU would have to wait, and checks them itself.
    """
    if tokens.ndim != 2 or tokens.is_floating_point() or tokens.dtype == torch.bool:
        raise ActlasError(f"{network}: tokens must be integers of shape (N, T), got {tokens.dtype} "
                          f"of shape {tuple(tokens.shape)}")  # fmt: skip
    length = tokens.shape[1]
    if length < 1 or (longest is not None and length > longest):
        upper = "or more" if longest is None else f"to {longest}"
        raise ActlasError(f"{network}: sequences must have 1 {upper} tokens, got {length}")
    if not torch.compiler.is_compiling() and tokens.device.type == "cpu" and len(tokens):
        _need_in_vocabulary(network, tokens, vocabulary)


def _need_in_vocabulary(network: str, tokens: Tensor, vocabulary: int) -> None:
    low, high = tokens.aminmax()
    if low < 0 or high >= vocabulary:
        raise ActlasError(f"{network}: tokens must lie in 0 to {vocabulary - 1}, a vocabulary of "
                          f"{vocabulary}, got {int(low)} to {int(high)}")  # fmt: skip


@torch.no_grad()
def pytorch_start_(net: Net, generator: torch.Generator | None) -> Net:
    """Draw linear layers and embeddings anew by PyTorch's default rules, and return the network.

    Linear layers: weight and bias U(±1/√fan-in); embeddings: N(0, 1), the padding row 0.
    """
    for module in net.modules():
        if isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.in_features)
            for parameter in module.parameters(recurse=False):
                parameter.uniform_(-bound, bound, generator=generator)
        elif isinstance(module, nn.Embedding):
            module.weight.normal_(generator=generator)
            if module.padding_idx is not None:
                module.weight[module.padding_idx] = 0
    return net
