"""Running a plan: the learning-rate search, then the confirmation on fresh seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from actlas.study.arms import Arm
from actlas.study.executor import run_all
from actlas.study.plan import Plan
from actlas.study.progress import Listener, Progress
from actlas.study.provenance import code_version
from actlas.study.store import Store
from actlas.study.tasks import Task, task_file
from actlas.study.training import Phase, Record, RunSpec
from actlas.study.tuning import Tuning, first_grid, select, widened


@dataclass(frozen=True)
class Outcome:
    """All runs of a study, and what the search chose, by the arms' labels."""

    tunings: Mapping[str, Tuning]
    tuning_records: Mapping[str, tuple[Record, ...]]
    confirmations: Mapping[str, tuple[Record, ...]]

    @property
    def records(self) -> tuple[Record, ...]:
        """Every run, the search first."""
        groups = (*self.tuning_records.values(), *self.confirmations.values())
        return tuple(record for group in groups for record in group)


@dataclass(frozen=True)
class Experiment:
    """A plan on its way: its task and arms, where finished runs go, and who is told."""

    plan: Plan
    task: Task
    arms: Sequence[Arm]
    store: Store
    executor: Executor | None
    data_root: Path | None
    listener: Listener | None

    def run(self) -> Outcome:
        """Run what the store does not hold yet, and return everything."""
        tuning_records = self._search()
        tunings = {
            label: select(records, self.task.metric) for label, records in tuning_records.items()
        }
        return Outcome(tunings, tuning_records, self._confirm(tunings))

    def _search(self) -> dict[str, tuple[Record, ...]]:
        grid = first_grid(self.plan, self.task)
        while True:
            records = self._run_phase(Phase.TUNING, dict.fromkeys(self._labels, grid))
            tunings = [select(group, self.task.metric) for group in records.values()]
            wider = widened(grid, tunings, self.plan.budget)
            if wider == grid:
                return records
            grid = wider

    def _confirm(self, tunings: Mapping[str, Tuning]) -> dict[str, tuple[Record, ...]]:
        rates = {label: (tuning.learning_rate,) for label, tuning in tunings.items()}
        return self._run_phase(Phase.CONFIRMATION, rates)

    @property
    def _labels(self) -> list[str]:
        return [arm.label for arm in self.arms]

    def _run_phase(
        self, phase: Phase, rates: Mapping[str, Sequence[float]]
    ) -> dict[str, tuple[Record, ...]]:
        specs = {arm.label: tuple(self._specs(arm, phase, rates[arm.label])) for arm in self.arms}
        self._finish(phase, [spec for group in specs.values() for spec in group])
        return {
            label: tuple(self.store[spec.key] for spec in group) for label, group in specs.items()
        }

    def _finish(self, phase: Phase, specs: Sequence[RunSpec]) -> None:
        """Train what is missing; every finished run is stored before the next one is awaited."""
        missing = [spec for spec in specs if spec.key not in self.store]
        reused = done = len(specs) - len(missing)
        self._tell(Progress(phase, done, len(specs), reused))
        for record in run_all(_interleaved(missing), self.executor, self.data_root):
            self.store.add(record)
            done += 1
            self._tell(Progress(phase, done, len(specs), reused, record))

    def _tell(self, event: Progress) -> None:
        if self.listener is not None:
            self.listener(event)

    def _specs(self, arm: Arm, phase: Phase, rates: Iterable[float]) -> Iterator[RunSpec]:
        plan = self.plan
        assert plan.epochs is not None
        assert plan.batch_size is not None
        assert plan.weight_decay is not None
        for rate in rates:
            for seed in plan.seeds if phase is Phase.CONFIRMATION else plan.tuning_seeds:
                yield RunSpec(
                    task=plan.task,
                    activation=arm.name,
                    parameters=arm.parameters,
                    formula=arm.formula,
                    optimizer=plan.optimizer,
                    learning_rate=rate,
                    weight_decay=plan.weight_decay,
                    gradient_clip=plan.gradient_clip,
                    epochs=plan.epochs,
                    batch_size=plan.batch_size,
                    phase=phase,
                    seed=seed,
                    twin=arm.twin,
                    code=code_version(task_file(plan.task)),
                )


def _interleaved(specs: Sequence[RunSpec]) -> list[RunSpec]:
    """Order by seed, so that a study that is stopped early has something of every function."""
    return sorted(specs, key=lambda spec: spec.seed)
