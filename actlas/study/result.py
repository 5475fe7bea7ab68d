"""What a study gives: a result for each of its tasks, and what holds over them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from actlas.errors import ActlasError
from actlas.study.across import Across, compare_tasks
from actlas.study.aggregates import Aggregate, aggregates
from actlas.study.analysis import Analysis, Row
from actlas.study.arms import Arm
from actlas.study.experiment import Outcome
from actlas.study.plan import Plan
from actlas.study.statistics import Verdict
from actlas.study.tasks import Task
from actlas.study.training import Record


@dataclass(frozen=True)
class TaskResult:
    """A study on one task: its plan with all values filled in, its runs, and what they say."""

    plan: Plan
    task: Task
    arms: tuple[Arm, ...]
    analysis: Analysis
    outcome: Outcome

    @property
    def table(self) -> tuple[Row, ...]:
        """One row per arm: the reference, the A/A row, then the others as given."""
        return self.analysis.rows

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """The verdict on every function but the reference, by its name."""
        return {row.arm.label: row.verdict for row in self.table if row.verdict is not None}

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        return self.analysis.headline

    @property
    def records(self) -> tuple[Record, ...]:
        """Every run, the learning-rate search first."""
        return self.outcome.records


@dataclass(frozen=True)
class Result:
    """A finished study: the plan with all values filled in, a part for each task, every raw run.

    With one task its table, analysis and outcome can be asked of the result itself. `across` says
    what holds over several tasks, and is None where there is one. `changes` are the numbers of
    finished runs at which the plan was changed: none is best.
    """

    plan: Plan
    parts: tuple[TaskResult, ...]
    across: Across | None
    report_path: Path
    changes: tuple[int, ...] = ()

    @property
    def only(self) -> TaskResult:
        """The result of the only task; ActlasError if there are several."""
        if len(self.parts) > 1:
            raise ActlasError(
                f"the study has {len(self.parts)} tasks ({', '.join(self.plan.tasks)}); take one "
                f'of result.parts, or result.on("{self.plan.tasks[0]}")'
            )
        return self.parts[0]

    def on(self, task: str) -> TaskResult:
        """Return the result of one task, by its name in the plan."""
        if task not in self.plan.tasks:
            raise ActlasError(f"no task {task!r} here; there are: {', '.join(self.plan.tasks)}")
        return self.parts[self.plan.tasks.index(task)]

    @property
    def task(self) -> Task:
        """The only task."""
        return self.only.task

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The reference, its A/A arm, then the others: the same on every task."""
        return self.parts[0].arms

    @property
    def analysis(self) -> Analysis:
        """The table and the noise floor of the only task."""
        return self.only.analysis

    @property
    def outcome(self) -> Outcome:
        """The runs of the only task, by function."""
        return self.only.outcome

    @property
    def table(self) -> tuple[Row, ...]:
        """The rows of the only task."""
        return self.only.table

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """The verdict on every function but the reference: over all tasks where there are some."""
        if self.across is None:
            return self.only.verdicts
        lines = self.across.lines
        return {line.arm.label: line.verdict for line in lines if line.verdict is not None}

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        return self.only.headline if self.across is None else self.across.headline

    @cached_property
    def aggregates(self) -> tuple[Aggregate, ...]:
        """What all runs of all tasks say of every arm; exploratory. Computed on first use."""
        return aggregates(self.parts)

    @property
    def records(self) -> tuple[Record, ...]:
        """Every run, task by task, the learning-rate search first."""
        return tuple(record for part in self.parts for record in part.records)


def make_result(
    plan: Plan, parts: tuple[TaskResult, ...], report_path: Path, changes: tuple[int, ...]
) -> Result:
    """Return the result of a study from those of its tasks.

    Args:
        plan: with the values of all tasks filled in.
        parts: one for each task, in the order of the plan.
        report_path: where the report goes.
        changes: how many runs were finished at each change of the plan.
    """
    across = compare_tasks(parts) if len(parts) > 1 else None
    return Result(plan, parts, across, report_path, changes)
