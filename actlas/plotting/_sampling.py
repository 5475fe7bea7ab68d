"""Points of a curve: dense, with gaps where the function jumps."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from actlas.api import Activation

Array = npt.NDArray[np.float64]
RECONSTRUCTED = "†"  # marks a function whose formula or default could not be read in its paper
_POINTS = 1601
_BESIDE = 1e-9  # how far from a break its two sides are looked at


def label(function: Activation) -> str:
    """Return `plain_label`, with a dagger where the function is only reconstructed.

    >>> from actlas import get
    >>> label(get("elu")), label(get("nish"))
    ('ELU', 'Nish †')
    """
    mark = "" if function.status == "verified" else f" {RECONSTRUCTED}"
    return plain_label(function) + mark


def plain_label(function: Activation) -> str:
    """Return the title, with the parameters that are not at their default.

    >>> from actlas import get
    >>> plain_label(get("elu")), plain_label(get("elu", alpha=0.5))
    ('ELU', 'ELU(alpha=0.5)')
    """
    declared = function.parameters
    changed = [f"{name}={_written(value)}" for name, value in function.values
               if value != declared[name].default]  # fmt: skip
    return function.title + (f"({', '.join(changed)})" if changed else "")


def _written(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).replace(".0", "")


def sample(
    function: Activation, span: tuple[float, float], places: Iterable[float] = ()
) -> tuple[Array, Array]:
    """Return x and f(x) on `span`, both sides of every break, NaN between the sides of a jump.

    `places` are further x that must not be missed.
    """
    breaks = [float(place) for place in function.facts.curve.breaks]
    x = grid(span, [*breaks, *places])
    return x, open_jumps(x, at(function, x), breaks)


def at(function: Activation, x: Array) -> Array:
    """Return f(x), quietly infinite or NaN where f is."""
    with np.errstate(all="ignore"):
        return np.asarray(function(x), dtype=float)


def grid(span: tuple[float, float], breaks: Iterable[float]) -> Array:
    """Return points over `span` with three of them at every break inside it."""
    low, high = span
    inside = [b for b in breaks if low < b < high]
    beside = [b + step for b in inside for step in (-_BESIDE, 0.0, _BESIDE)]
    return np.unique(np.concatenate([np.linspace(low, high, _POINTS), beside]))


def open_jumps(x: Array, y: Array, breaks: Iterable[float]) -> Array:
    """Return y with NaN at every break across which it jumps."""
    y = y.copy()
    for place in breaks:
        left, right = np.searchsorted(x, place) - 1, np.searchsorted(x, place, side="right")
        if 0 <= left and right < len(x) and abs(y[right] - y[left]) > 1e-6:
            y[left + 1 : right] = np.nan
    return y


def ratio(above: Activation, below: Activation, span: tuple[float, float]) -> tuple[Array, Array]:
    """Return x and above(x)/below(x), NaN at the zeros of `below`."""
    poles = [place for place in below.facts.zeros if span[0] < place < span[1]]
    breaks = [float(b) for function in (above, below) for b in function.facts.curve.breaks]
    x = grid(span, [*breaks, *poles])
    with np.errstate(all="ignore"):
        y = at(above, x) / at(below, x)
    y[np.isin(x, poles)] = np.nan
    return x, open_jumps(x, y, breaks)
