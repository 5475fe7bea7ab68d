"""Which gated unit is a function of two halves?"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from actlas.backends import numpy as numpy_backend
from actlas.catalogue import load
from actlas.errors import ActlasError
from actlas.nn.gated.product import Half, half_of
from actlas.nn.structured import units
from actlas.nn.structured.gated import GatedUnit
from actlas.surgery.identification.curves import Array, Span, grid, tape_of, values
from actlas.surgery.identification.fit import fit
from actlas.surgery.identification.match import EXACT, Match, Target
from actlas.surgery.identification.pairs import Pair
from actlas.surgery.identification.search import nearest_known
from actlas.surgery.identification.table import dialects

_POINTS = 48  # in each direction
_UNCHANGED = "identity"
_FRAME = {"self", "dim", "layout", "inplace", "parameters"}
Function = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Unit:
    """A function of two halves under the id and parameters that `actlas.nn.create` takes."""

    id: str
    parameters: Mapping[str, Any]
    function: Function
    gated: bool = True

    @property
    def numbers(self) -> dict[str, float]:
        """The parameters that are numbers."""
        return {k: v for k, v in self.parameters.items() if isinstance(v, float)}


@dataclass(frozen=True)
class GatedMatch:
    """A candidate: the unit, how the halves lie, and the largest difference at (gate, linear)."""

    unit: Unit
    layout: str
    difference: float
    at: tuple[float, float]
    swapped: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """What `actlas.nn.create` takes to make the unit."""
        return {**self.unit.parameters, **({"layout": self.layout} if self.unit.gated else {})}

    @property
    def text(self) -> str:
        """The unit as one writes it: "clamped_swiglu(alpha=1.702, ..., layout='interleaved')"."""
        listed = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"{self.unit.id}({listed})" if listed else self.unit.id


@dataclass(frozen=True)
class Surface:
    """The values of a function of two halves on a square."""

    a: Array
    b: Array
    y: Array
    pair: Pair

    @classmethod
    def of(cls, pair: Pair, span: Span) -> Surface:
        """Return the values on the square of `span`."""
        x = grid(span, _POINTS)
        a, b = (axis.ravel() for axis in np.meshgrid(x, x))
        return cls(a, b, pair.function(a, b), pair)

    @property
    def size(self) -> float:
        """The largest value: what differences are compared with."""
        return float(np.abs(self.y[np.isfinite(self.y)]).max(initial=1e-300))

    def is_product(self) -> bool:
        """Say whether the values are f(a) h(b): whether the square of them has rank one."""
        side = int(len(self.y) ** 0.5)
        square = np.nan_to_num(self.y).reshape(side, side)
        strongest, *others = np.linalg.svd(square, compute_uv=False)
        return bool(others[0] <= EXACT * max(strongest, 1e-300))

    def match(self, unit: Unit, swapped: bool) -> GatedMatch:
        """Return the candidate with its difference; `swapped` says that the gate is the second."""
        gate, linear = (self.b, self.a) if swapped else (self.a, self.b)
        away = np.abs(unit.function(gate, linear) - self.y)
        away = np.where(np.isnan(away), np.inf, away)
        place = int(away.argmax())
        at = float(gate[place]), float(linear[place])
        return GatedMatch(unit, self._layout(swapped), float(away[place]), at, swapped)

    def _layout(self, swapped: bool) -> str:
        if self.pair.packed == "halves":
            return "gate_second" if swapped else "gate_first"
        return "interleaved" if self.pair.packed else "two_tensors"


def nearest_unit(pair: Pair, span: Span, tolerance: float) -> tuple[GatedMatch, float]:
    """Return the nearest unit of two halves, and the size of the values it is compared with.

    Raises:
        ActlasError: if the halves are mixed otherwise than by a product.
    """
    surface = Surface.of(pair, span)
    best = _best(surface, [*known_units(), *_hinted(pair.hints)])
    if best.difference <= max(tolerance, EXACT * surface.size):
        return best, surface.size
    if not surface.is_product():
        raise ActlasError(f"{pair.label} mixes two halves, but not as a product of a function of "
                          f"each: it is no gated unit")  # fmt: skip
    found = _best(surface, [best.unit, *_with_any_gate(surface, span, tolerance)])
    if found.difference > EXACT * surface.size:
        found = _best(surface, [found.unit, *_refitted(surface)])
    return found, surface.size


def _best(surface: Surface, candidates: list[Unit]) -> GatedMatch:
    """Return the nearest; of equal ones the first, with the gate in the first half."""
    matches = [surface.match(unit, swapped) for swapped in (False, True) for unit in candidates]
    exact = EXACT * surface.size
    return min(matches, key=lambda m: m.difference if m.difference > exact else 0.0)


# -------------------------------------------------------------------------------------- candidates


@cache
def known_units() -> tuple[Unit, ...]:
    """Return every gated unit of actlas.nn, every dialect that is none, and the logic units."""
    own = [_own(unit.id, unit.cls, options) for unit in units().values()
           if _is_gated(unit.cls) for options in _choices(unit.cls)]  # fmt: skip
    foreign = {(d.gate, d.linear): d for d in dialects() if d.gate}
    written = [
        _of_halves(d.gate, d.linear, {name: float(v) for name, v in d.parameters.items()})
        for d in foreign.values()
    ]
    return (*own, *written, *_of_two_inputs())


def _is_gated(cls: type) -> bool:
    return issubclass(cls, GatedUnit) and cls is not GatedUnit


def _own(name: str, cls: Any, options: Mapping[str, Any]) -> Unit:
    module = cls(layout="two_tensors", **options)
    return Unit(name, options, _product(*module.functions()))


def _choices(cls: Any) -> Iterator[dict[str, Any]]:
    """Yield the defaults of a unit, and the choices of its gate that it hands on."""
    slots = inspect.signature(cls).parameters
    usual = {name: slot.default for name, slot in slots.items() if name not in _FRAME}
    yield usual
    entry = half_of(cls.gate_function, usual).entry
    for name, parameter in entry.parameters.items():
        for option in parameter.choices[1:]:
            if name in usual:
                yield {**usual, name: option}


def _hinted(hints: Mapping[str, Any]) -> list[Unit]:
    """Return the units with the parameters that are named on the object."""
    found = []
    for unit in known_units():
        there = {name: hints[name] for name in unit.numbers if name in hints}
        given = {name: float(np.ravel(value)[0]) for name, value in there.items()
                 if np.size(value) == 1 and not isinstance(value, str)}  # fmt: skip
        if given:
            found.append(_with(unit, given))
    return found


def _with(unit: Unit, numbers: Mapping[str, float]) -> Unit:
    """Return a unit with other numbers for its parameters."""
    given = {**unit.parameters, **numbers}
    if unit.id == "gated_unit":
        values_of = {k: v for k, v in given.items() if k not in ("gate", "linear")}
        return _of_halves(given["gate"], given.get("linear", _UNCHANGED), values_of)
    return _own(unit.id, units()[unit.id].cls, given)


def _of_halves(gate: str, linear: str, numbers: Mapping[str, Any]) -> Unit:
    options = {"gate": gate, **({} if linear == _UNCHANGED else {"linear": linear}), **numbers}
    function = _product(half_of(gate, numbers), half_of(linear, numbers))
    return Unit("gated_unit", options, function)


def _product(gate: Half, linear: Half) -> Function:
    return lambda g, u: values(gate.entry, gate.values, g) * values(linear.entry, linear.values, u)


def _of_two_inputs() -> Iterator[Unit]:
    for entry in load().values():
        if len(entry.inputs) == 2 and not entry.parameters:
            tape = tape_of(entry.expression(), entry.inputs)
            yield Unit(entry.name, {}, functools.partial(numpy_backend.run, tape), gated=False)


# ------------------------------------------------------------------------------------ with freedom


def _refitted(surface: Surface) -> Iterator[Unit]:
    """Yield the units with one to three numbers, these fitted."""
    for unit in known_units():
        names = list(unit.numbers)
        if not 0 < len(names) <= 3 or not np.isfinite(surface.y).all():
            continue

        def model(v: Array, x: Array, unit: Unit = unit, names: list[str] = names) -> Array:
            moved = _with(unit, dict(zip(names, np.maximum(v, 1e-3).tolist(), strict=True)))
            return moved.function(surface.a, surface.b)

        start = np.array([unit.numbers[name] for name in names])
        vector, _ = fit(model, surface.a, surface.y, start, 20)
        numbers = np.round(np.maximum(vector, 1e-3), 6).tolist()
        yield _with(unit, dict(zip(names, numbers, strict=True)))


def _with_any_gate(surface: Surface, span: Span, tolerance: float) -> Iterator[Unit]:
    """Yield the unit whose gate is the nearest function of the catalogue, for either order."""
    x = grid(span)
    for swapped in (False, True):
        ones = np.ones_like(x)
        gate = surface.pair.function(*((ones, x) if swapped else (x, ones)))
        if not np.isfinite(gate).any():
            continue
        target = Target(x, gate[None, :], surface.pair.hints, ())
        match, _ = nearest_known(target, span, tolerance)
        if match.scale[1:] == (1.0, 0.0, 0.0):
            yield _of_gate(match)


def _of_gate(match: Match) -> Unit:
    changed = {name: value for name, value in match.changed.items() if np.ndim(value) == 0}
    factor = match.scale[0]
    linear = _UNCHANGED if factor == 1 else f"{factor!r}*x"
    return _of_halves(match.entry.name, linear, changed)
