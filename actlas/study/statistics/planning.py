"""How many seeds: what a test can reach at all, and what an effect of a given size needs."""

from __future__ import annotations

import math

from actlas.errors import ActlasError
from actlas.study.statistics._arrays import share, special


def seeds_needed(comparisons: int, significance: float = 0.05) -> int:
    """Return the fewest seeds with which Holm's smallest sign-flip p can fall below the level.

    2 m / 2^n < level for m comparisons.

    Args:
        comparisons: functions compared with the reference, at least 1.
        significance: the level, between 0 and 1.

    >>> seeds_needed(5)
    8
    """
    if comparisons < 1:
        raise ActlasError(f"at least 1 comparison is needed, got {comparisons}")
    return math.floor(math.log2(2 * comparisons / share("significance", significance))) + 1


def power(effect: float, seeds: int, *, paired: bool = True, significance: float = 0.05) -> float:
    """Return the chance that a two-sided t-test finds an effect, by the non-central t.

    Args:
        effect: the difference over the standard deviation: of the differences where paired, of
            one arm where not.
        seeds: pairs, or runs of each arm; at least 2.
        paired: whether the arms share their seeds.
        significance: the level of the test, between 0 and 1.

    Raises:
        ActlasError: also where the non-central t cannot be computed.

    >>> round(power(0.5, 34), 2), round(power(0.5, 64, paired=False), 2)
    (0.81, 0.8)
    """
    if seeds < 2:
        raise ActlasError(f"at least 2 seeds are needed, got {seeds}")
    freedom = seeds - 1 if paired else 2 * seeds - 2
    centre = abs(effect) * math.sqrt(seeds if paired else seeds / 2)
    edge = float(special().stdtrit(freedom, 1 - share("significance", significance) / 2))
    nctdtr = special().nctdtr
    found = float(1 - nctdtr(freedom, centre, edge) + nctdtr(freedom, centre, -edge))
    if math.isnan(found):
        raise ActlasError(
            f"the power of {seeds} seeds for an effect of {effect:g} deviations cannot be computed"
        )
    return found


def seeds_for(
    difference: float,
    deviation: float,
    *,
    paired: bool = True,
    wanted: float = 0.8,
    significance: float = 0.05,
) -> int:
    """Return the fewest seeds with which a t-test finds a difference with the wanted power.

    Near 2 (2.8 s/δ)² without pairs and (2.8 s/δ)² with them. (Colas et al., 2018, How Many Random
    Seeds?, arXiv:1806.08295.)

    Args:
        difference: the smallest difference worth finding, not 0: half the width of the region
            of practical equivalence.
        deviation: the standard deviation in a pilot: of the paired differences, or of one arm.
        paired: whether the arms share their seeds.
        wanted: the power, between 0 and 1.
        significance: the level of the test, between 0 and 1; over m comparisons, 0.05/m.

    >>> seeds_for(0.5, 0.43, paired=False), seeds_for(0.5, 0.43)
    (13, 8)
    """
    if difference == 0 or deviation < 0:
        raise ActlasError(f"no number of seeds finds {difference} in a deviation of {deviation}")
    if deviation == 0:
        return 2
    share("wanted", wanted)
    effect = abs(difference) / deviation
    low, high = 1, 2
    while power(effect, high, paired=paired, significance=significance) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = power(effect, middle, paired=paired, significance=significance) >= wanted
        low, high = (low, middle) if enough else (middle, high)
    return high
