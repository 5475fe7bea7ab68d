"""How smooth a curve is: which derivative first jumps, and where."""

from __future__ import annotations

from mpmath import mp, mpf

from actlas.facts.curve import Curve

_ORDERS = 5
_STEP = mpf(10) ** -30


def jumps(curve: Curve, order: int) -> tuple[float, ...]:
    """Return the breaks at which the derivative of this order jumps, seen at 60 digits."""
    derivative = curve.slope(order) if order else curve
    with mp.workdps(80):
        return tuple(float(b) for b in curve.breaks if _jumps_at(derivative, b))


def _jumps_at(curve: Curve, place: mpf) -> bool:
    step = _STEP * max(1, abs(place))
    left, right = curve.exactly(place - step), curve.exactly(place + step)
    if mp.isinf(left) or mp.isinf(right):
        return True
    return bool(abs(left - right) > mpf(10) ** -15 * max(1, abs(left), abs(right)))


def smoothness(curve: Curve) -> str:
    """Return "C^inf", "C^k" (the (k+1)-th derivative jumps), or "discontinuous"."""
    for order in range(_ORDERS + 1):
        if jumps(curve, order):
            return "discontinuous" if order == 0 else f"C^{order - 1}"
    return "C^inf"


def kinks(curve: Curve) -> tuple[float, ...]:
    """Return the x at which f' jumps."""
    return jumps(curve, 1)
