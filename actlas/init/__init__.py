"""Floor 7: initialisation. The gain of every function, from its Gaussian second moment."""

from __future__ import annotations

from typing import Any

from actlas.errors import ActlasError


def gain(name: str, **parameters: Any) -> float:
    """Return the factor for a weight's standard deviation that keeps the second moment.

    With weights of standard deviation gain/sqrt(fan_in) and inputs f(z), z ~ N(0, 1), the next
    pre-activations have second moment 1: gain = 1/sqrt(E f(z)**2) (He et al. 2015, Eq. 7, for
    any f).

    Args:
        name: any name of the function.
        parameters: its parameters, for example `negative_slope=0.2`.

    Raises:
        ActlasError: for unknown names or parameters, and for a function that is zero.

    >>> round(gain("relu") ** 2, 12)
    2.0
    """
    from actlas.catalogue import find
    from actlas.facts import facts_of

    entry = find(name)
    if len(entry.inputs) != 1:
        raise ActlasError(f"{entry.name} is a function of two inputs; it has no gain")
    moment = facts_of(entry, parameters).second_moment
    if not 0 < moment < float("inf"):
        raise ActlasError(f"{entry.name} has second moment {moment} under N(0, 1), so no gain")
    return float(moment**-0.5)
