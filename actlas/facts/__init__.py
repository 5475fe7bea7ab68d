"""Floor 4: facts, computed from a definition and never typed in.

>>> from actlas.catalogue import find
>>> round(facts_of(find("mish")).minimum.value, 9)
-0.308843413
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

from actlas.catalogue import Definition, unroll
from actlas.facts.curve import Curve
from actlas.facts.moments import moments
from actlas.facts.shape import (
    Extremum,
    Tail,
    beside_jumps,
    extremes,
    lipschitz,
    monotone_intervals,
    tail,
    zeros,
)
from actlas.facts.smoothness import kinks, smoothness

__all__ = ["Curve", "Extremum", "Facts", "Tail", "facts_of"]


class Facts:
    """The computed facts of one function at given parameters; each is worked out when asked for."""

    def __init__(self, curve: Curve) -> None:
        self.curve = curve

    @cached_property
    def f0(self) -> float:
        """f(0)."""
        return float(self.curve(0.0))

    @cached_property
    def df0(self) -> float | None:
        """f'(0), or None at a kink."""
        return None if 0.0 in self.kinks else float(self.curve.slope()(0.0))

    @cached_property
    def _extremes(self) -> tuple[tuple[float, float], Extremum | None, Extremum | None]:
        return extremes(self.curve)

    @property
    def range(self) -> tuple[float, float]:
        """(infimum, supremum) of f."""
        return self._extremes[0]

    @property
    def minimum(self) -> Extremum | None:
        """The attained minimum, or None."""
        return self._extremes[1]

    @property
    def maximum(self) -> Extremum | None:
        """The attained maximum, or None."""
        return self._extremes[2]

    @property
    def bounded(self) -> bool:
        """Whether the range is finite."""
        return all(map(math.isfinite, self.range))

    @cached_property
    def zeros(self) -> tuple[float, ...]:
        """The isolated zeros of f in [-40, 40]."""
        return zeros(self.curve)

    @cached_property
    def monotone_intervals(self) -> tuple[tuple[float, float, int], ...]:
        """Pieces (from, to, direction) with direction 1 rising, -1 falling, 0 constant."""
        return monotone_intervals(self.curve)

    @property
    def monotone(self) -> bool:
        """Whether f never rises and falls both."""
        senses = {direction for *_, direction in self.monotone_intervals}
        senses |= {1 if left < right else -1 for left, right in beside_jumps(self.curve)}
        return len(senses - {0}) <= 1

    @cached_property
    def smoothness(self) -> str:
        """The smoothness class: "C^inf", "C^1", "C^0", ... or "discontinuous"."""
        return smoothness(self.curve)

    @cached_property
    def kinks(self) -> tuple[float, ...]:
        """The x at which f' jumps."""
        return kinks(self.curve)

    @cached_property
    def tails(self) -> tuple[Tail, Tail]:
        """The behaviour towards -inf and +inf."""
        return tail(self.curve, -1), tail(self.curve, 1)

    @cached_property
    def lipschitz(self) -> float:
        """The largest |f'|."""
        return lipschitz(self.curve)

    @property
    def mean(self) -> float:
        """E f(z), z ~ N(0, 1)."""
        return moments(self.curve)["mean"]

    @property
    def second_moment(self) -> float:
        """E f(z)**2."""
        return moments(self.curve)["second_moment"]

    @property
    def derivative_second_moment(self) -> float:
        """E f'(z)**2."""
        return moments(self.curve)["derivative_second_moment"]

    @property
    def gain(self) -> float:
        """1/sqrt(E f(z)**2), the factor of a weight's scale that keeps the second moment."""
        return self.second_moment**-0.5 if self.second_moment > 0 else math.inf

    @property
    def stability_slope(self) -> float:
        """d log E f(sqrt(q) z)**2 / d log q at q = 1; above 1 a deep plain net drifts away."""
        return moments(self.curve)["radial"] / self.second_moment if self.second_moment else 1.0

    def as_dict(self) -> dict[str, Any]:
        """Return every fact by name, in reading order."""
        public = {k: v for k, v in vars(Facts).items() if not k.startswith("_")}
        names = [k for k, v in public.items() if isinstance(v, (property, cached_property))]
        return {name: getattr(self, name) for name in names}


def facts_of(entry: Definition, parameters: Mapping[str, Any] | None = None) -> Facts:
    """Return the facts of an entry at the given parameters (others at their defaults)."""
    values = entry.bind(parameters or {})
    return _facts(entry, tuple(sorted(values.items())))


@lru_cache(maxsize=4096)
def _facts(entry: Definition, items: tuple[tuple[str, Any], ...]) -> Facts:
    values = dict(items)
    root = entry.expression(entry.shape_of(values))
    return Facts(Curve.of(root, unroll(values)))
