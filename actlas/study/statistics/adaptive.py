"""Adding seeds until the interval decides, with an error that holds over all looks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from actlas.errors import ActlasError
from actlas.study.statistics._arrays import Numbers, sample
from actlas.study.statistics.intervals import Interval, tail_interval
from actlas.study.statistics.spending import boundaries
from actlas.study.statistics.verdicts import Verdict, noise_floor

FEWEST, LOOKS = 5, 8  # seeds before the first look; looks at a study in equal steps


@dataclass(frozen=True)
class Rule:
    """When to look at the paired differences, and how strict each look is.

    `difference_p` and `equivalence_p` are what the intervals leave out on both sides together:
    the one that must exclude 0, corrected for the number of comparisons, and the one that must lie
    within the margin. A first look may leave out 1e-17.
    """

    seeds: int
    difference_p: float
    equivalence_p: float


@dataclass(frozen=True)
class Decision:
    """What a sequential comparison came to, and after how many seeds."""

    verdict: Verdict
    seeds: int
    interval: Interval


@cache
def rules(
    most: int,
    comparisons: int = 1,
    level: float = 0.05,
    spending: str = "obrien-fleming",
    looks: int = LOOKS,
) -> tuple[Rule, ...]:
    """Return the looks at a study of at most so many seeds.

    Over all looks, a difference is claimed by chance with probability `level` at most, for all
    comparisons together (Bonferroni), and an equivalence likewise for each of them. That is exact
    for means with a known deviation; on Student's t of few seeds it is an approximation.

    Args:
        most: the seeds of the fixed design, at least 5.
        comparisons: functions compared with the reference.
        level: the error over all looks, between 0 and 1.
        spending: "obrien-fleming" (strict early, hardly any power lost) or "pocock".
        looks: how many, in equal steps.

    >>> [rule.seeds for rule in rules(40)]
    [5, 10, 15, 20, 25, 30, 35, 40]
    """
    if most < FEWEST:
        raise ActlasError(f"an adaptive study needs room for {FEWEST} seeds, got {most}")
    counts = sorted({max(FEWEST, math.ceil(most * k / looks)) for k in range(1, looks + 1)})
    times = [count / most for count in counts]
    strict = boundaries(times, level / comparisons, spending)
    plain = boundaries(times, level, spending)
    return tuple(
        Rule(count, one.nominal_p, other.nominal_p)
        for count, one, other in zip(counts, strict, plain, strict=True)
    )


def judge(differences: Numbers, rule: Rule, practical: float, floor: float) -> Verdict:
    """Return the verdict at one look, by Student's intervals; "undecided" asks for more seeds.

    Args:
        differences: of the seeds so far, more is better.
        rule: the look.
        practical: what is too small to matter, above 0.
        floor: what chance alone does, from the A/A arm.

    >>> judge([2.0, 2.2, 1.9, 2.1, 2.0], Rule(5, 0.01, 0.01), practical=0.5, floor=0.3).value
    'better'
    """
    within = tail_interval(differences, rule.equivalence_p)
    if -practical < within.low and within.high < practical:
        return Verdict.SAME
    interval = tail_interval(differences, rule.difference_p)
    if interval.low <= 0 <= interval.high or abs(interval.mean) <= floor:
        return Verdict.OPEN
    return Verdict.BETTER if interval.low > 0 else Verdict.WORSE


def sequential(
    differences: Numbers, twin: Numbers, plan: tuple[Rule, ...], practical: float
) -> Decision:
    """Return where a comparison would have stopped, had its seeds been added look by look.

    Args:
        differences: of all seeds, in the order in which they are run; more is better.
        twin: the differences of the A/A arm for the same seeds: the noise floor at each look.
        plan: from `rules`.
        practical: what is too small to matter, above 0.
    """
    values, chance = sample(differences, at_least=plan[-1].seeds), sample(twin)
    for rule in plan:
        seen = values[: rule.seeds]
        verdict = judge(seen, rule, practical, noise_floor(chance[: rule.seeds]))
        if verdict is not Verdict.OPEN or rule is plan[-1]:
            return Decision(verdict, rule.seeds, reported(seen, rule, verdict))
    raise AssertionError("a plan has a last look")


def reported(differences: Numbers, rule: Rule, verdict: Verdict) -> Interval:
    """Return the interval that a verdict at a look rests on."""
    same = verdict is Verdict.SAME
    return tail_interval(differences, rule.equivalence_p if same else rule.difference_p)
