"""AND, OR and XNOR of logits by comparisons and sums only: the AIL units of Lowe et al. 2021."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor

from actlas.nn.structured._logic import PAPER, LogicUnit
from actlas.nn.structured._logic_moments import and_ail_moments, xnor_ail_deviation
from actlas.nn.structured._registry import unit


def and_ail(z: Tensor, dim: int = 1) -> Tensor:
    """Return the sum of the negative values along `dim` if there is one, else the minimum.

    At (0, y > 0) the minimum is chosen and passes the gradient: the function is x on both sides.

    >>> and_ail(torch.tensor([[-1.0, -2.0], [-1.0, 3.0], [2.0, 3.0]]))
    tensor([-3., -1.,  2.])
    """
    negative = -torch.relu(-z).sum(dim)
    return torch.where(negative < 0, negative, z.amin(dim))


def or_ail(z: Tensor, dim: int = 1) -> Tensor:
    """Return the sum of the positive values along `dim` if there is one, else the maximum."""
    return -and_ail(-z, dim)


def xnor_ail(z: Tensor, dim: int = 1) -> Tensor:
    """Return (-1)^k sign(prod z) min|z| along `dim`.

    For two values sign(x) sign(y) min(|x|, |y|) = max(min(x, y), -max(x, y)). This form needs no
    sign, so the gradient is right at an exact 0, where sign(x) would lose it.
    """
    folded = reduce(_xnor_pair, z.unbind(dim))
    return -folded if z.shape[dim] % 2 else folded


def _xnor_pair(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(torch.minimum(x, y), -torch.maximum(x, y))


@unit(id="and_ail", title="AND_AIL", aliases=("ail_and",), paper=PAPER)
class AndAIL(LogicUnit):
    r"""Piecewise linear AND of logits: sum of the negative ones if any, else the minimum.

    .. math:: y = \sum_i \min(x_i, 0) + \max\left(0, \min_i x_i\right)

    Args:
        k: channels per group, k >= 2.
        dim: the channel dimension.
        normalized: subtract the mean and divide by the standard deviation that the result has
            for independent N(0, 1) inputs (the paper's NAIL form).
        inplace: refused, because the output is smaller than the input.

    Shape: (N, C, *) -> (N, C/k, *) for dim=1.

    Raises ActlasError if C is not a multiple of k or the input is not floating point.
    Source: Lowe et al. 2021, AND_AIL.

    >>> AndAIL()(torch.tensor([[-1.0, -2.0, 2.0, 3.0]]))
    tensor([[-3.,  2.]])
    """

    def combine(self, z: Tensor, dim: int) -> Tensor:
        return and_ail(z, dim)

    def gaussian_moments(self, k: int) -> tuple[float, float]:
        return and_ail_moments(k)


@unit(id="or_ail", title="OR_AIL", aliases=("ail_or",), paper=PAPER)
class OrAIL(LogicUnit):
    r"""Piecewise linear OR of logits: sum of the positive ones if any, else the maximum.

    .. math:: y = \sum_i \max(x_i, 0) + \min\left(0, \max_i x_i\right)

    The arguments, shapes, errors and source are those of AndAIL.

    >>> OrAIL()(torch.tensor([[1.0, 2.0, -2.0, -3.0]]))
    tensor([[ 3., -2.]])
    """

    def combine(self, z: Tensor, dim: int) -> Tensor:
        return or_ail(z, dim)

    def gaussian_moments(self, k: int) -> tuple[float, float]:
        mean, deviation = and_ail_moments(k)
        return -mean, deviation


@unit(id="xnor_ail", title="XNOR_AIL", aliases=("ail_xnor", "parity_ail"), paper=PAPER,
      errata=("The released code takes the sign without a gradient: at an input of exactly 0 the "
              "output and every gradient are 0. Here the zero input gets the sign of the others.",
              ))  # fmt: skip
class XnorAIL(LogicUnit):
    r"""Piecewise linear parity of logits: the smallest magnitude, signed by the parity.

    .. math:: y = (-1)^k \, \mathrm{sign} \Big( \prod_i x_i \Big) \min_i |x_i|

    For k = 2 this is XNOR, "both agree"; in general "an even number is true".

    The arguments, shapes, errors and source are those of AndAIL.

    >>> XnorAIL()(torch.tensor([[1.0, 2.0, -2.0, 3.0]]))
    tensor([[ 1., -2.]])
    """

    def combine(self, z: Tensor, dim: int) -> Tensor:
        return xnor_ail(z, dim)

    def gaussian_moments(self, k: int) -> tuple[float, float]:
        # Odd in every argument, so the mean is 0 exactly.
        return 0.0, xnor_ail_deviation(k)
