"""An addition that keeps the variance: each term has a constant coefficient."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from actlas.errors import ActlasError


class WeightedSum(nn.Module):
    """Sum of several tensors, each with a coefficient that `autoinit_` sets.

    With coefficients a_i = sqrt(v / (N v_i)) for N terms of variance v_i the sum has variance v,
    where a plain addition would add the variances up along a residual network.

    Args:
        terms: the number of tensors, 1 or more. The coefficients start at 1 and are a buffer.

    Raises:
        ActlasError: if `terms` is not a positive integer, or another number of tensors is given.

    Source: Bingham and Miikkulainen 2023, the library that goes with the paper.

    >>> WeightedSum(2)(torch.ones(3), torch.ones(3))
    tensor([2., 2., 2.])
    """

    coefficients: Tensor

    def __init__(self, terms: int) -> None:
        super().__init__()
        if isinstance(terms, bool) or not isinstance(terms, int) or terms < 1:
            raise ActlasError(f"WeightedSum: terms must be an integer of 1 or more, got {terms!r}")
        self.register_buffer("coefficients", torch.ones(terms))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the sum of coefficient times tensor; the shapes broadcast."""
        if len(inputs) != len(self.coefficients):
            raise ActlasError(f"WeightedSum has {len(self.coefficients)} coefficients, got "
                              f"{len(inputs)} tensors")  # fmt: skip
        total = self.coefficients[0] * inputs[0]
        for coefficient, term in zip(self.coefficients[1:], inputs[1:], strict=True):
            total = total + coefficient * term
        return total

    def extra_repr(self) -> str:
        return f"terms={len(self.coefficients)}"
