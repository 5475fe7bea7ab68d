"""How numbers are written, the same in the terminal and in the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from actlas.study.plan import Plan
from actlas.study.statistics import Interval, Posterior


@dataclass(frozen=True)
class Figures:
    """Writes scores with as many decimals as the smallest difference that matters asks for.

    >>> figures = Figures(practical_difference=0.5)
    >>> interval = Interval(0.0, -0.5, 0.5)
    >>> figures.score(98.0333), figures.change(0.25), figures.span(interval)
    ('98.03', '+0.25', '-0.50 to 0.50')
    >>> figures.change_span(interval)
    '-0.50 to +0.50 (95 %)'
    """

    practical_difference: float

    @property
    def decimals(self) -> int:
        """One digit more than the first digit of the practical difference."""
        return max(0, 1 - math.floor(math.log10(self.practical_difference)))

    def score(self, value: float) -> str:
        """Return a score."""
        return f"{value:.{self.decimals}f}"

    def change(self, value: float) -> str:
        """Return a difference, with its sign."""
        return f"{round(value, self.decimals) + 0.0:+.{self.decimals}f}"  # no -0.0

    def span(self, interval: Interval) -> str:
        """Return the two ends of an interval."""
        return f"{self.score(interval.low)} to {self.score(interval.high)}"

    def change_span(self, interval: Interval) -> str:
        """Return the two ends of an interval of differences, with their signs, and its level."""
        ends = f"{self.change(interval.low)} to {self.change(interval.high)}"
        return f"{ends} ({percentage(interval.level)})"


def shortened(name: str, most: int) -> str:
    """Return a name of at most so many letters, cut in the middle: the end tells arms apart.

    Args:
        name: of a function, with its parameters.
        most: at least 3.

    >>> shortened("LeakyReLU(negative_slope=0.2)", 20), shortened("GELU", 20)
    ('LeakyReLU(…lope=0.2)', 'GELU')
    """
    if len(name) <= most:
        return name
    end = (most - 1) // 2
    return f"{name[: most - 1 - end]}…{name[-end:]}"


def percentage(level: float) -> str:
    """Return the level of an interval; a look at a study can come close to 1.

    >>> percentage(0.95), percentage(0.9931), percentage(1 - 1e-12)
    ('95 %', '99.31 %', '>99.99 %')
    """
    return ">99.99 %" if level > 0.9999 else f"{100 * level:.4g} %"


def seeds_in_words(plan: Plan) -> str:
    """Return how many seeds a study has.

    >>> from actlas.study.plan import Plan
    >>> seeds_in_words(Plan(seeds=8, design="fixed")), seeds_in_words(Plan(seeds=40))
    ('8 paired seeds', 'up to 40 paired seeds, added until the interval decides')
    """
    if plan.design == "fixed":
        return f"{len(plan.seeds)} paired seeds"
    return f"up to {len(plan.seeds)} paired seeds, added until the interval decides"


def multiple(value: float | None) -> str:
    """Return an effect size with its sign, or a dash where there is none.

    >>> multiple(0.333), multiple(None)
    ('+0.33', '-')
    """
    return "-" if value is None else f"{value:+.2f}"


def p_value(p: float | None) -> str:
    """Return a p-value with three decimals.

    >>> p_value(0.04), p_value(0.0002), p_value(None)
    ('0.040', '<0.001', '-')
    """
    if p is None:
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def chances(posterior: Posterior) -> str:
    """Return the chances of worse, practically equivalent and better, in percent.

    >>> chances(Posterior(worse=0.004, equivalent=0.1, better=0.896))
    '0 / 10 / 90'
    """
    parts = (posterior.worse, posterior.equivalent, posterior.better)
    return " / ".join(f"{100 * part:.0f}" for part in parts)


def listed(items: Sequence[str]) -> str:
    """Join with commas and "and".

    >>> listed(["ReLU", "GELU", "SiLU"])
    'ReLU, GELU and SiLU'
    """
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
