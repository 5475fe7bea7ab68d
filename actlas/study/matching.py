"""Widths that give a network the size of the reference's: "matched" where a number would stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from actlas.errors import ActlasError
from actlas.study.arms import Arm, called, make_arm, parse_network
from actlas.study.command import CommandTask, need_no_network
from actlas.study.networks import with_network
from actlas.study.plan import Plan
from actlas.study.sizes import size_of
from actlas.study.tasks import Data, Task, find_task, load_data

MATCHED = "matched"  # stands for a whole number in the options of a network
_MOST = 2**16  # wider than any network that is compared
_NEAR = 16  # a width that a network cannot have is passed over within so many


def matched_plan(plan: Plan, data_root: Path | None) -> Plan:
    """Return the plan with a number for every width that is to match the reference.

    The number is the one whose network trains as many numbers as the reference's, as nearly as
    whole widths allow.

    Args:
        plan: of one task where a width is "matched": another task asks for another number.
        data_root: the folder with the data sets.

    Raises:
        ActlasError: for several tasks, a reference to be matched, a task that is a command, or a
            network without a width near the size.
    """
    if is_open(make_arm(plan.reference)):
        raise ActlasError(f"the reference, {plan.reference}, is what others are matched to")
    arms = [make_arm(text) for text in plan.activations]
    if not any(map(is_open, arms)):
        return plan
    if isinstance(find_task(plan.tasks[0]), CommandTask):
        need_no_network(arms)
    if len(plan.tasks) > 1:
        raise ActlasError(
            f'"{MATCHED}" is a number for each task, and there are {len(plan.tasks)}: write the '
            "numbers, in a study for each"
        )
    numbers = _Numbers(plan.on(plan.tasks[0]), load_data(plan.task, data_root))
    texts = [
        numbers.text_of(arm) if is_open(arm) else text
        for text, arm in zip(plan.activations, arms, strict=True)
    ]
    return plan.model_copy(update={"activations": tuple(texts)})


def is_open(arm: Arm) -> bool:
    """Say whether the network of an arm waits for a number.

    >>> is_open(make_arm("maxout_mlp(hidden=('matched',))")), is_open(make_arm("relu"))
    (True, False)
    """
    return bool(filled(_options(arm), 0) != _options(arm))


def _options(arm: Arm) -> dict[str, Any]:
    return parse_network(arm.network or "")[1]


def filled(value: Any, number: int) -> Any:
    """Return a value with the number wherever "matched" stands.

    >>> filled({"hidden": ("matched", 32), "dropout": 0.1}, 40)
    {'hidden': (40, 32), 'dropout': 0.1}
    """
    if isinstance(value, Mapping):
        return {key: filled(one, number) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(filled(one, number) for one in value)
    return number if value == MATCHED else value


class _Numbers:
    """Counts what networks train on a task, and finds the number that comes nearest.

    Args:
        plan: of the task.
        data: the task's.
    """

    def __init__(self, plan: Plan, data: Data) -> None:
        self._task, self._data, self._network = find_task(plan.task), data, plan.network
        self._wanted = self._parameters(make_arm(plan.reference))

    def text_of(self, arm: Arm) -> str:
        """Return the text of an arm with its number; ActlasError if none comes near."""
        name = parse_network(arm.network or "")[0]

        def network(number: int) -> str:
            return called(name, filled(_options(arm), number))

        def count(number: int) -> int:
            return self._parameters(replace(arm, network=network(number)))

        place = network(nearest_width(count, self._wanted, arm.label))
        return place if arm.is_network else f"{arm.function} in {place}"

    def _parameters(self, arm: Arm) -> int:
        network, own = arm.network or self._network, arm.is_network
        task: Task = with_network(self._task, network, self._data, own=own)
        return size_of(arm, task, self._data).parameters


def nearest_width(count: Callable[[int], int], wanted: int, label: str) -> int:
    """Return the whole number, at least 1, at which `count` comes nearest to `wanted`.

    Args:
        count: grows with the number; ActlasError for a number that cannot be.
        wanted: what it should give, positive.
        label: of the arm, for the error where no number comes within a factor 2.

    >>> nearest_width(lambda width: 10 * width + 3, 68, "net")
    6
    """
    found: dict[int, int | None] = {}

    def tried(number: int) -> int | None:
        if number not in found:
            try:
                found[number] = count(number)
            except ActlasError:
                found[number] = None
        return found[number]

    def reaches(number: int) -> bool:
        """Return whether the next number that can be gives as much as is wanted."""
        near = (tried(number + step) for step in range(_NEAR))
        given = next((one for one in near if one is not None), None)
        return given is not None and given >= wanted

    low, high = 0, 1
    while not reaches(high) and high < _MOST:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    given = {number: one for number, one in found.items() if one is not None}
    best = min(given, key=lambda number: (abs(given[number] - wanted), number), default=None)
    if best is None or not wanted / 2 <= given[best] <= 2 * wanted:
        raise ActlasError(f"{label}: no number gives a network of {wanted:,} parameters")
    return best
