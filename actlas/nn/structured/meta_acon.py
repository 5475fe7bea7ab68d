"""Meta-ACON: ACON-C whose sharpness is computed from the input (Ma et al. 2020)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.types import Device

from actlas.errors import ActlasError
from actlas.nn.structured._common import (
    empty_layer,
    mean_without_overflow,
    need_channels,
    need_choice,
    need_float,
    need_positive,
    refuse_inplace,
    widen,
)  # fmt: skip
from actlas.nn.structured._registry import unit
from actlas.nn.structured.acon import INITS, PAPER, acon_c, along, reset_lines

_LEVELS = ("channel", "layer", "pixel")


class _ChannelSharpness(nn.Module):
    """Two linear maps on the channel means, with no rectifier between; batch norms optional."""

    def __init__(
        self, channels: int, hidden: int, batch_norm: bool, device: Device,
        dtype: torch.dtype | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.fc1 = empty_layer(nn.Linear, channels, hidden, device=device, dtype=dtype)
        self.bn1 = nn.BatchNorm1d(hidden, device=device, dtype=dtype) if batch_norm else None
        self.fc2 = empty_layer(nn.Linear, hidden, channels, device=device, dtype=dtype)
        self.bn2 = nn.BatchNorm1d(channels, device=device, dtype=dtype) if batch_norm else None

    def reset(self, generator: torch.Generator | None) -> None:
        for child in self.children():
            if isinstance(child, nn.Linear):
                nn.init.kaiming_uniform_(child.weight, a=math.sqrt(5), generator=generator)
                bound = 1 / math.sqrt(child.in_features)
                nn.init.uniform_(child.bias, -bound, bound, generator=generator)
            elif isinstance(child, nn.BatchNorm1d):
                child.reset_parameters()

    def forward(self, mean: Tensor) -> Tensor:
        if self.bn1 is not None and self.training and mean.shape[0] == 1:
            raise ActlasError("MetaACON: batch_norm=True needs more than one sample while "
                              "training; use a larger batch or batch_norm=False")  # fmt: skip
        hidden = self.fc1(mean)
        hidden = hidden if self.bn1 is None else self.bn1(hidden)
        output = self.fc2(hidden)
        result: Tensor = output if self.bn2 is None else self.bn2(output)
        return result


@unit(id="meta_acon", title="Meta-ACON", aliases=("meta_acon_c",), paper=PAPER,
      status_reason="The channel level is checked against the released code; the layer and pixel "
                    "levels follow the paper's text and were never released.",
      errata=("The released code has two batch norms, which are unstable for small batches; "
              "the default here, as in YOLOv5, leaves them out.",
              "beta lies in (0, 1): it can flatten the unit but never sharpen it beyond Swish."),
      )  # fmt: skip
class MetaACON(nn.Module):
    r"""ACON-C whose sharpness is computed from the input per channel, layer or pixel.

    .. math:: y = (p_1 - p_2) x\,\sigma(\beta(x) (p_1 - p_2) x) + p_2 x

    with :math:`\beta` the sigmoid of: two linear maps of the channel means ("channel"), the sum of
    the whole sample ("layer"), or the value itself ("pixel").

    Args:
        channels: number of channels C; p1 and p2 are learned per channel.
        level: "channel", "layer" or "pixel".
        reduction: r; the hidden width of the channel level is max(r, C // r).
        batch_norm: whether the channel level normalises after each linear map, as released.
        init: "swish" (p1 = 1, p2 = 0) or "official" (p1, p2 ~ N(0, 1)).
        inplace: refused, because the gradient needs the input.
        generator: random state of the initial values; None takes PyTorch's.

    Shape: (N, C, *) -> (N, C, *); the mean runs over all dimensions after the second.

    Raises ActlasError for another number of channels, an input of fewer than two dimensions, and a
    batch of one in training with batch_norm=True.
    Source: Ma, Zhang, Liu and Sun 2020, Meta-ACON.

    >>> MetaACON(4, level="layer")(torch.zeros(2, 4, 3, 3)).shape
    torch.Size([2, 4, 3, 3])
    """

    __constants__: ClassVar[list[str]] = ["channels", "level", "reduction", "batch_norm", "init"]
    p1: Tensor
    p2: Tensor

    def __init__(
        self,
        channels: int,
        level: str = "channel",
        reduction: int = 16,
        batch_norm: bool = False,
        init: str = "swish",
        inplace: bool = False,
        generator: torch.Generator | None = None,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        refuse_inplace(inplace, "MetaACON", "the gradient needs the input")
        self.channels = need_positive(channels, "channels", "MetaACON")
        self.level = need_choice(level, _LEVELS, "level", "MetaACON")
        self.reduction = need_positive(reduction, "reduction", "MetaACON")
        self.batch_norm = batch_norm
        self.init = need_choice(init, INITS, "init", "MetaACON")
        self.p1 = nn.Parameter(torch.empty(channels, device=device, dtype=dtype))
        self.p2 = nn.Parameter(torch.empty(channels, device=device, dtype=dtype))
        hidden = max(reduction, channels // reduction)
        self.sharpness = (
            _ChannelSharpness(channels, hidden, batch_norm, device, dtype)
            if level == "channel" else None
        )  # fmt: skip
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Put the slopes back to the start that `init` names and draw the linear maps anew."""
        reset_lines(self.p1, self.p2, self.init, generator)
        if self.sharpness is not None:
            self.sharpness.reset(generator)

    def _logit_of_beta(self, x: Tensor) -> Tensor:
        if self.level == "pixel":
            return x
        inner = tuple(range(2, x.ndim))
        mean = mean_without_overflow(widen(x), inner)
        if self.sharpness is None:
            per_sample = mean_without_overflow(mean, (1,))
            return per_sample * math.prod(x.shape[1:])
        return along_batch(self.sharpness(mean.flatten(1).to(x.dtype)), x)

    def forward(self, input: Tensor) -> Tensor:
        need_float(input, "MetaACON")
        dim = need_channels(input, self.channels, 1, "MetaACON")
        beta = torch.sigmoid(widen(self._logit_of_beta(input)))
        return acon_c(input, along(self.p1, input, dim), along(self.p2, input, dim), beta)

    def extra_repr(self) -> str:
        text = f"channels={self.channels}, level={self.level!r}, init={self.init!r}"
        if self.level == "channel":
            text += f", reduction={self.reduction}, batch_norm={self.batch_norm}"
        return text


def along_batch(values: Tensor, x: Tensor) -> Tensor:
    """View (N, C) values so that they broadcast over the inner dimensions of `x`."""
    return values.view(*values.shape, *[1] * (x.ndim - 2))
