"""Average-biased ReLU: rectification above the mean of the data."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.nn.structured._common import (
    mean_without_overflow,
    need_choice,
    need_finite,
    need_float,
    refuse_inplace,
    widen,
)  # fmt: skip
from actlas.nn.structured._registry import unit

_SCOPES = ("batch", "sample")


@unit(id="abrelu", aliases=("average_biased_relu",),
      paper=Paper(author="Dubey and Chakraborty", year=2018, arxiv="1804.02051",
                  title="Average Biased ReLU Based CNN Descriptor for Improved Face Retrieval"),
      status="reconstructed",
      status_reason="The formula is read in secondary text and in the benchmark code of Dubey et "
                    "al. 2021, which takes the mean over the whole batch; the paper's own code "
                    "was not available.",
      errata=("With the mean over the batch, the output of a sample depends on the other samples "
              "of its batch, in evaluation too.",))  # fmt: skip
class ABReLU(nn.Module):
    r"""ReLU of the input minus a multiple of its mean, so the threshold follows the data.

    .. math:: y = \max(0, x - \alpha \bar{x})

    Args:
        alpha: factor of the mean.
        scope: what the mean runs over: "batch", the whole tensor (then a sample's output depends
            on its batch, in training and in evaluation), or "sample", all but the first dimension.
        inplace: refused, because the mean needs the whole input first.

    Shape: any -> the same. The gradient flows through the mean too.

    Raises ActlasError for integer or complex input, and for scope="sample" on fewer than two
    dimensions. Source: Dubey and Chakraborty 2018; Dubey, Singh and Chaudhuri 2021 (2109.14545).

    >>> import torch
    >>> ABReLU()(torch.tensor([1.0, 2.0, 6.0]))
    tensor([0., 0., 3.])
    """

    __constants__: ClassVar[list[str]] = ["alpha", "scope"]

    def __init__(self, alpha: float = 1.0, scope: str = "batch", inplace: bool = False) -> None:
        super().__init__()
        refuse_inplace(inplace, "ABReLU", "the mean needs the whole input before it is changed")
        self.alpha = need_finite(alpha, "alpha", "ABReLU")
        self.scope = need_choice(scope, _SCOPES, "scope", "ABReLU")

    def forward(self, input: Tensor) -> Tensor:
        need_float(input, "ABReLU")
        if self.scope == "sample" and input.ndim < 2:
            raise ActlasError("ABReLU: scope='sample' needs an input of at least two dimensions, "
                              f"got shape {tuple(input.shape)}")  # fmt: skip
        wide = widen(input)
        first = 1 if self.scope == "sample" else 0
        mean = mean_without_overflow(wide, tuple(range(first, input.ndim)))
        return nn.functional.relu(wide - self.alpha * mean).to(input.dtype)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha:g}, scope={self.scope!r}"
