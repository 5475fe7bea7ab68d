"""Settings: what a search may choose for a function, and the points that a joint search tries."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from actlas.errors import need_extra

if TYPE_CHECKING:
    from actlas.study.plan import Plan
    from actlas.study.training import RunSpec

# How far a joint search goes, in powers of ten from end to end: of the rate what five rates of the
# grid span, of the decay half a decade more to each side, since it matters less.
_RATE_DECADES, _DECAY_DECADES, _SHAPE_DECADES = 2.0, 3.0, 2.0


@dataclass(frozen=True)
class Setting:
    """One point of a search; no two points of a search have the same learning rate.

    `shape_rate` is the rate of the functions' own parameters in units of `learning_rate`.
    """

    learning_rate: float
    weight_decay: float
    shape_rate: float

    @classmethod
    def of(cls, spec: RunSpec) -> Setting:
        """Return the setting of a run."""
        return cls(spec.learning_rate, spec.weight_decay, spec.shape_rate)


def said(setting: Setting, plan: Plan) -> str:
    """Return a setting in words; of a grid it is the learning rate alone.

    Args:
        setting: what was chosen for a function.
        plan: which search it was; a shape rate other than its own was searched, too.
    """
    parts = [f"{setting.learning_rate:g}"]
    if plan.search == "joint":
        parts.append(f"decay {setting.weight_decay:g}")
    if setting.shape_rate != plan.shape_rate:
        parts.append(f"shape rate {setting.shape_rate:g}")
    return ", ".join(parts)


def around(rate: float) -> tuple[float, float]:
    """Return the range of rates that a joint search begins with.

    >>> around(0.1)
    (0.01, 1.0)
    """
    return rounded(rate * 10 ** (-_RATE_DECADES / 2)), rounded(rate * 10 ** (_RATE_DECADES / 2))


def joint(
    rates: tuple[float, float], decay: float, shape_rate: float, count: int, skip: int = 0
) -> tuple[Setting, ...]:
    """Return points of a quasi-random sequence, evenly spread on logarithmic scales.

    The same arguments give the same points: every function is tried at all of them. A decay of 0
    stays 0.

    Args:
        rates: from the lowest learning rate to the highest.
        decay: the weight decay in the middle; a factor of 32 to each side.
        shape_rate: of the functions' own parameters, in the middle; a factor of 10 to each side.
        count: how many points.
        skip: how many points of the sequence were taken before.

    Source: Halton 1960, Numerische Mathematik 2, 84-90; bases 2, 3 and 5.

    >>> [point.learning_rate for point in joint((0.01, 1.0), 5e-4, 1.0, count=3)]
    [0.1, 0.0316, 0.316]
    """
    qmc = need_extra("scipy.stats.qmc", "study")
    rows = qmc.Halton(d=3, scramble=False).random(1 + skip + count)  # the first one is a corner
    low, high = rates
    return tuple(
        Setting(
            rounded(low * (high / low) ** float(u)),
            rounded(decay * 10 ** (_DECAY_DECADES * (float(v) - 0.5))),
            rounded(shape_rate * 10 ** (_SHAPE_DECADES * (float(w) - 0.5))),
        )
        for u, v, w in islice(rows, 1 + skip, None)
    )


def rounded(value: float) -> float:
    """Return a number with three digits, as people write it."""
    return float(f"{value:.3g}")
