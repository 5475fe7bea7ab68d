"""Maxout: the maximum over several linear pieces (Goodfellow et al. 2013)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.types import Device

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.nn.structured._common import grouped, need_float, need_positive, refuse_inplace
from actlas.nn.structured._registry import unit

_PAPER = Paper(
    author="Goodfellow et al.", year=2013, arxiv="1302.4389", title="Maxout Networks"
)  # fmt: skip


@unit(id="maxout", aliases=("max_out",), paper=_PAPER)
class Maxout(nn.Module):
    r"""Maximum over groups of neighbouring channels; the width shrinks by the group size.

    .. math:: y_j = \max_{i = 1 \dots k} x_{(j - 1) k + i}

    Args:
        num_pieces: channels per group, k >= 1; C channels become C/k.
        dim: the channel dimension.
        inplace: refused, because the output is smaller than the input.

    Shape: (N, C, *) -> (N, C/k, *) for dim=1.

    At a tie the gradient goes to one of the equal pieces, as in torch.nn.MaxPool2d.
    Raises ActlasError if C is not a multiple of k or the input is not floating point.
    Source: Goodfellow et al. 2013.

    >>> Maxout(2)(torch.tensor([[1.0, 5.0, -2.0, -3.0]]))
    tensor([[ 5., -2.]])
    """

    __constants__: ClassVar[list[str]] = ["num_pieces", "dim"]
    num_pieces: int
    dim: int

    def __init__(self, num_pieces: int, dim: int = 1, inplace: bool = False) -> None:
        super().__init__()
        refuse_inplace(inplace, "Maxout", "its output has fewer channels than its input")
        self.num_pieces = need_positive(num_pieces, "num_pieces", "Maxout")
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        pieces, inside = grouped(input, self.num_pieces, self.dim, "Maxout")
        return pieces.max(dim=inside).values

    def extra_repr(self) -> str:
        return f"num_pieces={self.num_pieces}, dim={self.dim}"


@unit(id="maxout_linear", aliases=("maxout_dense",), paper=_PAPER)
class MaxoutLinear(nn.Module):
    r"""Linear layer whose outputs are each the maximum of several affine pieces.

    .. math:: y_j = \max_{i = 1 \dots k} \left( w_{j i} \cdot x + b_{j i} \right)

    Args:
        in_features: size of the last dimension of the input.
        out_features: size of the last dimension of the output.
        num_pieces: affine pieces per output, k >= 1; the weight has k * out_features rows.
        bias: whether each piece has a bias.
        generator: random state of the initial values; None takes PyTorch's.

    Shape: (*, in_features) -> (*, out_features).

    Raises ActlasError if the last dimension is not in_features or the input is not floating point.
    Initial values are those of torch.nn.Linear. Source: Goodfellow et al. 2013.

    >>> MaxoutLinear(3, 4, num_pieces=2)(torch.zeros(5, 3)).shape
    torch.Size([5, 4])
    """

    __constants__: ClassVar[list[str]] = ["in_features", "out_features", "num_pieces"]
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        num_pieces: int = 2,
        bias: bool = True,
        generator: torch.Generator | None = None,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features = need_positive(in_features, "in_features", "MaxoutLinear")
        self.out_features = need_positive(out_features, "out_features", "MaxoutLinear")
        self.num_pieces = need_positive(num_pieces, "num_pieces", "MaxoutLinear")
        rows = out_features * num_pieces
        self.weight = nn.Parameter(torch.empty(rows, in_features, device=device, dtype=dtype))
        self.register_parameter(
            "bias", nn.Parameter(torch.empty(rows, device=device, dtype=dtype)) if bias else None
        )
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw weight and bias anew, as torch.nn.Linear does."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5), generator=generator)
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features)
            nn.init.uniform_(self.bias, -bound, bound, generator=generator)

    def forward(self, input: Tensor) -> Tensor:
        need_float(input, "MaxoutLinear")
        if input.ndim == 0 or input.shape[-1] != self.in_features:
            raise ActlasError(f"MaxoutLinear: the last dimension must be {self.in_features}, got "
                              f"an input of shape {tuple(input.shape)}")  # fmt: skip
        pieces = nn.functional.linear(input, self.weight, self.bias)
        return torch.unflatten(pieces, -1, (self.out_features, self.num_pieces)).max(-1).values

    def extra_repr(self) -> str:
        return (f"in_features={self.in_features}, out_features={self.out_features}, "
                f"num_pieces={self.num_pieces}, bias={self.bias is not None}")  # fmt: skip
