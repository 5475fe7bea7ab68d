"""What the functions cost in numbers: time, memory, speed of learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from actlas.study.costs import costs
from actlas.study.report.content import NONE, Sheet, figures_of, name_of
from actlas.study.report.size_sheet import size, sizes_in_words
from actlas.study.targets import Speed, speeds, target_of

if TYPE_CHECKING:
    from actlas.study.result import TaskResult


def cost(part: TaskResult) -> Sheet:
    """Return time, memory and speed of learning."""
    rows = []
    figures, calibrated = figures_of(part), _calibrated(part)
    for found, speed, row in zip(costs(part), speeds(part), part.table, strict=True):
        best = [record.best_epoch + 1 for record in part.outcome.confirmations[row.arm.label]]
        rows.append(
            (name_of(row.arm), _number(found.milliseconds, ".3g"), _number(found.ratio, ".2f"),
             _number(found.kept, "g"), _number(found.kept_least, "g"), *_speed(speed),
             f"{np.median(best):g}", NONE if found.area is None else figures.score(found.area),
             _number(found.loss, ".3g"),
             *((_number(found.calibration, ".1f"),) if calibrated else ()))
        )  # fmt: skip
    return Sheet(
        f"The cost on {part.task.title}",
        "Exploratory: no verdict rests on these. Time of a training step, on the machine below, "
        "also in units of the reference (seed by seed, median; the A/A row shows "
        "how exact that is); bytes kept for backward for each value beyond the output, and with "
        f'save="output"; then how fast it learns. {terms_in_words(part)} '
        f"{'' if size(part).rows else sizes_in_words(part)}".strip(),
        ("function", "ms per step", "× reference", "bytes kept", 'with save="output"',
         "epochs to target", "seconds to target", "best epoch", "validation, mean over epochs",
         "last training loss", *(("calibration error",) if calibrated else ())),
        tuple(rows),
    )  # fmt: skip


_CALIBRATION = (
    "The calibration error is the mean gap between confidence and accuracy on the test set, in "
    "points, over 15 bins (Guo et al., 2017)."
)


def terms_in_words(part: TaskResult) -> str:
    """Return what the columns mean that need more than a heading."""
    return f"{target_in_words(part)} {_CALIBRATION * _calibrated(part)}".strip()


def _calibrated(part: TaskResult) -> bool:
    runs = part.outcome.confirmations.values()
    return any(record.calibration is not None for group in runs for record in group)


def target_in_words(part: TaskResult) -> str:
    """Return what the target is and how it is counted; nothing where there is none."""
    target, metric = target_of(part), part.task.metric
    if target is None:
        return ""
    return (
        f"The target is {figures_of(part).score(target)} {metric.unit} on the validation set, by a "
        f"rule fixed beforehand: {part.arms[0].title}'s median best validation score, less one "
        "practical difference. Median over the runs of the first epoch that reaches it, and of "
        "that epoch times the run's own seconds per epoch; a run that never does, or diverges, "
        "counts as later than any other. Seconds are those of runs that were trained as the "
        "reference's run of their seed was: alone, or as one model of as many."
    )


def _speed(found: Speed | None) -> tuple[str, str]:
    """Return the epochs and the seconds to the target, with how many runs never reach it."""
    if found is None:
        return NONE, NONE
    never = f"{found.never} of {found.runs} never"
    seconds = _number(found.seconds, ".3g")
    if found.epochs is None:
        return never, seconds
    return f"{found.epochs:g}" + f" ({never})" * (found.never > 0), seconds


def _number(value: float | None, form: str) -> str:
    return NONE if value is None else format(value, form)
