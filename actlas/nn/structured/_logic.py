"""What the logical units have in common: channel grouping, normalisation, printing."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from actlas.catalogue import Paper
from actlas.nn.structured._common import grouped, need_positive, refuse_inplace, widen

PAPER = Paper(
    author="Lowe et al.", year=2021, arxiv="2110.11940",
    title="Logical Activation Functions: Logit-space equivalents of Probabilistic Boolean "
          "Operators",
)  # fmt: skip


class LogicUnit(nn.Module):
    """A Boolean operator on groups of k neighbouring channels of logits; C channels become C/k.

    Subclasses say how a group is combined and what the result's moments are.
    """

    __constants__: ClassVar[list[str]] = ["k", "dim", "normalized"]

    def __init__(
        self, k: int = 2, dim: int = 1, normalized: bool = False, inplace: bool = False
    ) -> None:
        super().__init__()
        name = type(self).__name__
        refuse_inplace(inplace, name, "its output has fewer channels than its input")
        self.k = need_positive(k, "k", name, least=2)
        self.dim = dim
        self.normalized = normalized
        self._mean, self._deviation = self.gaussian_moments(k) if normalized else (0.0, 1.0)

    def combine(self, z: Tensor, dim: int) -> Tensor:
        """Reduce dimension `dim` of `z`, the members of the groups."""
        raise NotImplementedError

    def gaussian_moments(self, k: int) -> tuple[float, float]:
        """Return mean and standard deviation of the result for k independent N(0, 1) inputs."""
        raise NotImplementedError

    def forward(self, input: Tensor) -> Tensor:
        groups, inside = grouped(input, self.k, self.dim, type(self).__name__)
        output = self.combine(widen(groups), inside)
        if self.normalized:
            output = (output - self._mean) / self._deviation
        return output.to(input.dtype)

    def extra_repr(self) -> str:
        return f"k={self.k}, dim={self.dim}" + (", normalized=True" if self.normalized else "")
