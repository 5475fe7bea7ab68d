"""Probabilistic AND, OR and XNOR of independent events given as logits, computed exactly.

All three operators are associative, so a group of k is folded pair by pair. Each pair is written
so that neither value nor derivative cancels or overflows: published code goes through
probabilities, clamps them at 1e-7, and is flat beyond a logit of 16.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from actlas.nn.structured._common import clamp_finite
from actlas.nn.structured._logic import PAPER, LogicUnit
from actlas.nn.structured._logic_moments import exact_moments
from actlas.nn.structured._registry import unit

_CLAMP = (
    "The released code clamps probabilities at 1e-7 in float32: its value stops at 16.118 and its "
    "gradient is 0 beyond; here both are exact for every finite input."
)


def _softplus(x: Tensor) -> Tensor:
    # torch's softplus turns into the identity above 20, an error of 2e-9; logsigmoid does not.
    return -logsigmoid(-x)


def or_pair(x: Tensor, y: Tensor) -> Tensor:
    """Return logit(1 - s(-x) s(-y)) = log(e^x + e^y + e^(x+y)).

    With M >= m this is M + sp(m + sp(-M)), whose derivatives s(m + sp(-M)) for m and
    1 - s(m + sp(-M)) s(-M) >= 1/2 for M do not cancel. The order is chosen by a mask rather than
    by maximum and minimum, so that derivatives of every order are right where x = y.
    """
    first = x >= y
    larger, smaller = torch.where(first, x, y), torch.where(first, y, x)
    return larger + _softplus(smaller + _softplus(-clamp_finite(larger)))


def xnor_pair(x: Tensor, y: Tensor) -> Tensor:
    """Return logit(s(x) s(y) + s(-x) s(-y)) = 2 atanh(tanh(x/2) tanh(y/2)).

    The function is odd in each argument: the signs go outside as constants, with +1 at 0, which
    keeps the derivative there.
    """
    sign_x, sign_y = _sign(x), _sign(y)
    a, b = x * sign_x, y * sign_y
    first = a <= b
    return sign_x * sign_y * _xnor_of_magnitudes(torch.where(first, a, b), torch.where(first, b, a))


def _sign(x: Tensor) -> Tensor:
    return 1 - 2 * (x < 0).to(x.dtype)


def _xnor_of_magnitudes(m: Tensor, larger: Tensor) -> Tensor:
    """Return xnor for 0 <= m <= M = larger, in one of two forms of log (1+e^(M+m))/(e^M+e^m).

    m < 1: log1p((e^m - 1)(1 - e^-M) / (1 + e^(m-M))), a product of positive factors, so that small
    values keep all their digits. Else: m + log1p(e^-(M+m)) - log1p(e^-(M-m)), which cannot
    overflow and, with m >= 1, hardly cancels.
    """
    near = m < 1
    small = torch.where(near, m, 1.0)
    ratio = _one_minus_exp(larger) / (1 + torch.exp(small - larger))
    below = torch.log1p(torch.expm1(small) * ratio)
    m_finite, larger_finite = clamp_finite(m), clamp_finite(larger)
    sum_term = torch.log1p(torch.exp(-(larger_finite + m_finite)))
    difference_term = torch.log1p(torch.exp(m_finite - larger_finite))
    return torch.where(near, below, m + sum_term - difference_term)


def _one_minus_exp(x: Tensor) -> Tensor:
    # Automatic differentiation takes expm1' as expm1 + 1, which cancels far on the left.
    near = x < 1
    return torch.where(near, -torch.expm1(-torch.where(near, x, 1.0)), 1 - torch.exp(-x))


def or_il(z: Tensor, dim: int = 1) -> Tensor:
    """Return the logit of "at least one is true" along `dim` of a tensor of logits.

    >>> float(or_il(torch.zeros(1, 2)))
    1.0986123085021973
    """
    return reduce(or_pair, z.unbind(dim))


def and_il(z: Tensor, dim: int = 1) -> Tensor:
    """Return the logit of "all are true" along `dim`, by De Morgan's law from `or_il`."""
    return -or_il(-z, dim)


def xnor_il(z: Tensor, dim: int = 1) -> Tensor:
    """Return the logit of "an even number is true" along `dim`; for two inputs, "both agree"."""
    folded = reduce(xnor_pair, z.unbind(dim))
    return -folded if z.shape[dim] % 2 else folded


@unit(id="and_il", title="AND_IL", aliases=("il_and", "logistic_and"), paper=PAPER,
      errata=(_CLAMP,))  # fmt: skip
class AndIL(LogicUnit):
    r"""Logit of the probability that all events of a group are true, computed exactly.

    .. math:: y = \mathrm{logit} \prod_i \sigma(x_i)

    Args:
        k: channels per group, k >= 2.
        dim: the channel dimension.
        normalized: subtract the mean and divide by the standard deviation that the result has
            for independent N(0, 1) inputs (k <= 5).
        inplace: refused, because the output is smaller than the input.

    Shape: (N, C, *) -> (N, C/k, *) for dim=1.

    Raises ActlasError if C is not a multiple of k or the input is not floating point.
    Source: Lowe et al. 2021, AND_IL.

    >>> AndIL()(torch.tensor([[0.0, 0.0, 20.0, 20.0]]))
    tensor([[-1.0986, 19.3069]])
    """

    def combine(self, z: Tensor, dim: int) -> Tensor:
        return and_il(z, dim)

    def gaussian_moments(self, k: int) -> tuple[float, float]:
        mean, deviation = exact_moments(or_pair, k)
        return -mean, deviation


@unit(id="or_il", title="OR_IL", aliases=("il_or", "logistic_or"), paper=PAPER,
      errata=(_CLAMP,))  # fmt: skip
class OrIL(LogicUnit):
    r"""Logit of the probability that at least one event of a group is true, computed exactly.

    .. math:: y = \mathrm{logit} \Big( 1 - \prod_i \sigma(-x_i) \Big)

    The arguments, shapes, errors and source are those of AndIL.

    >>> OrIL()(torch.tensor([[0.0, 0.0, -20.0, -20.0]]))
    tensor([[  1.0986, -19.3069]])
    """

    def combine(self, z: Tensor, dim: int) -> Tensor:
        return or_il(z, dim)

    def gaussian_moments(self, k: int) -> tuple[float, float]:
        return exact_moments(or_pair, k)


@unit(id="xnor_il", title="XNOR_IL", aliases=("il_xnor", "parity_il", "logistic_parity"),
      paper=PAPER, errata=(_CLAMP,))  # fmt: skip
class XnorIL(LogicUnit):
    r"""Logit of the probability that an even number of events of a group is true, exactly.

    .. math:: y = 2\,\mathrm{artanh} \prod_i \big( -\tanh(x_i / 2) \big)

    For k = 2 this is XNOR, "both agree"; for odd k the sign is that of "an even number", so three
    true events give a negative value.

    The arguments, shapes, errors and source are those of AndIL.

    >>> XnorIL()(torch.tensor([[20.0, 20.0, 20.0, -20.0]]))
    tensor([[ 19.3069, -19.3069]])
    """

    def combine(self, z: Tensor, dim: int) -> Tensor:
        return xnor_il(z, dim)

    def gaussian_moments(self, k: int) -> tuple[float, float]:
        # Odd in every argument, so the mean is 0 exactly.
        return 0.0, exact_moments(xnor_pair, k)[1]
