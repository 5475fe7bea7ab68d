"""Parameters at which a new function starts as the old one, found by trying."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from actlas.catalogue import Definition, Domain, Parameter
from actlas.surgery.identification.curves import values
from actlas.surgery.replacement.probing import Point, Values

# Values at which families tend to contain simpler functions, the likeliest first.
_TRIED = (0.0, 1.0, -1.0, 0.5, 2.0, 0.01, 0.1, 0.25, 10.0, 100.0, 1000.0)
_FEW = (0.0, 1.0, -1.0, 100.0)
_MANY = 3  # learned parameters from which on only the few are tried
_MARGIN = 1e-3  # a parameter starts inside its domain, not on an open border of it

# Two functions may differ in a narrow place beside a kink, so points gather around the likely ones.
_BESIDE = np.outer([-1, 1], np.geomspace(1e-7, 0.5, 80)).ravel()
GRID: Values = np.unique(
    np.concatenate([np.linspace(-10, 10, 2001), *(c + _BESIDE for c in range(-6, 7))])
)


class Start(NamedTuple):
    """Parameters, and the largest |new - old| on [-10, 10] with them."""

    parameters: Mapping[str, Any]
    difference: float


def difference(new: Point, old: Point) -> float:
    """Return the largest |new - old| on [-10, 10] in double precision."""
    apart = np.abs(_on_grid(new) - _on_grid(old))
    return float(np.nan_to_num(apart, nan=math.inf).max())


@cache
def _on_grid(point: Point) -> Values:
    return values(point[0], dict(point[1]), GRID)


@cache
def nearest_start(entry: Definition, given: tuple[tuple[str, Any], ...], old: Point) -> Start:
    """Return the learned parameters of `entry` at which it is nearest to the function `old`.

    Candidates are combinations of a few values, inside their domains, and the values that `old`
    itself has; of equal ones that is taken which changes fewest of the given parameters.
    """
    start = dict(given)
    learned = [p for p in entry.parameters.values() if p.learnable and not p.is_vector]
    best = Start(start, difference((entry, given), old))
    for changed in _combinations(learned, start, dict(old[1])):
        candidate = {**start, **changed}
        found = difference((entry, tuple(candidate.items())), old)
        if found < best.difference * (1 - 1e-9):
            best = Start(candidate, found)
    return best


def _combinations(
    learned: list[Parameter], start: Mapping[str, Any], old: Mapping[str, Any]
) -> Iterator[dict[str, float]]:
    tried = _TRIED if len(learned) < _MANY else _FEW
    more = tuple(v for v in old.values() if isinstance(v, float))
    for count in range(1, len(learned) + 1):
        for chosen in itertools.combinations(learned, count):
            options = [
                [v for v in dict.fromkeys((*tried, *more)) if v != start[p.name]
                 and _well_inside(v, p.domain)] for p in chosen
            ]  # fmt: skip
            for point in itertools.product(*options):
                yield {p.name: value for p, value in zip(chosen, point, strict=True)}


def _well_inside(value: float, domain: Domain) -> bool:
    if value not in domain:
        return False
    return not domain.open or (value - domain.low >= _MARGIN and domain.high - value >= _MARGIN)


def same_bits(new: nn.Module, old: nn.Module | Any) -> bool:
    """Say whether two functions agree bit for bit on all finite bfloat16 numbers in float32."""
    bits = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)
    x = bits.view(torch.bfloat16).float()
    x = x[x.isfinite()]
    try:
        with torch.no_grad():
            return torch.equal(new(x.clone()), old(x.clone()))
    except Exception:  # one of them takes no vector: nothing can be said
        return False
