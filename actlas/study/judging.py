"""How a study judges a paired difference: with all its seeds at once, or look by look."""

from __future__ import annotations

import math

from actlas.study import statistics
from actlas.study.plan import Plan
from actlas.study.statistics import Interval, Numbers, Verdict
from actlas.study.statistics.adaptive import Rule, judge, reported, rules


def looks(plan: Plan, comparisons: int) -> tuple[Rule, ...]:
    """Return the looks at an adaptive study; none for a fixed one.

    Args:
        plan: its seeds are the most that are run.
        comparisons: functions that are compared with the reference.
    """
    return rules(len(plan.seeds), comparisons) if plan.design == "adaptive" else ()


def _look_of(values: Numbers, plan: Plan, comparisons: int) -> Rule | None:
    """Return the look at which an arm of an adaptive study was stopped."""
    found = [rule for rule in looks(plan, comparisons) if rule.seeds == len(values)]
    return found[0] if found else None


def interval(values: Numbers, plan: Plan, comparisons: int) -> Interval:
    """Return the interval of a difference: of 95 %, or one that holds over all looks."""
    rule = _look_of(values, plan, comparisons)
    if rule is None:
        return statistics.mean_interval(values)
    return reported(values, rule, judge(values, rule, plan.practical_difference or 0.0, math.inf))


def verdict(
    values: Numbers, twin: Numbers, plan: Plan, comparisons: int, p_holm: float
) -> tuple[Verdict, str]:
    """Return the verdict on a difference, with the reason in words.

    Args:
        values: the paired differences, more is better; of fewer seeds where an arm was stopped.
        twin: those of the A/A arm, of at least as many seeds.
        plan: gives the design and what is too small to matter.
        comparisons: functions that are compared with the reference.
        p_holm: the corrected p-value; a fixed design only.
    """
    practical = plan.practical_difference or 0.0
    rule = _look_of(values, plan, comparisons)
    if rule is not None:
        found = judge(values, rule, practical, statistics.noise_floor(twin[: rule.seeds]))
        return found, f"the look at {rule.seeds} seeds, strict enough for all looks together"
    return statistics.decide(
        statistics.mean_interval(values),
        p_holm,
        practical=practical,
        floor=statistics.noise_floor(twin),
        seeds=len(plan.seeds),
        needed=statistics.seeds_needed(comparisons),
    )
