"""All runs of all tasks together: the table, and the profiles as small multiples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actlas.study.aggregates import Aggregate
from actlas.study.report.charts import Frame, panel
from actlas.study.report.content import NONE, Sheet, name_of
from actlas.study.report.markup import Markup, join
from actlas.study.report.panels import grid_of
from actlas.study.report.tables import plain
from actlas.study.statistics import Interval, performance_profile
from actlas.study.wording import Figures

if TYPE_CHECKING:
    from actlas.study.result import Result

AXIS = "score, in practical differences"
_LEVELS = (-1.0, 0.0, 1.0)  # practical differences at which the profile is told in numbers
_FIGURES = Figures(1.0)


def all_runs(result: Result) -> Sheet:
    """Return the interquartile mean, the chance of improvement, and the profile in numbers."""
    reference = result.arms[0].title
    rows = [(name_of(one.arm), _FIGURES.change(one.middle.mean),
             _FIGURES.change_span(one.middle), *_improvement(one.improvement), *_shares(one))
            for one in result.aggregates]  # fmt: skip
    return Sheet(
        "All runs together",
        "Exploratory: no verdict rests on these. Every run of every task, counted in the task's "
        f"practical difference from {reference}'s mean there (0 = that mean, +1 = one practical "
        "difference better). The mean of the middle half of the runs (interquartile mean); the "
        f"chance that a run beats one of {reference}, ties counting half, seeds not paired; and "
        "the share of runs above three thresholds. Tasks weigh the same; intervals: stratified "
        "bootstrap, 95 %, of these tasks only, too narrow with few seeds.",
        ("function", "interquartile mean", "interval", f"beats {reference}", "interval of that",
         *(f"above {level:+g}" if level else "above 0" for level in _LEVELS)),
        tuple(rows),
    )  # fmt: skip


def _improvement(found: Interval | None) -> tuple[str, str]:
    if found is None:
        return NONE, NONE
    return _percent(found.mean), f"{100 * found.low:.0f} to {_percent(found.high)}"


def _shares(one: Aggregate) -> tuple[str, ...]:
    return tuple(_percent(float(share)) for share in performance_profile(one.scores, _LEVELS))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def profiles(result: Result) -> Markup:
    """Return the table and a panel for each arm: the share of its runs above each threshold.

    Nothing for a study of one task, whose own sections say it all.
    """
    if result.across is None:
        return join()
    shown = result.aggregates
    first = shown[0].profile
    frame = Frame.of((first.thresholds[0], first.thresholds[-1]), (-3.0, 103.0))

    def draw(one: Aggregate) -> Markup:
        x, own = one.profile.thresholds, one.profile
        marks = (
            frame.span(-1.0, 1.0, "rope"),
            frame.line([0.0, 0.0], [-3.0, 103.0], "zero"),
            frame.line(x, 100 * first.shares, "reference"),
            frame.band(x, 100 * own.low, 100 * own.high),
            frame.line(x, 100 * own.shares, "main"),
        )
        return panel(frame, *marks, label=f"{one.arm.label}: performance profile", x_label=AXIS)

    def note(one: Aggregate) -> str:
        if one.improvement is None:
            return "the reference"
        return f"beats {result.arms[0].title} in {_percent(one.improvement.mean)}"

    return join(plain(all_runs(result)), grid_of(shown, draw, note))
