"""How many taps of a sliding window meet data and not padding, at each place it stops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

Counts = dict[int, float]  # number of live taps: share of the places


def tuple_of(value: Any, size: int) -> tuple[int, ...]:
    """Return an int or a sequence of ints as a tuple of `size` ints.

    >>> tuple_of(2, 3), tuple_of([1, 2], 2)
    ((2, 2, 2), (1, 2))
    """
    if isinstance(value, int):
        return (value,) * size
    values = tuple(int(item) for item in value)
    return values * size if len(values) == 1 else values


def live_taps(size: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int,
              ) -> Counts:  # fmt: skip
    """Return the shares of places of a one-dimensional window by their live taps.

    >>> live_taps(4, 3, 1, (1, 1), 1)
    {2: 0.5, 3: 0.5}
    """
    reach = dilation * (kernel - 1)
    places = (size + sum(padding) - reach - 1) // stride + 1
    taps = np.arange(max(places, 1))[:, None] * stride - padding[0] + dilation * np.arange(kernel)
    return _shares(((taps >= 0) & (taps < size)).sum(axis=1))


def live_taps_transposed(size: int, kernel: int, stride: int, padding: int, dilation: int,
                         extra: int) -> Counts:  # fmt: skip
    """Return the shares of the outputs of a transposed convolution by the taps that reach them.

    >>> live_taps_transposed(2, 2, 2, 0, 1, 0)
    {1: 1.0}
    """
    outputs = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1
    place = np.arange(size)[:, None] * stride - padding + dilation * np.arange(kernel)
    inside = place[(place >= 0) & (place < outputs)]
    return _shares(np.bincount(inside, minlength=max(outputs, 1)))


def _shares(counts: Any) -> Counts:
    found = Counter(int(count) for count in counts)
    return {count: found[count] / len(counts) for count in sorted(found)}


def together(by_dimension: Sequence[Counts]) -> Counts:
    """Return the shares of a window of several dimensions.

    >>> together([{1: 0.5, 2: 0.5}, {3: 1.0}])
    {3: 0.5, 6: 0.5}
    """
    result: Counts = {1: 1.0}
    for counts in by_dimension:
        product: Counts = {}
        for before, share in result.items():
            for count, part in counts.items():
                product[before * count] = product.get(before * count, 0.0) + share * part
        result = product
    return result


def sliding(spatial: Sequence[int] | None, kernel: Sequence[int], stride: Sequence[int],
            padding: Any, dilation: Sequence[int]) -> Counts:  # fmt: skip
    """Return the live taps of a convolution or pooling window; all of them where `spatial` is None.

    `padding` is "same", "valid", an int or a sequence, as torch.nn has it.
    """
    if spatial is None:
        return {int(np.prod(kernel)): 1.0}
    pads = _pads(padding, kernel, dilation)
    parts = zip(spatial, kernel, stride, pads, dilation, strict=True)
    return together([live_taps(*part) for part in parts])


def _pads(padding: Any, kernel: Sequence[int], dilation: Sequence[int]) -> list[tuple[int, int]]:
    """Return the padding before and after, by dimension."""
    if padding == "same":
        reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [(total // 2, total - total // 2) for total in reach]
    if padding == "valid":
        padding = 0
    return [(pad, pad) for pad in tuple_of(padding, len(kernel))]
