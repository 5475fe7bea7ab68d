"""How large the networks are: rule 5 of the protocol, in a table and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actlas.study.report.content import Sheet, name_of
from actlas.study.sizes import CLOSE, Size

if TYPE_CHECKING:
    from actlas.study.arms import Arm
    from actlas.study.result import Result, TaskResult

_COUNTED = (
    "Parameters are the numbers that are trained, those of functions included. Multiply-adds are "
    "those of one forward pass for one example, in matrix products, convolutions and attention; "
    "functions, normalisation, pooling and embeddings are not counted."
)
_CLOSE = f"{CLOSE} %"


def size(part: TaskResult) -> Sheet:
    """Return the size of every network; no rows where all are the same, or nothing was counted."""
    shown = part.sizes if _differ(part) else {}
    return Sheet(
        f"The size on {part.task.title}",
        sizes_in_words(part),
        ("function", "parameters", "× reference", "multiply-adds", "× reference"),
        tuple(_row(arm, part) for arm in part.arms if arm.label in shown),
    )


def _differ(part: TaskResult) -> bool:
    """Return whether there is more than one network, or more than one size."""
    return len(set(part.sizes.values())) > 1 or len({arm.network for arm in part.arms}) > 1


def _row(arm: Arm, part: TaskResult) -> tuple[str, ...]:
    own = part.sizes[arm.label]
    numbers = zip((own.parameters, own.multiply_adds), own.beside(_reference(part)), strict=True)
    cells = (cell for number, ratio in numbers for cell in (f"{number:,}", _times(ratio)))
    return (name_of(arm), *cells)


def _reference(part: TaskResult) -> Size:
    return part.sizes[part.arms[0].label]


def _times(ratio: float) -> str:
    """Return a ratio; four digits where two would hide that it is not 1."""
    return f"{ratio:.2f}" if ratio == 1 or abs(ratio - 1) >= 0.005 else f"{ratio:.4f}"


def sizes_in_words(part: TaskResult) -> str:
    """Return whether the networks are of one size, and what was counted."""
    if not part.sizes:
        return ""
    if not _differ(part):
        one = _reference(part)
        return (
            f"All networks are equal: {one.parameters:,} parameters and {one.multiply_adds:,} "
            "multiply-adds."
        )
    return f"{_matched(part)} {_COUNTED}"


def _matched(part: TaskResult) -> str:
    others = [arm for arm in part.arms[2:] if not part.sizes[arm.label].matches(_reference(part))]
    if not others:
        return (
            f"All networks are matched: none differs from that of {part.arms[0].title} by more "
            f"than {_CLOSE} in either number."
        )
    names = ", ".join(arm.title for arm in others)
    return f"Not matched to {part.arms[0].title} within {_CLOSE}: {names}."


def other_sizes(part: TaskResult, result: Result) -> list[str]:
    """Return a sentence for every arm of another size than the reference's, on a part's task."""
    where = "" if len(result.plan.tasks) == 1 else f" on {part.plan.task}"
    return [
        f"{arm.title} has {_beside(arm, part)} of {part.arms[0].title}{where}: its difference is "
        "that of function and size together."
        for arm in part.arms[2:]
        if part.sizes and not part.sizes[arm.label].matches(_reference(part))
    ]


def _beside(arm: Arm, part: TaskResult) -> str:
    parameters, multiply_adds = part.sizes[arm.label].beside(_reference(part))
    return f"{_times(parameters)} × the parameters and {_times(multiply_adds)} × the multiply-adds"
