"""What to try to prove: certificates proposed from the computed facts, the sharpest form first."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from actlas.facts import Extremum, Facts
from actlas.facts.proofs.certificate import Certificate, Numbers
from actlas.facts.shape import turning_points

_CLOSE = 1e-12  # relative width of a bound that is not exact
_NEAR = 1e-9  # half the width of a place
_MOST_TURNS = 60


def propose(claim: str, facts: Facts) -> list[Certificate]:
    """Return what to try to prove of a computed fact, the sharpest form first."""
    return [replace(form, claim=claim) for form in _PROPOSALS[claim](facts)]


def _infima(facts: Facts) -> list[Certificate]:
    return _approaches(facts, facts.range[0], facts.minimum)


def _suprema(facts: Facts) -> list[Certificate]:
    return _approaches(facts, facts.range[1], facts.maximum)


def _approaches(facts: Facts, bound: float, attained: Extremum | None) -> list[Certificate]:
    """Return every enclosure of a bound with every place where it may be reached."""
    beside = [float(b) + side for b in facts.curve.breaks for side in (-1e-13, 1e-13)]
    ends = [end for end in (-math.inf, math.inf) if facts.tails[end > 0].limit in (bound, None)]
    near = [x for x in beside if abs(float(facts.curve(x)) - bound) < _CLOSE]
    places = [attained.x] if attained else [*ends, *near]
    return [Certificate("", bound=b, places=(x,)) for b in _enclosures(bound) for x in places]


def _steepest(facts: Facts) -> list[Certificate]:
    slope, bound = facts.curve.slope(), facts.lipschitz
    beside = [float(b) for b in facts.curve.breaks]
    turns = [0.0, *turning_points(slope), *beside]
    close = _CLOSE * max(1.0, bound)
    near = [x for x in turns if abs(abs(float(slope(x))) - bound) <= close]
    places = [*near[:2], *beside, -math.inf, math.inf]
    return [Certificate("", bound=b, places=(x,)) for b in _enclosures(bound) for x in places]


def _enclosures(found: float) -> list[Numbers]:
    """Return what to try: the number itself where it has few digits, then doubles around it."""
    exact: list[Numbers] = [(found, found)] if math.isinf(found) or found == round(found, 6) else []
    return exact if math.isinf(found) else [*exact, _around(found, _CLOSE * max(1.0, abs(found)))]


def _around(found: float, far: float) -> Numbers:
    """Return two numbers of few digits around one."""
    digits = 1 - math.floor(math.log10(far))
    return round(found - far, digits), round(found + far, digits)


def _minima(facts: Facts) -> list[Certificate]:
    return _extrema(facts, facts.minimum, facts.range[0])


def _maxima(facts: Facts) -> list[Certificate]:
    return _extrema(facts, facts.maximum, facts.range[1])


def _extrema(facts: Facts, attained: Extremum | None, bound: float) -> list[Certificate]:
    if attained is None:
        ends = [end for end in (-math.inf, math.inf) if facts.tails[end > 0].limit in (bound, None)]
        return [Certificate("", bound=b, places=(e,)) for b in _enclosures(bound) for e in ends]
    x, exact = attained.x, attained.value
    close = _around(exact, _CLOSE * max(1.0, abs(exact)))
    near = _around(x, _NEAR * max(1.0, abs(x)))
    only = Certificate("", bound=close, places=near)
    first = Certificate("", bound=(exact, exact), places=(x, x))
    return [first, only, replace(only, interval=_valley(facts, x))]


def _valley(facts: Facts, x: float) -> tuple[float, float]:
    """Return the nearest turning points on both sides of one."""
    turns = [t for t in turning_points(facts.curve) if abs(t - x) > 1e-6]
    below, above = [t for t in turns if t < x], [t for t in turns if t > x]
    return max(below, default=-math.inf), min(above, default=math.inf)


def _monotone(facts: Facts) -> list[Certificate]:
    found = facts.monotone_intervals
    if len(found) > _MOST_TURNS:
        return []
    swings = any(tail.kind == "oscillates" for tail in facts.tails)
    whole = (-40.0, 40.0) if len(found) > _MOST_TURNS / 10 or swings else (-math.inf, math.inf)
    edges = [place for _, edge, _ in found[:-1] for place in _turn(facts, edge)]
    senses = tuple(float(sense) for *_, sense in found)
    return [Certificate("", interval=whole, bound=senses, places=tuple(edges))]


def _turn(facts: Facts, edge: float) -> Numbers:
    """Return between which doubles a turn lies: at a break as close as doubles can say."""
    for place in facts.curve.breaks:
        if float(place) == edge:
            exact = place == edge
            return (edge, edge) if exact else (
                math.nextafter(edge, -math.inf), math.nextafter(edge, math.inf))  # fmt: skip
    return _around(edge, _NEAR * max(1.0, abs(edge)))


def _smoothness(facts: Facts) -> list[Certificate]:
    order = facts.smoothness.removeprefix("C^")
    count = -1.0 if order == "discontinuous" else float(order)
    return [Certificate("", bound=(count,), places=facts.kinks)]


_PROPOSALS: Mapping[str, Callable[[Facts], list[Certificate]]] = {
    "infimum": _infima, "supremum": _suprema, "minimum": _minima, "maximum": _maxima,
    "monotone_intervals": _monotone, "lipschitz": _steepest, "smoothness": _smoothness,
}  # fmt: skip
