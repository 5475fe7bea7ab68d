"""How tensors of any strides are walked: nested loops that all of them share, as few as will do.

An input that is broadcast has stride 0 where it stands still. Dimensions that every tensor passes
evenly are merged, so a contiguous tensor is one loop, a half of a larger tensor or a parameter per
channel two or three, and nothing is ever copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod

Strides = tuple[int, ...]
TILE = 1024  # elements of one step of a program: 8 to a thread, 16 bytes at once in half formats
_PROGRAMS = 2048  # enough for any device where a program sums over many rows
_MOST_ROWS = 2**30  # row numbers are divided, which is quick in 32 bits alone


class Unsupported(Exception):  # noqa: N818 - a request to take the other path, not a fault
    """What these kernels cannot do; the message is the reason, the composition is the answer."""


@dataclass(frozen=True)
class Geometry:
    """Sizes of the loops, the outermost first, and of every tensor its strides and its kind."""

    sizes: tuple[int, ...]
    strides: tuple[Strides, ...]
    kinds: tuple[str, ...]

    @property
    def rows(self) -> int:
        """How often the innermost loop runs."""
        return prod(self.sizes[:-1])


@lru_cache(maxsize=4096)
def walk(shape: tuple[int, ...], strides: tuple[Strides, ...], small: tuple[bool, ...]) -> Geometry:
    """Return the loops over `shape`, in the order in which the first tensor lies in memory.

    Args:
        shape: of the result.
        strides: of every tensor, in elements, 0 where it is broadcast.
        small: whether a tensor has fewer elements than the result.

    Raises:
        Unsupported: there are more rows than 32 bits number.

    >>> walk((8, 3, 5, 5), ((75, 25, 5, 1), (0, 1, 0, 0)), (False, True))
    Geometry(sizes=(8, 3, 25), strides=((75, 25, 1), (0, 1, 0)), kinds=('full', 'rows'))
    """
    sizes, merged = _merge(shape, strides)
    if prod(sizes[:-1]) > _MOST_ROWS:
        raise Unsupported(f"{prod(sizes[:-1])} rows; at most {_MOST_ROWS} can be numbered")
    each = tuple(map(tuple, merged))
    return Geometry(tuple(sizes), each, tuple(map(_kind, each, small)))


def _merge(
    shape: tuple[int, ...], strides: tuple[Strides, ...]
) -> tuple[list[int], list[list[int]]]:
    """Return sizes and strides from the outermost loop to the innermost, evenly passed ones one."""
    sizes: list[int] = []
    merged: list[list[int]] = [[] for _ in strides]
    moving = [d for d in range(len(shape)) if shape[d] != 1] or [len(shape)]
    shape, strides = (*shape, 1), tuple((*each, 0) for each in strides)
    for d in sorted(moving, key=lambda d: [-each[d] for each in strides]):
        here = [each[d] for each in strides]
        even = all(m[-1] == s * shape[d] for m, s in zip(merged, here, strict=True) if m)
        if sizes and even:
            sizes[-1] *= shape[d]
            for m, stride in zip(merged, here, strict=True):
                m[-1] = stride
        else:
            sizes.append(shape[d])
            for m, stride in zip(merged, here, strict=True):
                m.append(stride)
    return sizes, merged


def _kind(strides: Strides, small: bool) -> str:
    """Say how a tensor is read: once, once a row, once a column, or everywhere."""
    if not small:
        return "full"
    *outer, inner = strides
    if not inner:
        return "rows" if any(outer) else "scalar"
    return "full" if any(outer) else "columns"


@dataclass(frozen=True)
class Tiles:
    """A program's tile, how many of them lie side by side, and how a program steps down."""

    rows: int
    columns: int
    across: int
    chunks: int
    steps: int


def tiles(geometry: Geometry, sums: bool) -> Tiles:
    """Return how the loops are shared among programs; with `sums` each takes many rows in turn."""
    inner = geometry.sizes[-1]
    columns = min(TILE, _power_of_two(inner))
    rows = min(TILE // columns, _power_of_two(geometry.rows))
    across, down = -(-inner // columns), -(-geometry.rows // rows)
    steps = -(-down // max(1, _PROGRAMS // across)) if sums else 1
    return Tiles(rows, columns, across, -(-down // steps), steps)


def _power_of_two(count: int) -> int:
    return 1 << (count - 1).bit_length()
