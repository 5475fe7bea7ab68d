"""The computed facts in words, and numbers as people write them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from actlas.catalogue import Claim
from actlas.facts import Extremum, Facts, Tail

MINUS = "\N{MINUS SIGN}"
_VERBS = {1: "rises", -1: "falls", 0: "is constant"}
_MOST_PIECES = 4


def fact_rows(facts: Facts) -> list[tuple[str, str]]:
    """Return (fact, value) rows in reading order."""
    left, right = facts.tails
    return [
        ("range", _range(facts)),
        ("minimum", _extremum(facts.minimum)),
        ("maximum", _extremum(facts.maximum)),
        ("zeros", _places(facts.zeros)),
        ("monotone", _monotone(facts)),
        ("smoothness", _smoothness(facts)),
        (f"x → {MINUS}∞", _tail(left)),
        ("x → ∞", _tail(right)),
        ("Lipschitz constant", number(facts.lipschitz)),
        ("f(0)", number(facts.f0)),
        ("f′(0)", number(facts.df0) if facts.df0 is not None else "none: a kink"),
    ]


def moment_rows(facts: Facts) -> list[tuple[str, str]]:
    """Return (quantity, value) rows for a standard normal input."""
    return [
        ("E f(z)", number(facts.mean if abs(facts.mean) > 1e-12 else 0.0)),
        ("E f(z)²", number(facts.second_moment)),
        ("E f′(z)²", number(facts.derivative_second_moment)),
        ("gain", number(facts.gain)),
        ("stability slope", number(facts.stability_slope)),
    ]


def finding(claim: Claim, facts: Facts) -> tuple[bool, str]:
    """Return whether a paper's claim holds on the computed facts, and what to say of it."""
    holds = bool(claim.test(facts))
    if holds:
        return True, "holds"
    return False, claim.refuted or "does not hold"


def _range(facts: Facts) -> str:
    (low, high), least, most = facts.range, facts.minimum, facts.maximum
    left = "[" if least is not None and math.isfinite(low) else "("
    right = "]" if most is not None and math.isfinite(high) else ")"
    return f"{left}{number(low)}, {number(high)}{right}"


def _extremum(found: Extremum | None) -> str:
    return "not attained" if found is None else f"{number(found.value)} at x = {number(found.x)}"


def _places(values: tuple[float, ...]) -> str:
    if len(values) > _MOST_PIECES:
        return f"{len(values)} in [{MINUS}40, 40]"
    return f"x = {listed(values)}" if values else "none isolated"


def _monotone(facts: Facts) -> str:
    pieces = facts.monotone_intervals
    if len(pieces) == 1:
        return f"yes: {_VERBS[pieces[0][2]]} everywhere"
    prefix = "yes: " if facts.monotone else "no: "
    if len(pieces) > _MOST_PIECES:
        return f"{prefix}{len(pieces)} pieces in [{MINUS}40, 40]"
    said = [f"{_VERBS[sign]} {_where(low, high)}" for low, high, sign in pieces]
    return prefix + ", ".join(said)


def _where(low: float, high: float) -> str:
    if math.isinf(low):
        return f"up to {number(high, 4)}"
    return f"from {number(low, 4)}" if math.isinf(high) else (
        f"from {number(low, 4)} to {number(high, 4)}")  # fmt: skip


def _smoothness(facts: Facts) -> str:
    order = facts.smoothness.removeprefix("C^")
    raised = {"inf": "C∞", "discontinuous": "discontinuous"}.get(
        order, "C" + order.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    )
    kinks = facts.kinks
    if not kinks:
        return raised
    few = len(kinks) <= _MOST_PIECES
    return f"{raised}; kinks at x = {listed(kinks)}" if few else f"{raised}; {len(kinks)} kinks"


def _tail(tail: Tail) -> str:
    if tail.kind == "linear" and tail.slope is not None:
        factor = {1.0: "", -1.0: MINUS}.get(tail.slope, f"{number(tail.slope)}·")
        return f"grows like {factor}x"
    if tail.kind == "constant":
        return f"tends to {number(tail.limit)}"
    return str(tail)


def number(value: float | None, digits: int = 6) -> str:
    """Return a number for people: a real minus sign, ∞, and a dash where there is none.

    >>> number(-0.353285778), number(float("inf")), number(None)
    ('−0.353286', '∞', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    text = "∞" if math.isinf(value) else f"{abs(value):.{digits}g}"
    return (MINUS if value < 0 and float(f"{value:.{digits}g}") else "") + text


def listed(values: Iterable[float], digits: int = 6) -> str:
    """Return numbers separated by commas.

    >>> listed([-1.0, 0.5])
    '−1, 0.5'
    """
    return ", ".join(number(value, digits) for value in values)
