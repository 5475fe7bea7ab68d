"""Sums, products, joins and rearrangements of signals."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from actlas.init.propagation.attention import SHUT, shut_out
from actlas.init.propagation.registry import UNKNOWN, rule
from actlas.init.propagation.signal import Signal, gaussian

if TYPE_CHECKING:
    from actlas.init.propagation.walk import Walk


def _independent(walk: Walk, a: Any, b: Any) -> tuple[Signal, Signal] | None:
    """Return both as signals if they are tensors that do not hang on one root, else None."""
    if not all(isinstance(value, (Signal, Tensor)) for value in (a, b)):
        return None
    a, b = walk.signal(a), walk.signal(b)
    return None if a.root is b.root else (a, b)


def _is_mask(value: Any) -> bool:
    return isinstance(value, Tensor) and value.numel() > 0 and float(value.detach().min()) <= SHUT


@rule("add")
def add(walk: Walk, a: Any, b: Any, *, alpha: float = 1) -> Any:
    """Means and variances add up where the terms are independent."""
    if isinstance(a, Signal) and _is_mask(b):
        return shut_out(walk, a, b)
    pair = _independent(walk, a, b)
    if pair is None:
        return NotImplemented
    a, b = pair
    shared = _between(a, b) + alpha**2 * _between(b, a)
    return gaussian(a.mean + alpha * b.mean, a.variance + alpha**2 * b.variance, shared,
                    channels=a.channels or b.channels)  # fmt: skip


def _between(x: Signal, other: Signal) -> float:
    """Return the covariance between places, whole where `x` is repeated to the size of `other`."""
    repeated = x.shape and other.shape and math.prod(x.shape) < math.prod(other.shape)
    return x.variance if repeated else x.shared


@rule("sub", "subtract")
def subtract(walk: Walk, a: Any, b: Any, *, alpha: float = 1) -> Any:
    """The means subtract, the variances add up."""
    return add(walk, a, b, alpha=-alpha)


@rule("mul", "multiply")
def multiply(walk: Walk, a: Any, b: Any) -> Any:
    """Independent factors: the means multiply, and so do the second moments."""
    pair = _independent(walk, a, b)
    if pair is None:
        return NotImplemented
    a, b = pair
    mean = a.mean * b.mean
    both = (_between(a, b) + a.mean**2) * (_between(b, a) + b.mean**2)
    return gaussian(mean, a.second_moment * b.second_moment - mean**2, both - mean**2,
                    channels=a.channels or b.channels)  # fmt: skip


@rule("weighted_sum")
def weighted_sum(walk: Walk, *terms: Any) -> Any:
    """Coefficients sqrt(v / (N v_i)) make the variance of the sum v."""
    *inputs, buffer = terms
    signals = [walk.signal(term) for term in inputs]
    wanted = walk.settings.signal_variance / len(signals)
    values = walk.ledger.coefficients.setdefault(
        walk.ledger.name_of(buffer),
        [(wanted / s.variance) ** 0.5 if s.variance > 0 else 1.0 for s in signals],
    )
    pairs = list(zip(values, signals, strict=True))
    mean, variance = sum(a * s.mean for a, s in pairs), sum(a * a * s.variance for a, s in pairs)
    shared = sum(a * a * s.shared for a, s in pairs)
    return gaussian(mean, variance, shared, channels=signals[0].channels)


@rule("cat", "concat", "concatenate", "stack", "hstack", "vstack")
def join(walk: Walk, tensors: Any, *_: Any, **__: Any) -> Any:
    """A join has the moments of its parts, weighted by their sizes."""
    if not isinstance(tensors, (list, tuple)):
        return NotImplemented
    parts = [walk.signal(part) for part in tensors]
    sizes, channels = _sizes(walk, parts)
    shares = [size / sum(sizes) for size in sizes]
    mean, second, both = (
        sum(share * moment(part) for share, part in zip(shares, parts, strict=True))
        for moment in (_mean, _square, _both)
    )
    return gaussian(mean, second - mean**2, both - mean**2, channels=channels)


def _mean(x: Signal) -> float:
    return x.mean


def _square(x: Signal) -> float:
    return x.second_moment


def _both(x: Signal) -> float:
    """The mean product of one feature at two places."""
    return x.shared + x.mean**2


def _sizes(walk: Walk, parts: list[Signal]) -> tuple[list[float], int | None]:
    """Return the share of each part, and the features of the join where they are known."""
    channels = [part.channels for part in parts]
    together = None if None in channels else sum(c for c in channels if c)
    if all(part.shape is not None for part in parts):
        return [math.prod(part.shape or ()) for part in parts], together
    if together is None:
        walk.lacks_shape("the sizes of the parts of a join")
        return [1.0] * len(parts), None
    return [float(c or 0) for c in channels], together


@rule("glu")
def glu(walk: Walk, x: Any, *_: Any, **__: Any) -> Any:
    """One half times the sigmoid of the other, which is independent of it."""
    gate = replace(x, values=torch.sigmoid(x.values.double())).renew()
    return multiply(walk, x, gate)


@rule("prelu", "_prelu_kernel")
def prelu(walk: Walk, x: Any, weight: Any) -> Any:
    """The mixture over the channels, each with its slope."""
    slope = weight.detach().double().reshape(1, -1)
    values = x.values.double()
    if values.shape[1] not in (1, slope.shape[1]) and slope.shape[1] > 1:
        return NotImplemented
    return replace(x, values=torch.where(values > 0, values, slope * values))


@rule("identity", "contiguous", "clone", "detach", "to", "float", "double", "half", "bfloat16",
      "type_as", "cpu", "cuda", "alias", "_to_copy", "lift_fresh_copy", "to_copy")  # fmt: skip
def same(walk: Walk, x: Any, *_: Any, **__: Any) -> Any:
    """The same elements, perhaps in another format or place."""
    return x if isinstance(x, Signal) else NotImplemented


@rule("rearrange", "flatten", "unflatten", "reshape", "reshape_as", "view", "view_as", "permute",
      "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t", "squeeze", "unsqueeze",
      "expand", "expand_as", "repeat", "repeat_interleave", "tile", "broadcast_to", "narrow",
      "select", "slice", "index_select", "chunk", "split", "split_with_sizes", "unbind",
      "tensor_split", "unsafe_chunk", "unsafe_split", "flip", "roll", "pixel_shuffle", "ravel",
      "pixel_unshuffle", "channel_shuffle", "unfold", "gather", "atleast_2d", "numpy_T",
      "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d")  # fmt: skip
def rearrange(walk: Walk, x: Any, *_: Any, **__: Any) -> Any:
    """Other places for the same elements: the moments stay, the pairing of elements does not."""
    return x.renew() if isinstance(x, Signal) else NotImplemented


@rule("interpolate")
def interpolate(walk: Walk, x: Any, *arguments: Any, mode: str = "nearest", **__: Any) -> Any:
    """Repeated elements; other modes are left to sampling."""
    return x.renew() if mode.startswith("nearest") and len(arguments) < 3 else NotImplemented


@rule("getitem")
def getitem(walk: Walk, x: Any, index: Any) -> Any:
    """A part of a tensor, or one of several results."""
    if isinstance(x, Signal):
        return x.renew()
    if x is UNKNOWN or index is UNKNOWN:
        return UNKNOWN
    return x[index]


@rule("getattr")
def attribute(walk: Walk, x: Any, name: str, *_: Any) -> Any:
    """A view such as x.mT, or a size."""
    if isinstance(x, Signal) and (walk.shape is not None or name in ("T", "mT", "H", "mH")):
        return x.renew()
    return question(walk)


@rule("size", "dim", "ndimension", "numel", "is_floating_point", "get_device")
def question(walk: Walk, *_: Any) -> Any:
    """What is asked of a tensor and is no tensor; an example tells it before a rule is needed."""
    walk.lacks_shape("a size that the model asks for")
    return UNKNOWN


@rule("_assert", "_assert_is_none", "_assert_tensor_metadata", "_guards_fn", "_assert_scalar")
def assertion(walk: Walk, *_: Any, **__: Any) -> Any:
    """What tracing asserts is no signal."""
    return UNKNOWN
