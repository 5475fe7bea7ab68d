"""Candidates for a curve: how far away they lie, and which of two is to be preferred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from actlas.catalogue import Definition, fold
from actlas.expr import walk
from actlas.surgery.identification.curves import Array, values

Scale = tuple[float, float, float, float]
PLAIN: Scale = (1.0, 1.0, 0.0, 0.0)  # a, b, c, d of a f(b x + d) + c
EXACT = 1e-6  # relative to the largest value: what single precision leaves


@dataclass(frozen=True)
class Match:
    """A candidate: a f(b x + d) + c with f of the catalogue, and its largest difference."""

    entry: Definition
    parameters: Mapping[str, Any]
    difference: float
    at: float
    scale: Scale = PLAIN
    fitted: int = 0  # how many numbers were fitted

    def __call__(self, x: Array) -> Array:
        a, b, c, d = self.scale
        return a * values(self.entry, self.parameters, b * x + d) + c

    @property
    def changed(self) -> dict[str, Any]:
        """The parameters that differ from their defaults."""
        usual = self.entry.bind({})
        return {k: v for k, v in self.parameters.items() if not np.array_equal(v, usual[k])}

    @property
    def text(self) -> str:
        """The candidate as a formula: "0.588*silu(1.7*x)"."""
        a, b, c, d = self.scale
        inside = ", ".join(f"{k}={_shown(v)}" for k, v in self.changed.items())
        name = self.entry.name + (f"({inside})" if inside else "")
        if self.scale == PLAIN:
            return name
        moved = f"{'' if b == 1 else '-' if b == -1 else f'{b:.6g}*'}x" + _signed(d)
        return f"{'' if a == 1 else '-' if a == -1 else f'{a:.6g}*'}{name}({moved}){_signed(c)}"


def _signed(number: float) -> str:
    return "" if number == 0 else f" {'-' if number < 0 else '+'} {abs(number):.6g}"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return repr(value)
    numbers = np.ravel(value)
    listed = [f"{number:.6g}" for number in numbers[:4]] + ["..."] * (len(numbers) > 4)
    return listed[0] if np.ndim(value) == 0 else f"({', '.join(listed)})"


@dataclass(frozen=True)
class Target:
    """The curve that is looked for: values at `x`, a row per channel, and what is known of it."""

    x: Array
    y: Array
    hints: Mapping[str, Any]
    called: tuple[str, ...]

    @property
    def size(self) -> float:
        """The largest value: what differences are compared with."""
        return float(np.abs(self.y[np.isfinite(self.y)]).max(initial=1e-300))

    def compare(self, found: Array) -> tuple[float, float]:
        """Return the largest difference and where it lies; inf where `found` is no number."""
        there = np.isfinite(self.y)
        with np.errstate(all="ignore"):
            away = np.where(there, np.abs(found - self.y), 0.0)
        away[np.isnan(away)] = np.inf
        place = np.unravel_index(int(away.argmax()), away.shape)
        return float(away[place]), float(self.x[place[-1]])

    def match(self, entry: Definition, parameters: Mapping[str, Any], **more: Any) -> Match:
        """Return a candidate with its difference measured."""
        wide = np.broadcast_to(self.x, self.y.shape)
        candidate = Match(entry, parameters, 0.0, 0.0, **more)
        with np.errstate(all="ignore"):
            difference, at = self.compare(candidate(wide))
        return replace(candidate, difference=difference, at=at)

    def same(self, match: Match) -> bool:
        """Say whether a candidate is the target up to rounding."""
        return match.difference <= EXACT * self.size


def rank(match: Match, target: Target) -> tuple[Any, ...]:
    """Return the order of preference: the nearest, of equal ones the simplest."""
    entry = match.entry
    near = match.difference if not target.same(match) else 0.0
    names = {fold(name) for name in (entry.name, entry.title, *entry.aliases)}
    called = any(fold(name) in names for name in target.called)
    learnable = sum(parameter.learnable for parameter in entry.parameters.values())
    moved = sum(a != b for a, b in zip(match.scale, PLAIN, strict=True))
    negative = sum(number < 0 for number in match.scale[:2])
    simple = (len(entry.parameters), _strange(match), nodes(entry))
    return near, not called, match.fitted, moved + 2 * negative, learnable, *simple


def _strange(match: Match) -> float:
    """Return how far the parameters lie from their defaults, relative to these."""
    usual, away = match.entry.bind({}), 0.0
    for name, value in match.changed.items():
        if not isinstance(value, str) and np.shape(value) in ((), np.shape(usual[name])):
            size = 1 + float(np.max(np.abs(usual[name])))
            away += float(np.max(np.abs(np.subtract(value, usual[name])))) / size
    return away


def nodes(entry: Definition) -> int:
    """Return how many operations the formula has."""
    return sum(1 for _ in walk(entry.expression()))
