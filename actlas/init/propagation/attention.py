"""Softmax and attention: shares that add up to 1, and what they read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from actlas.init.propagation.registry import UNKNOWN, rule
from actlas.init.propagation.signal import Signal, gaussian
from actlas.init.propagation.weighing import Fan, inner_product, weigh

if TYPE_CHECKING:
    from actlas.init.propagation.walk import Walk

_NUMBERS = 2**18  # drawn for each expectation
SHUT = -1e4  # what is added to a logit to shut a key out


@rule("softmax", "_softmax")
def softmax(walk: Walk, x: Any, dim: Any = None, *_: Any, **__: Any) -> Any:
    """Shares with mean 1/n; their mean square by sampling normal logits."""
    size = x.shape[dim] if x.shape and dim is not None else x.channels
    if size is None:
        return NotImplemented
    counts = x.seen or (size,)
    found = [_concentration(x.variance - x.shared, 0.0, count)[0] for count in counts]
    square = sum(n * part for n, part in zip(counts, found, strict=True)) / len(counts) / size
    both = (1 / size - square) / (size - 1) if size > 1 else 1.0  # they add up to 1
    mean = 1 / size
    result = gaussian(mean, square - mean**2, both - mean**2, channels=x.channels)
    return replace(result, probabilities=not x.shape or dim in (-1, len(x.shape) - 1))


@rule("masked_fill")
def masked_fill(walk: Walk, x: Any, mask: Any, value: Any) -> Any:
    """Logits that are shut out of a softmax: the others keep their moments."""
    if not isinstance(x, Signal) or not _shuts(value):
        return NotImplemented
    return shut_out(walk, x, ~mask if isinstance(mask, Tensor) else mask)


@rule("where")
def where(walk: Walk, condition: Any, x: Any = None, other: Any = None) -> Any:
    """A mask in front of a softmax; any other choice is left to the general ways."""
    if isinstance(condition, Signal) or not isinstance(x, Signal) or not _shuts(other):
        return NotImplemented
    return shut_out(walk, x, condition)


def _shuts(value: Any) -> bool:
    """Say whether a value added to logits shuts them out."""
    single = isinstance(value, (int, float)) or (isinstance(value, Tensor) and value.numel() == 1)
    return single and float(value) <= SHUT


def shut_out(walk: Walk, x: Signal, mask: Any) -> Signal:
    """Return logits of which only those where the mask is true, or 0 and not -inf, are left."""
    if x.shape is None or not isinstance(mask, Tensor):
        walk.note("the mask of an attention is not followed: every token counts as seen")
        return x
    return replace(x, seen=tuple(_seen(walk, x.shape[-1], mask, False)))


def attention(
    query: Signal, key: Signal, value: Signal, size: int, seen: list[int],
    dropped: float = 0.0, scale: float | None = None,
) -> Signal:  # fmt: skip
    """Return softmax(scale Q Kᵀ) V.

    What the keys share moves all logits alike and changes nothing. The mean is V's; what the
    values share passes whole, and of the rest sum p², which is what falls to one query; two
    queries have sum p p' in common. `seen` is how many keys a query sees, one number a query.
    """
    factor = size**-0.5 if scale is None else scale
    logits = inner_product(query, key, size)
    spread = factor**2 * (logits.variance - logits.shared)
    alike = (query.shared + query.mean**2) / max(query.second_moment, 1e-300)
    found = [_concentration(spread, alike, count) for count in seen]
    own, common = (
        sum(count * part for count, part in zip(seen, parts, strict=True)) / len(seen)
        for parts in zip(*found, strict=True)
    )
    alone = value.variance - value.shared
    loose = own * dropped / (1 - dropped) * value.second_moment if dropped < 1 else 0.0
    return gaussian(value.mean, value.shared + own * alone + loose, value.shared + common * alone)


def _concentration(variance: float, alike: float, count: int) -> tuple[float, float]:
    """Return E p² and E p p' of two softmaxes over `count` logits with correlation `alike`."""
    rows = max(16, _NUMBERS // (2 * count))
    generator = torch.Generator().manual_seed(0)
    own, other = torch.randn(2, rows, count, generator=generator)
    scale = max(variance, 0.0) ** 0.5
    p = (scale * own).softmax(1).double()
    q = (scale * (alike * own + max(1 - alike**2, 0.0) ** 0.5 * other)).softmax(1).double()
    return float((p * p).mean()), float((p * q).mean())


def _seen(walk: Walk, length: int, mask: Any, causal: bool) -> list[int]:
    """Return how many keys some queries see, at most 16 of them, for the masks that are known."""
    if causal:
        return sorted({max(1, round(length * part / 16)) for part in range(1, 17)})
    if not isinstance(mask, Tensor):
        if mask is not None:
            walk.note("the mask of an attention is not followed: every token counts as seen")
        return [length]
    open_ = mask if mask.dtype == torch.bool else mask > SHUT
    counts = open_.expand(*mask.shape[:-1], length).sum(-1).flatten().clamp(min=1)
    step = -(-len(counts) // 16)
    return counts.sort().values[step // 2 :: step].tolist()  # type: ignore[no-any-return]


@rule("scaled_dot_product_attention")
def dot_product_attention(
    walk: Walk, query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0,
    is_causal: bool = False, *, scale: Any = None, enable_gqa: bool = False,
) -> Any:  # fmt: skip
    """The attention of torch.nn.functional, from tensors whose last dimensions are (n, size)."""
    query, key, value = (walk.signal(x) for x in (query, key, value))
    if not query.shape or not key.shape:
        walk.lacks_shape("the size of an attention")
        return value.renew()
    seen = _seen(walk, key.shape[-2], attn_mask, is_causal)
    return attention(query, key, value, query.shape[-1], seen, dropout_p, scale)


@rule("multihead_attention")
def multihead_attention(
    walk: Walk, query: Any, key: Any, value: Any, module: nn.MultiheadAttention,
    key_padding_mask: Any = None, need_weights: bool = True, attn_mask: Any = None,
    average_attn_weights: bool = True, is_causal: bool = False,
) -> Any:  # fmt: skip
    """Three projections (of one weight, or of three), the attention, and the projection behind."""
    inputs = [walk.signal(x) for x in (query, key, value)]
    weights = [getattr(module, f"{letter}_proj_weight") for letter in "qkv"]
    weights = [module.in_proj_weight] * 3 if weights[0] is None else weights
    q, k, v = (weigh(walk, x, weight, module.in_proj_bias, Fan.of(weight.shape[1]))
               for x, weight in zip(inputs, weights, strict=True))  # fmt: skip
    shape, seen = inputs[1].shape, v
    if shape is None:
        walk.lacks_shape("the number of tokens of an attention")
    else:
        length = shape[1] if module.batch_first and len(shape) == 3 else shape[0]
        counts = _seen(walk, length, attn_mask, is_causal)
        seen = attention(q, k, v, module.embed_dim // module.num_heads, counts, module.dropout)
    out = module.out_proj
    result = weigh(walk, seen, out.weight, out.bias, Fan.of(out.weight.shape[1]),
                   channels=out.weight.shape[0])  # fmt: skip
    return result, UNKNOWN
