"""ACON-C per channel: a learned smooth maximum of two lines (Ma et al. 2020)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.types import Device

from actlas.catalogue import Paper
from actlas.nn.structured._common import (
    need_channels,
    need_choice,
    need_float,
    need_positive,
    refuse_inplace,
    widen,
)  # fmt: skip
from actlas.nn.structured._registry import unit

PAPER = Paper(
    author="Ma et al.", year=2020, arxiv="2009.04759",
    title="Activate or Not: Learning Customized Activation",
)  # fmt: skip
INITS = ("swish", "official")


def acon_c(x: Tensor, p1: Tensor, p2: Tensor, beta: Tensor) -> Tensor:
    r"""Return the smooth maximum :math:`(p_1 - p_2) x\,\sigma(\beta (p_1 - p_2) x) + p_2 x`.

    Written as x (p1 s(u) + p2 s(-u)), u = beta (p1 - p2) x: the paper's form loses the tail to
    cancellation when p1 < p2. Half precision is computed in float32 and rounded once.
    """
    p1, p2, beta, wide = widen(p1), widen(p2), widen(beta), widen(x)
    switch = (beta * (p1 - p2)) * wide
    slope = p1 * torch.sigmoid(switch) + p2 * torch.sigmoid(-switch)
    return (wide * slope).to(x.dtype)


def reset_lines(p1: Tensor, p2: Tensor, init: str, generator: torch.Generator | None) -> None:
    """Fill the two slopes in place: 1 and 0 for "swish", standard normal for "official"."""
    if init == "swish":
        nn.init.ones_(p1)
        nn.init.zeros_(p2)
    else:
        nn.init.normal_(p1, generator=generator)
        nn.init.normal_(p2, generator=generator)


def along(parameter: Tensor, x: Tensor, dim: int) -> Tensor:
    """View a vector of per-channel values so that it broadcasts over dimension `dim` of `x`."""
    return parameter.view([-1 if place == dim else 1 for place in range(x.ndim)])


@unit(id="acon_c_per_channel", title="ACON-C (per channel)", paper=PAPER,
      errata=("The released code draws p1 and p2 from N(0, 1): channels start with arbitrary, "
              "even decreasing, shapes. The default here starts as Swish.",))  # fmt: skip
class ACONC(nn.Module):
    r"""Smooth maximum of two learned lines per channel, with a learned sharpness.

    .. math:: y = (p_1 - p_2) x\,\sigma(\beta (p_1 - p_2) x) + p_2 x

    Args:
        num_parameters: number of channels C, or 1 to share the values among all channels.
        channel_dim: the channel dimension; not used when num_parameters is 1.
        init: "swish" (p1 = 1, p2 = 0) or "official" (p1, p2 ~ N(0, 1)); beta starts at 1.
        inplace: refused, because the gradient needs the input.
        generator: random state of init="official"; None takes PyTorch's.

    Shape: (N, C, *) -> (N, C, *) for channel_dim=1.

    Raises ActlasError if the channel dimension is missing or its size is not num_parameters.
    Source: Ma, Zhang, Liu and Sun 2020, ACON-C.

    >>> ACONC(2)(torch.tensor([[0.0, 100.0]]))
    tensor([[  0., 100.]], grad_fn=<MulBackward0>)
    """

    __constants__: ClassVar[list[str]] = ["num_parameters", "channel_dim", "init"]
    p1: Tensor
    p2: Tensor
    beta: Tensor

    def __init__(
        self,
        num_parameters: int = 1,
        channel_dim: int = 1,
        init: str = "swish",
        inplace: bool = False,
        generator: torch.Generator | None = None,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        refuse_inplace(inplace, "ACONC", "the gradient needs the input")
        self.num_parameters = need_positive(num_parameters, "num_parameters", "ACONC")
        self.channel_dim = channel_dim
        self.init = need_choice(init, INITS, "init", "ACONC")
        for name in ("p1", "p2", "beta"):
            empty = torch.empty(num_parameters, device=device, dtype=dtype)
            self.register_parameter(name, nn.Parameter(empty))
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Put p1, p2 and beta back to the start that `init` names."""
        reset_lines(self.p1, self.p2, self.init, generator)
        nn.init.ones_(self.beta)

    def forward(self, input: Tensor) -> Tensor:
        need_float(input, "ACONC")
        if self.num_parameters == 1:
            return acon_c(input, self.p1, self.p2, self.beta).view_as(input)
        dim = need_channels(input, self.num_parameters, self.channel_dim, "ACONC")
        p1, p2, beta = (along(p, input, dim) for p in (self.p1, self.p2, self.beta))
        return acon_c(input, p1, p2, beta)

    def extra_repr(self) -> str:
        return (f"num_parameters={self.num_parameters}, channel_dim={self.channel_dim}, "
                f"init={self.init!r}")  # fmt: skip
