"""Layers with weights: the scale that makes their output (0, signal_variance)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from actlas.init.propagation.registry import rule
from actlas.init.propagation.signal import Signal, constant, gaussian, measured
from actlas.init.propagation.windows import (
    Counts,
    live_taps_transposed,
    sliding,
    together,
    tuple_of,
)

if TYPE_CHECKING:
    from actlas.init.propagation.walk import Walk


@dataclass(frozen=True)
class Fan:
    """The inputs of one output unit: how many weights it has, and how many of them meet data.

    `live` and `live_squared` are the mean and the mean square over all places.
    """

    size: int
    live: float
    live_squared: float

    @classmethod
    def of(cls, size: int, channels: int = 1, taps: Counts | None = None) -> Fan:
        """Return the fan of `channels` times the live taps of a window."""
        counts = {size: 1.0} if taps is None else {channels * n: s for n, s in taps.items()}
        return cls(size, sum(n * s for n, s in counts.items()),
                   sum(n * n * s for n, s in counts.items()))  # fmt: skip

    def power(self, mean: float, variance: float, centred: bool) -> float:
        """Return the second moment of the output for weights of variance 1.

        Rows that sum to 0 have entries with correlation -1/(size - 1); where no tap is lost to
        padding, they remove the mean of the input altogether. With the covariance between two
        places of the input for its variance, this is the covariance between two of the output.
        """
        if not centred or self.size < 2:
            return self.live * (variance + mean**2)
        uncancelled = (self.size * self.live - self.live_squared) / (self.size - 1)
        return self.live * variance + mean**2 * uncancelled


@dataclass(frozen=True)
class Use:
    """One use of a weight in the network, with the moments that come in."""

    weight: str
    bias: str | None
    where: str
    operation: str
    mean: float
    variance: float
    fan: Fan
    rows: int
    target: float
    power: float
    status: str


def weigh(
    walk: Walk, x: Signal, weight: Tensor, bias: Any, fan: Fan, rows: int = 0,
    channels: int | None = None,
) -> Signal:  # fmt: skip
    """Record a use of `weight` on `x` and return the signal behind the layer.

    `rows` is the dimension of the weight that counts the output units.
    """
    centred = walk.settings.centred and fan.size > 1
    mean, variance, ledger = x.mean, x.variance, walk.ledger
    power = fan.power(mean, variance, centred)
    status = ledger.status(weight, x.second_moment, walk.where)
    zeroed = ledger.zeroed(bias) if status == "set" else None
    use = Use(ledger.name_of(weight), zeroed, walk.where, walk.operation, mean, variance, fan,
              rows, walk.target(x, fan, power), power, status)  # fmt: skip
    ledger.uses.append(use)
    if status != "set":
        return _as_it_stands(x, weight, bias, fan, rows, channels)
    known = ledger.fixed.get(use.weight)
    result = use.target if known is None else known * power
    together = result * fan.power(mean, x.shared, centred) / power
    shift = measured(bias) if isinstance(bias, Tensor) and zeroed is None else constant(0.0)
    return gaussian(shift.mean, result + shift.variance, together + shift.variance,
                    channels=channels)  # fmt: skip


def _as_it_stands(
    x: Signal, weight: Tensor, bias: Any, fan: Fan, rows: int, channels: int | None
) -> Signal:
    """Return the signal behind weights that are not to be changed."""
    matrix = weight.detach().double().movedim(rows, 0).flatten(1)
    share = fan.live / matrix.shape[1]
    sums, squares = matrix.sum(1) * share, float((matrix**2).sum(1).mean()) * share
    shift = bias.detach().double() if isinstance(bias, Tensor) else torch.zeros(1).double()
    mean = float(x.mean * sums.mean() + shift.mean())
    offset = float(x.mean**2 * sums.var(correction=0) + shift.var(correction=0))
    return gaussian(mean, x.variance * squares + offset, x.shared * squares + offset,
                    channels=channels)  # fmt: skip


@rule("linear", weighs=True)
def linear(walk: Walk, x: Any, weight: Any, bias: Any = None) -> Any:
    """A dense layer: every input of every unit has a weight."""
    if not isinstance(weight, Tensor):
        return NotImplemented
    fan = Fan.of(weight.shape[1])
    return weigh(walk, walk.signal(x), weight, bias, fan, channels=weight.shape[0])


@rule("addmm", weighs=True)
def addmm(walk: Walk, bias: Any, x: Any, weight: Any, **_: Any) -> Any:
    """A dense layer whose weight lies the other way round, (in, out)."""
    if not isinstance(weight, Tensor):
        return NotImplemented
    return weigh(walk, walk.signal(x), weight, bias, Fan.of(weight.shape[0]), 1, weight.shape[1])


@rule("matmul", "mm", "bmm")
def matmul(walk: Walk, a: Any, b: Any) -> Any:
    """A[m, n] B[n, p] of two signals, or a signal times a weight."""
    if isinstance(a, Signal) and isinstance(b, nn.Parameter) and b.ndim == 2:
        return weigh(walk, a, b, None, Fan.of(b.shape[0]), 1, b.shape[1])
    a, b = walk.signal(a), walk.signal(b)
    length = a.shape[-1] if a.shape else (b.shape[-2] if b.shape else None)
    if length is None:
        walk.lacks_shape("the length of an inner product")
        return NotImplemented
    return weighted_mean(a, b, length) if a.probabilities else inner_product(a, b, length)


def inner_product(a: Signal, b: Signal, length: float) -> Signal:
    """Return the sum of `length` products of independent elements, such as Q Kᵀ.

    What two columns of the product share is what two places of `b` share.
    """
    mean = a.mean * b.mean
    both = a.second_moment * (b.shared + b.mean**2)
    return gaussian(length * mean, length * (a.second_moment * b.second_moment - mean**2),
                    length * (both - mean**2))  # fmt: skip


def weighted_mean(share: Signal, value: Signal, length: float) -> Signal:
    """Return the sum over `length` places of a value with shares that add up to 1.

    What all places share passes whole; of the rest, each its share. Two rows of shares meet by
    chance.
    """
    alone = value.variance - value.shared
    kept = length * share.second_moment
    loose = kept + length * (length - 1) * (share.shared + share.mean**2) - 1  # by dropout
    variance = value.shared + kept * alone + loose * (value.shared + value.mean**2)
    return gaussian(value.mean, variance, value.shared + alone / length)


@rule("bilinear", weighs=True)
def bilinear(walk: Walk, x: Any, y: Any, weight: Any, bias: Any = None) -> Any:
    """Each unit weighs all products of a feature of one input and one of the other."""
    size = weight.shape[1] * weight.shape[2]
    return weigh(walk, inner_product(x, y, 1), weight, bias, Fan.of(size), 0, weight.shape[0])


@rule("conv1d", "conv2d", "conv3d", weighs=True)
def convolution(
    walk: Walk, x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Any:  # fmt: skip
    """A convolution, with the taps that meet zero padding left out of the fan-in."""
    if not isinstance(weight, Tensor):
        return NotImplemented
    x = walk.signal(x)
    size, kernel = math.prod(weight.shape[1:]), tuple(weight.shape[2:])
    d = len(kernel)
    spatial = walk.spatial(x, d) if _pads(padding) else None
    taps = sliding(spatial, kernel, tuple_of(stride, d), padding, tuple_of(dilation, d))
    return weigh(walk, x, weight, bias, Fan.of(size, weight.shape[1], taps), 0, weight.shape[0])


def _pads(padding: Any) -> bool:
    if isinstance(padding, str):
        return padding == "same"
    return padding is not None and bool(np.any(np.asarray(padding)))


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d", weighs=True)
def transposed(
    walk: Walk, x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Any:  # fmt: skip
    """A transposed convolution: each output gathers kernel/stride taps of each input channel."""
    if not isinstance(weight, Tensor):
        return NotImplemented
    x, kernel = walk.signal(x), tuple(weight.shape[2:])
    d, channels = len(kernel), weight.shape[0] // groups
    steps = tuple_of(stride, d)
    spatial = walk.spatial(x, d)
    settings = [tuple_of(item, d) for item in (padding, dilation, output_padding)]
    if spatial is None:
        live = channels * math.prod(kernel) / math.prod(steps)
        fan = Fan(channels * math.prod(kernel), live, live**2)
    else:
        parts = zip(spatial, kernel, steps, *settings, strict=True)
        taps = together([live_taps_transposed(*part) for part in parts])
        fan = Fan.of(channels * math.prod(kernel), channels, taps)
    return weigh(walk, x, weight, bias, fan, 1, weight.shape[1] * groups)


@rule("embedding", weighs=True)
def embedding(walk: Walk, indices: Any, weight: Any, *_: Any, **__: Any) -> Any:
    """A table of rows is left as it is: what it gives has the moments it has."""
    if not isinstance(weight, Tensor):
        return NotImplemented
    walk.ledger.keep(weight, "a table of embeddings, left as it is")
    return measured(weight)


@rule("aten.embedding", weighs=True)
def embedding_exported(walk: Walk, weight: Any, indices: Any, *_: Any) -> Any:
    """The same in the order of ATen."""
    return embedding(walk, indices, weight)
