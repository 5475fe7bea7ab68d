"""Random weights of a given variance, as a matrix of one row per output unit."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

Generator = torch.Generator | None

# The standard deviation of N(0, 1) cut off at -2 and 2.
_CUT = math.sqrt(1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2)))


def _truncated(matrix: Tensor, std: float, generator: Generator) -> Tensor:
    scale = std / _CUT
    return nn.init.trunc_normal_(matrix, 0.0, scale, -2 * scale, 2 * scale, generator)


def _normal(matrix: Tensor, std: float, generator: Generator) -> Tensor:
    return matrix.normal_(0.0, std, generator=generator)


def _uniform(matrix: Tensor, std: float, generator: Generator) -> Tensor:
    bound = math.sqrt(3) * std
    return matrix.uniform_(-bound, bound, generator=generator)


def _orthogonal(matrix: Tensor, std: float, generator: Generator) -> Tensor:
    """Orthonormal rows or columns; their entries have variance 1/max(rows, columns)."""
    return nn.init.orthogonal_(matrix, std * math.sqrt(max(matrix.shape)), generator=generator)


DISTRIBUTIONS: dict[str, Callable[[Tensor, float, Generator], Tensor]] = {
    "truncated_normal": _truncated,
    "normal": _normal,
    "uniform": _uniform,
    "orthogonal": _orthogonal,
}


def draw(
    weight: Tensor,
    variance: float,
    fan_in: int,
    rows: int = 0,
    distribution: str = "truncated_normal",
    centred: bool = False,
    generator: Generator = None,
) -> Tensor:
    """Return new values for a weight, with its shape; the weight itself is not touched.

    Args:
        weight: the tensor to be replaced, of any shape.
        variance: of its entries, also where rows are centred.
        fan_in: entries per output unit.
        rows: the dimension that counts output units, 0 or (transposed layers) 1.
        distribution: a key of `DISTRIBUTIONS`.
        centred: whether each unit's weights sum to 0.
        generator: random state; None takes PyTorch's.

    >>> w = draw(torch.empty(4, 100), 0.01, 100, centred=True)
    >>> bool((w.sum(1).abs() < 1e-5).all())
    True
    """
    place = weight.device if generator is None else generator.device
    precision = torch.promote_types(weight.dtype, torch.float32)
    matrix = torch.empty(weight.numel() // fan_in, fan_in, device=place, dtype=precision)
    with torch.no_grad():
        matrix = DISTRIBUTIONS[distribution](matrix, math.sqrt(variance), generator)
        if centred and fan_in > 1:
            matrix = (matrix - matrix.mean(1, keepdim=True)) * math.sqrt(fan_in / (fan_in - 1))
    return _laid_out(matrix, weight, rows)


def _laid_out(matrix: Tensor, weight: Tensor, rows: int) -> Tensor:
    """Return the matrix in the weight's layout: (out, in/groups, *) or (in, out/groups, *)."""
    if rows == 0:
        return matrix.reshape(weight.shape)
    inputs, outputs, *kernel = weight.shape
    groups = matrix.shape[0] // outputs
    split = matrix.reshape(groups, outputs, inputs // groups, *kernel)
    return split.movedim(1, 2).reshape(weight.shape)
