"""The search in numbers: every score, what was chosen, and the basin of learning rates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from actlas.study import statistics
from actlas.study.analysis import Row
from actlas.study.report.content import NONE, Sheet, figures_of, name_of
from actlas.study.result import TaskResult
from actlas.study.settings import Setting, said
from actlas.study.statistics import Basin
from actlas.study.training import Phase
from actlas.study.tuning import Tuning
from actlas.study.wording import Figures


def basin_of(row: Row, part: TaskResult) -> Basin:
    """Return the learning rates whose validation score lies within 1 % of the best.

    Where short runs have tried all rates, theirs count: the others were trained for a few rates. Of
    a joint search they are the rates between which some point is as good: others had another decay.
    """
    scores, better = searched(row.tuning), part.task.metric.higher_is_better
    if part.plan.search == "joint":
        scores = statistics.envelope(scores, higher_is_better=better)
    return statistics.basin(scores, higher_is_better=better)


def basin_in_words(found: Basin) -> str:
    """Return how wide a basin is, in powers of ten; "at least" where the grid ends before it.

    >>> basin_in_words(Basin(0.01, 0.1, open_low=False, open_high=True))
    'at least 1.0 decades'
    """
    return "at least " * (found.open_low or found.open_high) + f"{found.decades:.1f} decades"


def tuning(part: TaskResult) -> Sheet:
    """Return the search: every score, the best, the mean, and the basin."""
    return _points(part) if part.plan.search == "joint" else _grid(part)


def _grid(part: TaskResult) -> Sheet:
    """Return a row for every function."""
    figures, rates = figures_of(part), rates_of(part)
    rows = [(name_of(row.arm), *(_score(row.tuning, rate, figures) for rate in rates),
             f"{row.tuning.learning_rate:g}", _mean(row.tuning, figures), _basin_cell(row, part))
            for row in part.table]  # fmt: skip
    return Sheet(
        f"The search on {part.task.title}",
        f"Validation {part.task.metric.name} for every learning rate, {_seeds(part)}; the mean "
        "over the grid punishes a function that needs the right rate; the basin holds the rates "
        "within 1 % of the best score.",
        ("function", *(f"{rate:g}" for rate in rates), "chosen", "mean over the grid", "basin"),
        tuple(rows),
    )


def _points(part: TaskResult) -> Sheet:
    """Return a row for every point of a joint search, then what they come to."""
    figures, points = figures_of(part), points_of(part)
    rows = [
        (f"{rate:g}", f"{point.weight_decay:g}", f"{point.shape_rate:g}",
         *(_score(row.tuning, rate, figures) for row in part.table))
        for rate, point in points.items()
    ]  # fmt: skip
    ends = {
        "chosen": [said(row.tuning.setting, part.plan) for row in part.table],
        "mean": [_mean(row.tuning, figures) for row in part.table],
        "basin": [_basin_cell(row, part) for row in part.table],
    }
    return Sheet(
        f"The search on {part.task.title}",
        f"Validation {part.task.metric.name} at every point of a quasi-random sequence, "
        f"{_seeds(part)}. The shape rate is for functions with parameters of their own; the mean "
        "over the points punishes a function that needs the right ones; the basin holds the rates "
        "between which some point is within 1 % of the best score.",
        ("rate", "decay", "shape rate", *(name_of(row.arm) for row in part.table)),
        (*rows, *((name, "", "", *cells) for name, cells in ends.items())),
    )


def rates_of(part: TaskResult) -> list[float]:
    """Return every learning rate that was tried for some arm."""
    return sorted({rate for row in part.table for rate in (*row.tuning.short, *row.tuning.scores)})


def points_of(part: TaskResult) -> dict[float, Setting]:
    """Return the points of the search by their rates, as functions that learn have met them."""
    found: dict[float, Setting] = {}
    tried = [Setting.of(one.spec) for one in part.records if one.spec.phase is Phase.TUNING]
    for point in sorted(tried, key=lambda point: point.shape_rate != part.plan.shape_rate):
        found[point.learning_rate] = point
    return dict(sorted(found.items()))


def searched(found: Tuning) -> Mapping[float, float]:
    """Return the scores of all rates in runs of one length: the short ones where there are some."""
    return found.short or found.scores


def _seeds(part: TaskResult) -> str:
    short = any(row.tuning.short for row in part.table)
    return f"mean over {len(part.plan.tuning_seeds)} seeds{', of short runs in brackets' * short}"


def _score(found: Tuning, rate: float, figures: Figures) -> str:
    """Return the score of the full runs, then that of the short ones in brackets."""
    full = [figures.score(found.scores[rate])] if rate in found.scores else []
    short = [f"({figures.score(found.short[rate])})"] if rate in found.short else []
    return " ".join([*full, *short]) or NONE


def _mean(found: Tuning, figures: Figures) -> str:
    return figures.score(float(np.mean(list(searched(found).values()))))


def _basin_cell(row: Row, part: TaskResult) -> str:
    found = basin_of(row, part)
    return f"{found.low:.2g} to {found.high:.2g} ({basin_in_words(found)})"
