"""Squash: the nonlinearity of capsule networks."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from actlas.catalogue import Paper
from actlas.nn.structured._common import clamp_finite, dimension, need_float, refuse_inplace, widen
from actlas.nn.structured._registry import unit


def squash(s: Tensor, dim: int = -1) -> Tensor:
    r"""Return :math:`\|s\|^2 / (1 + \|s\|^2) \cdot s / \|s\|` along `dim`; 0 where s is 0.

    With t = s / m and q = |t|^2 the value is t sqrt(q) / (1/m^2 + q) for every m > 0. The
    constant m = max(1, max|s|) keeps the squares from overflowing, so it carries no gradient.
    """
    s = clamp_finite(s)
    scale = s.detach().abs().amax(dim, keepdim=True).clamp(min=1)
    t = s / scale
    q = (t * t).sum(dim, keepdim=True)
    # sqrt has an infinite slope at 0, where the true Jacobian is 0: keep it away from there.
    zero = q == 0
    root = torch.sqrt(torch.where(zero, 1.0, q)).masked_fill(zero, 0.0)
    return t * (root / (scale.reciprocal().square() + q))


@unit(id="squash", aliases=("capsule_squash",),
      paper=Paper(author="Sabour et al.", year=2017, arxiv="1710.09829",
                  title="Dynamic Routing Between Capsules"),
      collisions=("Squash is not the square or the squashing sigmoid of older texts.",),
      errata=("Public code divides by |s| + 1e-8 or |s| + 1e-7 and is then slightly too short; "
              "here the value is exact and both value and gradient are 0 at s = 0.",))  # fmt: skip
class Squash(nn.Module):
    r"""Shrink each capsule vector to a length below 1 and keep its direction.

    .. math:: v = \frac{\|s\|^2}{1 + \|s\|^2} \frac{s}{\|s\|}

    Args:
        dim: the dimension that holds the components of one capsule.
        inplace: refused, because the length needs the whole vector first.

    Shape: any of at least one dimension -> the same.

    Raises ActlasError if the input has no dimension `dim` or is not floating point.
    Source: Sabour, Frosst and Hinton 2017, equation 1.

    >>> Squash()(torch.tensor([3.0, 4.0]))
    tensor([0.5769, 0.7692])
    """

    __constants__: ClassVar[list[str]] = ["dim"]

    def __init__(self, dim: int = -1, inplace: bool = False) -> None:
        super().__init__()
        refuse_inplace(inplace, "Squash", "the length needs the whole vector first")
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        need_float(input, "Squash")
        dim = dimension(input, self.dim, "Squash")
        return squash(widen(input), dim).to(input.dtype)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
