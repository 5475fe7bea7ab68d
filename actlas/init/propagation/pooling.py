"""Pooling, padding, means and sums over elements that count as independent."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from actlas.init.propagation.registry import RULES, rule
from actlas.init.propagation.signal import Signal, constant, gaussian, largest_of, mixture
from actlas.init.propagation.windows import Counts, sliding, tuple_of

if TYPE_CHECKING:
    from actlas.init.propagation.walk import Walk


def mean_of(x: Signal, count: float) -> Signal:
    """Return the mean over `count` places: of what they do not share, 1/count is left."""
    variance = x.shared + (x.variance - x.shared) / max(count, 1)
    found = gaussian(x.mean, variance, x.shared, channels=x.channels)
    positive = x.mean > 0 and bool((x.values.double() >= 0).all())
    return _positive(found) if positive else found


def _positive(x: Signal) -> Signal:
    """Return a signal like a normal one without its negative part, by Wilson and Hilferty's cube.

    A mean of squares is never negative, and a square root or logarithm may follow.
    """
    ninth = x.variance / (9 * x.mean**2)
    cube = (1 - ninth + ninth**0.5 * x.root.latent[:, None]).clamp(min=0.0) ** 3
    return replace(x, values=cube * (x.mean / x.expect(cube)))


def _taps(walk: Walk, x: Signal, d: int, kernel: Any, stride: Any, padding: Any, dilation: Any = 1,
          ) -> Counts:  # fmt: skip
    size = tuple_of(kernel, d)
    steps = size if stride in (None, [], ()) else tuple_of(stride, d)
    spatial = walk.spatial(x, d) if padding not in (0, (0,) * d, [0] * d) else None
    return sliding(spatial, size, steps, padding, tuple_of(dilation, d))


def _max_pool(
    d: int, walk: Walk, x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
    dilation: Any = 1, *_: Any, **__: Any,
) -> Any:  # fmt: skip
    """The largest of n: m + sqrt(v) m_n and v v_n for a normal, by order statistics for any."""
    taps = _taps(walk, x, d, kernel_size, stride, padding, dilation)
    return _mixed([(share, largest_of(x, count)) for count, share in taps.items() if count])


def _average_pool(
    d: int, walk: Walk, x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: Any = None,
) -> Any:  # fmt: skip
    taps = _taps(walk, x, d, kernel_size, stride, padding)
    full = divisor_override or math.prod(tuple_of(kernel_size, d))
    parts = []
    for count, share in taps.items():
        counted = full if count_include_pad or divisor_override else max(count, 1)
        parts.append((share, _scaled(mean_of(x, count), count / counted)))
    return _mixed(parts)


def _scaled(x: Signal, factor: float) -> Signal:
    return gaussian(factor * x.mean, factor**2 * x.variance, factor**2 * x.shared,
                    channels=x.channels)  # fmt: skip


def _mixed(parts: list[tuple[float, Signal]]) -> Signal:
    """Return the signal over places of several kinds."""
    if len(parts) == 1:
        return parts[0][1]
    mean = sum(share * part.mean for share, part in parts)
    both = sum(share * part.mean for share, part in parts) ** 2
    shared = sum(share * part.shared for share, part in parts) + both - mean**2
    return replace(mixture(parts, shared), channels=parts[0][1].channels)


def _adaptive(largest: bool, d: int, walk: Walk, x: Any, output_size: Any, *_: Any, **__: Any
              ) -> Any:  # fmt: skip
    spatial, after = walk.spatial(x, d), walk.shape
    if spatial is None or after is None:
        walk.lacks_shape("the window of an adaptive pool")
        return x.renew()
    count = math.prod(spatial) / math.prod(after[-d:])
    return largest_of(x, count) if largest else mean_of(x, count)


for _d in (1, 2, 3):
    RULES[f"max_pool{_d}d"] = partial(_max_pool, _d)
    RULES[f"avg_pool{_d}d"] = partial(_average_pool, _d)
    RULES[f"adaptive_avg_pool{_d}d"] = partial(_adaptive, False, _d)
    RULES[f"adaptive_max_pool{_d}d"] = partial(_adaptive, True, _d)


def _merged(walk: Walk, x: Signal) -> float | None:
    """Return how many elements of `x` go into one of the result."""
    if x.shape is None or walk.shape is None:
        walk.lacks_shape("how many elements a mean or sum runs over")
        return None
    return math.prod(x.shape) / max(math.prod(walk.shape), 1)


def _by_place(walk: Walk, x: Signal, dims: Any) -> Signal:
    """Return the signal as a reduction sees it: places share something, features nothing.

    Places are the last two dimensions of images, the middle one of sequences.
    """
    rank = len(x.shape or ())
    over = {dim % rank for dim in ((dims,) if isinstance(dims, int) else dims or range(rank))}
    if rank < 3 or over <= {rank - 1} or (rank > 3 and over == {1}):
        return replace(x, root=replace(x.root, correlation=0.0))
    return x


@rule("mean")
def mean(walk: Walk, x: Any, dim: Any = None, *_: Any, **__: Any) -> Any:
    """(m, v) becomes (m, v/k), less what places share."""
    count = _merged(walk, walk.signal(x))
    return x.renew() if count is None else mean_of(_by_place(walk, x, dim), count)


@rule("sum")
def total(walk: Walk, x: Any, dim: Any = None, *_: Any, **__: Any) -> Any:
    """(m, v) becomes (k m, k v), more what places share."""
    count = _merged(walk, walk.signal(x))
    return x.renew() if count is None else _scaled(mean_of(_by_place(walk, x, dim), count), count)


@rule("amax")
def largest(walk: Walk, x: Any, dim: Any = None, *_: Any, **__: Any) -> Any:
    """The largest of k."""
    count = _merged(walk, walk.signal(x))
    return x.renew() if count is None else largest_of(_by_place(walk, x, dim), count)


@rule("pad", "constant_pad_nd")
def pad(walk: Walk, x: Any, widths: Any = (), mode: str = "constant", value: Any = None,
        **_: Any) -> Any:  # fmt: skip
    """A border of a constant: with the share p of it zeros, (1-p) m and (1-p) v + p(1-p) m²."""
    if mode != "constant":
        return x.renew()
    if x.shape is None or walk.shape is None:
        walk.lacks_shape("the share of the padding")
        return x.renew()
    kept = min(math.prod(x.shape) / max(math.prod(walk.shape), 1), 1.0)
    parts = [(kept, x), (1 - kept, constant(float(value or 0.0)))]
    return replace(mixture(parts, kept**2 * x.shared), channels=x.channels)
