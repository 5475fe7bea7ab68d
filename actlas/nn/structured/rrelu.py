"""Randomised leaky ReLU in both conventions: PyTorch's slopes and the paper's divisors."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.nn.structured._common import need_choice, need_finite, need_float
from actlas.nn.structured._registry import unit

# The range of the random number a: a slope in PyTorch, a divisor in the paper.
_RANGES = {"pytorch": (1 / 8, 1 / 3), "paper": (3.0, 8.0)}


@unit(id="rrelu", aliases=("randomized_leaky_relu", "randomised_leaky_relu"),
      paper=Paper(author="Xu et al.", year=2015, arxiv="1505.00853",
                  title="Empirical Evaluation of Rectified Activations in Convolutional Network"),
      status_reason="The PyTorch convention is read in its source; the paper's text contradicts "
                    "itself (y = a x with a in [0, 1), then U(3, 8)), and division is the "
                    "reading that agrees with its figures.",
      errata=("The paper's a is uniform on (3, 8), not Gaussian, and divides.",
              "Three mean slopes differ: 0.181818 (paper, test time, 1/5.5), 0.196166 (the true "
              "mean of 1/U(3, 8)) and 0.229167 (PyTorch, test time, 11/48)."))  # fmt: skip
class RReLU(nn.Module):
    r"""Leaky ReLU whose negative slope is drawn per element in training and fixed in evaluation.

    .. math:: y = x \;(x > 0), \qquad y = a x \text{ ("pytorch")} \quad\text{or}\quad
              y = x / a \text{ ("paper")} \;(x \le 0), \qquad a \sim U(l, u)

    In evaluation a is (l + u) / 2.

    Args:
        lower: l; default 1/8 for "pytorch", 3 for "paper".
        upper: u; default 1/3 for "pytorch", 8 for "paper".
        inplace: write the output into the input; allowed, because only the slopes are saved.
        convention: "pytorch" multiplies by a, "paper" divides by a.
        generator: random state of the slopes; None takes PyTorch's.

    Shape: any -> the same.

    Raises ActlasError if lower > upper, or lower <= 0 in the paper's convention.
    Source: Xu, Wang, Chen and Li 2015, section 2.4.

    >>> RReLU(convention="paper").eval()(torch.tensor([-5.5, 2.0]))
    tensor([-1.,  2.])
    """

    __constants__: ClassVar[list[str]] = ["lower", "upper", "inplace", "convention"]

    def __init__(
        self,
        lower: float | None = None,
        upper: float | None = None,
        inplace: bool = False,
        *,
        convention: str = "pytorch",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.convention = need_choice(convention, tuple(_RANGES), "convention", "RReLU")
        default = _RANGES[convention]
        self.lower = need_finite(default[0] if lower is None else lower, "lower", "RReLU")
        self.upper = need_finite(default[1] if upper is None else upper, "upper", "RReLU")
        if self.lower > self.upper:
            raise ActlasError(f"RReLU: lower must not exceed upper, got {self.lower:g} and "
                              f"{self.upper:g}")  # fmt: skip
        if convention == "paper" and self.lower <= 0:
            raise ActlasError(f"RReLU: the paper's divisors must be positive, got lower = "
                              f"{self.lower:g}")  # fmt: skip
        self.inplace = inplace
        self.generator = generator

    @property
    def eval_slope(self) -> float:
        """The negative slope in evaluation."""
        middle = (self.lower + self.upper) / 2
        return 1 / middle if self.convention == "paper" else middle

    def _slopes(self, x: Tensor) -> Tensor:
        place = x.device if self.generator is None else self.generator.device
        precision = torch.float64 if x.dtype == torch.float64 else torch.float32
        share = torch.rand(x.shape, generator=self.generator, device=place, dtype=precision)
        drawn = self.lower + (self.upper - self.lower) * share
        negative = drawn.reciprocal() if self.convention == "paper" else drawn
        return torch.where(x > 0, 1.0, negative.to(x.device)).to(x.dtype)

    def forward(self, input: Tensor) -> Tensor:
        need_float(input, "RReLU")
        if not self.training:
            return nn.functional.leaky_relu(input, self.eval_slope, self.inplace)
        slopes = self._slopes(input)
        return input.mul_(slopes) if self.inplace else input * slopes

    def extra_repr(self) -> str:
        text = f"lower={self.lower}, upper={self.upper}"
        text += "" if self.convention == "pytorch" else f", convention={self.convention!r}"
        return text + (", inplace=True" if self.inplace else "")
