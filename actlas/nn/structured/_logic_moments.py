"""Mean and standard deviation of the logical units for independent N(0, 1) inputs.

The released constants for k > 2 are Monte Carlo averages with three to five digits; here they
are integrals.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from actlas.errors import ActlasError

_LARGEST_EXACT_GROUP = 5


def _moment_of_minimum(k: int, power: int, sides: int) -> float:
    """Return E[min^power; all k inputs on the given sides of 0] for power 1 or 2.

    The minimum exceeds t with probability P(t)^k, P(t) = sides/2 erfc(t/sqrt 2), and
    E[min^p] = integral of p t^(p-1) P(t)^k over t > 0; beyond t = 12 it is below 1e-30.
    """
    nodes, weights = np.polynomial.legendre.leggauss(120)
    t = 6 * (nodes + 1)
    tail = np.array([sides / 2 * math.erfc(value / math.sqrt(2)) for value in t])
    return float(np.sum(6 * weights * power * t ** (power - 1) * tail**k))


@lru_cache
def and_ail_moments(k: int) -> tuple[float, float]:
    """Return mean and standard deviation of AND_AIL of k independent N(0, 1) inputs.

    The value is -S, S the sum of the k negative parts, or, where S = 0, the minimum. A negative
    part has mean 1/sqrt(2 pi) and second moment 1/2, so E S = k/sqrt(2 pi) and
    E S^2 = k/2 + k (k-1)/(2 pi). For k = 2 the integrals close to the paper's
    mean -1/sqrt(2 pi) - 1/(2 sqrt pi) and variance 5/4 - 1/(sqrt2 pi) - 1/(4 pi).
    """
    if k == 2:
        mean = -1 / math.sqrt(2 * math.pi) - 1 / (2 * math.sqrt(math.pi))
        return mean, math.sqrt(5 / 4 - 1 / (math.sqrt(2) * math.pi) - 1 / (4 * math.pi))
    mean = _moment_of_minimum(k, power=1, sides=1) - k / math.sqrt(2 * math.pi)
    square = k / 2 + k * (k - 1) / (2 * math.pi) + _moment_of_minimum(k, power=2, sides=1)
    return mean, math.sqrt(square - mean**2)


@lru_cache
def xnor_ail_deviation(k: int) -> float:
    """Return the standard deviation of XNOR_AIL, sqrt(E min|z|^2); for k = 2 sqrt(1 - 2/pi)."""
    if k == 2:
        return math.sqrt(1 - 2 / math.pi)
    return math.sqrt(_moment_of_minimum(k, power=2, sides=2))


@lru_cache
def exact_moments(pair: Callable[[Tensor, Tensor], Tensor], k: int) -> tuple[float, float]:
    """Return mean and standard deviation of `pair` folded over k independent N(0, 1) inputs.

    The integrand is analytic up to imaginary part pi in each variable, so the trapezoid rule with
    step h errs by about exp(pi^2/2 - 2 pi^2/h): 1e-15 for h = 1/2, 5e-10 for h = 3/4. Raises
    ActlasError for k > 5, where the grid of n^k points grows too large.
    """
    if k > _LARGEST_EXACT_GROUP:
        raise ActlasError(f"normalized=True is available for the exact operators up to "
                          f"k = {_LARGEST_EXACT_GROUP}, got k = {k}; use the AIL form")  # fmt: skip
    step, side = (0.5, 17) if k < _LARGEST_EXACT_GROUP else (0.75, 11)
    z = step * torch.arange(-side, side + 1, dtype=torch.float64, device="cpu")
    weight = step * torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    value, mass = z, weight
    with torch.no_grad():
        for _ in range(k - 1):
            value = pair(value[:, None], z).flatten()
            mass = (mass[:, None] * weight).flatten()
        mean = float(mass @ value)
        return mean, math.sqrt(float(mass @ value.square()) - mean**2)
