"""What a study gives: a result for each of its tasks, and what holds over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from actlas.errors import ActlasError
from actlas.study.across import Across, compare_tasks
from actlas.study.aggregates import Aggregate, aggregates
from actlas.study.analysis import Analysis, Row, analyse
from actlas.study.arms import Arm
from actlas.study.experiment import Outcome
from actlas.study.interaction import Interaction, compare_recipes
from actlas.study.plan import Plan
from actlas.study.recipes import Part
from actlas.study.sizes import Size
from actlas.study.statistics import Verdict
from actlas.study.tasks import Task
from actlas.study.training import Record


@dataclass(frozen=True)
class TaskResult:
    """A study on one task: its plan with all values filled in, its runs, and what they say.

    Where the study runs the task under several recipes, this is one of them; `part` says which.
    """

    plan: Plan
    task: Task
    arms: tuple[Arm, ...]
    analysis: Analysis
    outcome: Outcome
    part: Part
    sizes: Mapping[str, Size] = field(default_factory=dict)  # by the arms' labels, where counted

    @property
    def name(self) -> str:
        """The name in the plan, with the recipe where there are several: "digits@adamw"."""
        return self.part.name

    @property
    def label(self) -> str:
        """The same with the task's own name in place of the plan's, for tables."""
        return self.part.beside(self.task.name)

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

    With one part its table, analysis and outcome can be asked of the result itself. A task that is
    run under several recipes has a part for each. `across` says what holds over several tasks, and
    is None where there is one; `interaction` what the recipe changes, None where there is one
    recipe. `changes` are the numbers of finished runs at which the plan was changed: none is best.
    """

    plan: Plan
    parts: tuple[TaskResult, ...]
    across: Across | None
    interaction: Interaction | None
    report_path: Path
    changes: tuple[int, ...] = ()

    @property
    def only(self) -> TaskResult:
        """The result of the only part; ActlasError if there are several."""
        if len(self.parts) > 1:
            kind = "tasks" if self.interaction is None else "parts"
            raise ActlasError(
                f"the study has {len(self.parts)} {kind} ({', '.join(self.names)}); take one "
                f'of result.parts, or result.on("{self.names[0]}")'
            )
        return self.parts[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parts: those of the tasks, with the recipe where there are several."""
        return tuple(part.name for part in self.parts)

    def on(self, task: str) -> TaskResult:
        """Return the result of one task by its name in the plan, or of a part: "digits@adamw"."""
        if task not in self.names:
            raise ActlasError(f"no task {task!r} here; there are: {', '.join(self.names)}")
        return self.parts[self.names.index(task)]

    @property
    def rows(self) -> tuple[tuple[Row, ...], ...]:
        """The rows of every arm, one for each part."""
        return tuple(zip(*(part.table for part in self.parts), strict=True))

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
        """The verdict on every function but the reference: over all tasks where there are some.

        On one task under several recipes it is the verdict that all of them give, else undecided.
        """
        if self.across is not None:
            lines = self.across.lines
            return {line.arm.label: line.verdict for line in lines if line.verdict is not None}
        return self.only.verdicts if self.interaction is None else dict(self.interaction.verdicts)

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        joint = self.across or self.interaction
        return self.only.headline if joint is None else joint.headline

    @cached_property
    def aggregates(self) -> tuple[Aggregate, ...]:
        """What all runs of all tasks say of every arm; exploratory. Computed on first use."""
        return aggregates(self.parts)

    @property
    def records(self) -> tuple[Record, ...]:
        """Every run, part by part, the learning-rate search first."""
        return tuple(record for part in self.parts for record in part.records)


def part_result(
    part: Part, plan: Plan, task: Task, arms: tuple[Arm, ...], outcome: Outcome,
    sizes: Mapping[str, Size] | None = None,
) -> TaskResult:  # fmt: skip
    """Return what the runs of a part say.

    Args:
        part: the task and its recipe.
        plan: with all values filled in.
        task: with the network wanted; the result's title names the recipe, too.
        arms: the reference, its A/A arm, then the others.
        outcome: the runs.
        sizes: of the arms' networks, by the arms' labels.
    """
    task = part.titled(task)
    return TaskResult(plan, task, arms, analyse(plan, task, arms, outcome), outcome, part,
                      sizes or {})  # fmt: skip


def make_result(
    plan: Plan, parts: tuple[TaskResult, ...], report_path: Path, changes: tuple[int, ...]
) -> Result:
    """Return the result of a study from those of its parts.

    Args:
        plan: with the values of all parts filled in.
        parts: one for each task and recipe, in the order of the plan.
        report_path: where the report goes.
        changes: how many runs were finished at each change of the plan.
    """
    across = compare_tasks(parts) if len(plan.tasks) > 1 else None
    return Result(plan, parts, across, compare_recipes(parts), report_path, changes)
