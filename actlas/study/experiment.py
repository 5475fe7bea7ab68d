"""Running a plan: the learning-rate search, then the confirmation on fresh seeds."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from actlas.errors import ActlasError
from actlas.study.arms import Arm
from actlas.study.executor import run_all
from actlas.study.judging import looks
from actlas.study.networks import peer_version
from actlas.study.plan import Plan
from actlas.study.progress import Listener, Progress
from actlas.study.provenance import code_version
from actlas.study.statistics import Verdict, noise_floor
from actlas.study.statistics.adaptive import Rule, judge
from actlas.study.store import Store
from actlas.study.tasks import Task, task_file
from actlas.study.training import Phase, Record, RunSpec
from actlas.study.tuning import Tuning, first_grid, select, widened

_LOOK_AGAIN = 0.25  # seconds between two looks at what another runner is training


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
    recorded: str | None = None  # the code that made the runs in the store: none is trained

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
        reference, twin, *undecided = self.arms
        plan = looks(self.plan, len(undecided))
        found: dict[str, tuple[Record, ...]] = {}
        for rule in plan:
            running = [reference, twin, *undecided]
            found |= self._run_phase(Phase.CONFIRMATION, rates, running, rule.seeds)
            undecided = [arm for arm in undecided if self._is_open(arm, found, rule)]
            if not undecided:
                return found
        return found or self._run_phase(Phase.CONFIRMATION, rates)

    def _is_open(self, arm: Arm, found: Mapping[str, tuple[Record, ...]], rule: Rule) -> bool:
        reference, twin, values = (
            np.array([record.test for record in found[one.label]], dtype=float)
            for one in (*self.arms[:2], arm)
        )
        sign = self.task.metric.sign
        floor = noise_floor(sign * (twin - reference))
        practical = self.plan.practical_difference or 0.0
        return judge(sign * (values - reference), rule, practical, floor) is Verdict.OPEN

    @property
    def _labels(self) -> list[str]:
        return [arm.label for arm in self.arms]

    def _run_phase(
        self,
        phase: Phase,
        rates: Mapping[str, Sequence[float]],
        arms: Sequence[Arm] | None = None,
        seeds: int | None = None,
    ) -> dict[str, tuple[Record, ...]]:
        """Run a phase: for all arms and seeds, or for some arms and the first seeds."""
        specs = {
            arm.label: tuple(self._specs(arm, phase, rates[arm.label], seeds))
            for arm in (self.arms if arms is None else arms)
        }
        self._finish(phase, [spec for group in specs.values() for spec in group])
        return {
            label: tuple(self.store[spec.key] for spec in group) for label, group in specs.items()
        }

    def _finish(self, phase: Phase, specs: Sequence[RunSpec]) -> None:
        """Train what is missing, and wait for what another runner of the study is training."""
        missing = self._missing(_interleaved(specs))
        if missing and self.recorded is not None:
            raise ActlasError(
                f"{len(missing)} of {len(specs)} runs of the {phase} are missing in "
                f"{self.store.path}; `actlas study resume` trains them"
            )
        reused = len(specs) - len(missing)
        self._tell(Progress(phase, reused, len(specs), reused))
        while missing:
            done = len(specs) - len(missing)
            claimed = self.store.claims(missing)
            for record in run_all(claimed, self.executor, self.data_root):
                self.store.add(record)
                done += 1
                self._tell(Progress(phase, done, len(specs), reused, record))
            missing = self._missing(missing)
            if missing:
                time.sleep(_LOOK_AGAIN)

    def _missing(self, specs: Sequence[RunSpec]) -> list[RunSpec]:
        return [spec for spec in specs if spec.key not in self.store]

    def _tell(self, event: Progress) -> None:
        if self.listener is not None:
            self.listener(event)

    def _specs(
        self, arm: Arm, phase: Phase, rates: Iterable[float], seeds: int | None
    ) -> Iterator[RunSpec]:
        plan = self.plan
        assert plan.epochs is not None
        assert plan.batch_size is not None
        assert plan.weight_decay is not None
        for rate in rates:
            for seed in (plan.seeds if phase is Phase.CONFIRMATION else plan.tuning_seeds)[:seeds]:
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
                    network=plan.network,
                    code=self.recorded or code_of(plan),
                )


def code_of(plan: Plan) -> str:
    """Return the hash of all code that decides what the runs of a plan give."""
    return code_version(task_file(plan.task), peer_version(plan.network or ""))


def _interleaved(specs: Sequence[RunSpec]) -> list[RunSpec]:
    """Order by seed, so that a study that is stopped early has something of every function."""
    return sorted(specs, key=lambda spec: spec.seed)
