"""Which function of the catalogue is a curve? Tried in steps, each with more freedom than the last.

1. as it stands: defaults, choices, and parameters of the same name found on the object;
2. with one parameter fitted, or up to a factor, a f(x);
3. with two parameters fitted, or up to scale, a f(b x);
4. with three parameters fitted, or shifted too, a f(b x + d) + c.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from actlas.catalogue import Definition, Parameter
from actlas.errors import ActlasError
from actlas.surgery.identification.curves import Curve, Curves, Span, catalogue_curves, of_one_input
from actlas.surgery.identification.fit import with_freedom
from actlas.surgery.identification.match import Match, Target, rank

_TRIED = 12


def nearest_known(target: Target, span: Span, tolerance: float) -> tuple[Match, list[Match]]:
    """Return the best candidate, and other functions of the catalogue as they stand, best first."""
    plain = sorted(as_it_stands(target, span), key=lambda match: rank(match, target))
    best = plain[0]
    for freedom in (1, 2, 3):
        near_enough = best.difference <= tolerance and freedom > 1
        if target.same(best) or near_enough or len(target.y) > 1:
            break
        candidates = with_freedom(target, span, freedom)
        found = min(candidates, key=lambda match: rank(match, target), default=best)
        good_enough = best.difference <= tolerance and not target.same(found)
        if not good_enough and found.difference < best.difference / 2**freedom:
            best = found
    return best, [match for match in plain if match.entry is not best.entry]


# ---------------------------------------------------------------------------------- as it stands


def as_it_stands(target: Target, span: Span) -> Iterable[Match]:
    """Return every function at its defaults, and with the parameters named on the object."""
    table = catalogue_curves(span, len(target.x))
    yield from (target.match(curve.entry, curve.parameters) for curve in _near(target, table))
    for entry in of_one_input():
        given = _named(entry, target)
        if given:
            try:
                yield target.match(entry, {**entry.bind({}), **given})
            except ValueError:  # a vector of another length than the formula can take
                continue


def _near(target: Target, table: Curves) -> list[Curve]:
    """Return the curves nearest to the first row of the target, whatever its scale."""
    distances = table.distances(target.y[0])
    return [table.curves[i] for i in np.argsort(distances)[:_TRIED]]


def _named(entry: Definition, target: Target) -> dict[str, Any]:
    """Return those hints that are valid values of the entry's parameters."""
    given: dict[str, Any] = {}
    for name, parameter in entry.parameters.items():
        value = target.hints.get(name, target.hints.get(parameter.key))
        try:
            checked = _checked(parameter, value, entry.name, len(target.y))
        except ActlasError:
            continue
        if checked is not None:
            given[name] = checked
    return given


def _checked(parameter: Parameter, value: Any, entry: str, channels: int) -> Any:
    """Return a hint as a value of the parameter, one per channel where there are several."""
    if value is None or (isinstance(value, str) != bool(parameter.choices)):
        return None
    if parameter.is_vector:
        return parameter.check(value, entry) if np.ndim(value) == 1 else None
    if np.size(value) == 1 and not isinstance(value, str):
        return parameter.check(float(np.ravel(value)[0]), entry)
    if isinstance(value, np.ndarray):
        checked = [parameter.check(float(item), entry) for item in value.ravel()]
        return np.array(checked)[:, None] if value.size == channels > 1 else None
    return parameter.check(value, entry)
