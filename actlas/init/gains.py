"""The gain of a function, and how steeply the second moment it hands on follows its input's."""

from __future__ import annotations

import math
from typing import Any

from actlas.errors import ActlasError, nearest
from actlas.init.profile import Function, Profile, profile_of

MODES = ("forward", "backward", "compromise")


def gain(
    function: Function, /, *, mode: str = "forward", centred: bool = False, **parameters: Any
) -> float:
    """Return the factor of a weight's standard deviation that keeps a signal's second moment.

    Weights of standard deviation gain/sqrt(fan_in) turn inputs f(z), z ~ N(0, 1), into
    pre-activations of second moment 1: gain = 1/sqrt(E f(z)²). All integrals are quadratures.

    Args:
        function: any name, an `actlas.get(...)`, an elementwise module (with the values of its
            parameters), or a callable on tensors. A function of two inputs sees two independent
            standard normal numbers.
        mode: "forward" keeps the signal, "backward" the gradient (E f'(z)² in the place of
            E f(z)²; it belongs to fan_out), "compromise" the mean of both moments.
        centred: the mean of f(z) is removed, by weights whose rows sum to 0 or by a shift, so
            Var f(z) takes the place of E f(z)².
        parameters: of a function given by name, for example `negative_slope=0.2`.

    Raises:
        ActlasError: for unknown names, parameters or modes, and where the moment is 0 or infinite.

    Source: He et al. 2015, Eqs. 7, 10 and 14, for any f; Glorot and Bengio 2010, Eq. 12.

    >>> round(gain("relu") ** 2, 12)
    2.0
    >>> round(gain("selu"), 6), round(gain("gelu", mode="backward"), 6)
    (1.0, 1.481114)
    """
    profile = profile_of(function, parameters)
    moment = _moment(profile, mode, centred)
    if not 0 < moment < math.inf:
        what = "variance" if centred else "second moment"
        raise ActlasError(f"{profile.name} has {what} {moment} under N(0, 1), so no gain")
    return float(moment**-0.5)


def stability_slope(function: Function, /, *, centred: bool = False, **parameters: Any) -> float:
    """Return s = d log E f(sqrt(q) z)² / d log q at q = 1, z ~ N(0, 1).

    A deviation of the signal's second moment grows like s**depth in a plain network: s < 1 mends
    itself, s = 1 (the rectifiers) wanders at random, s > 1 drifts away.

    Args:
        function: as for `gain`.
        centred: the slope of Var f instead of E f², for weights whose rows sum to 0.
        parameters: of a function given by name.

    Raises:
        ActlasError: as for `gain`.

    >>> round(stability_slope("silu"), 3), round(stability_slope("silu", centred=True), 3)
    (1.173, 1.101)
    """
    profile = profile_of(function, parameters)
    moment = _moment(profile, "forward", centred)
    if not 0 < moment < math.inf:
        raise ActlasError(f"{profile.name} has moment {moment} under N(0, 1), so no slope")
    change = profile.radial - (2 * profile.mean * profile.drift if centred else 0.0)
    return float(change / moment)


def _moment(profile: Profile, mode: str, centred: bool) -> float:
    forward = profile.variance if centred else profile.second_moment
    backward = profile.slope_second_moment
    choices = {"forward": forward, "backward": backward, "compromise": (forward + backward) / 2}
    if mode not in choices:
        raise ActlasError(f"mode is one of {', '.join(MODES)}, got {mode!r}."
                          f"{nearest(str(mode), MODES)}")  # fmt: skip
    return choices[mode]
