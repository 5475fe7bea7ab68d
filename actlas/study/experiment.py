"""Running a plan: the learning-rate search, then the confirmation on fresh seeds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from actlas.catalogue import find
from actlas.errors import ActlasError
from actlas.study.arms import Arm
from actlas.study.command import check_scores
from actlas.study.fingerprint import fingerprint_of
from actlas.study.judging import looks
from actlas.study.networks import peer_version
from actlas.study.plan import Plan
from actlas.study.progress import Listener
from actlas.study.provenance import code_version
from actlas.study.runner import Runner, RunsFailedError
from actlas.study.settings import Setting
from actlas.study.statistics import Verdict, noise_floor
from actlas.study.statistics.adaptive import Rule, judge
from actlas.study.store import Store
from actlas.study.tasks import Task, task_file
from actlas.study.training import Phase, Recipe, Record, RunSpec
from actlas.study.tuning import (
    Tuning,
    first_settings,
    mean_scores,
    select,
    short_epochs,
    survivors,
    trained_in_full,
    widened,
)


@dataclass(frozen=True)
class Outcome:
    """All runs of a study, and what the search chose, by the arms' labels.

    `short_records` are the short runs of successive halving.
    """

    tunings: Mapping[str, Tuning]
    tuning_records: Mapping[str, tuple[Record, ...]]
    confirmations: Mapping[str, tuple[Record, ...]]
    short_records: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)

    @property
    def labelled(self) -> tuple[tuple[str, Record], ...]:
        """Every run, the search first, with the label of its arm."""
        phases = (self.short_records, self.tuning_records, self.confirmations)
        found = (
            (label, one) for phase in phases for label, group in phase.items() for one in group
        )
        return tuple({one.spec.key: (label, one) for label, one in found}.values())

    @property
    def records(self) -> tuple[Record, ...]:
        """Every run, the search first."""
        return tuple(record for _, record in self.labelled)


Records = dict[str, tuple[Record, ...]]
Settings = Mapping[str, Sequence[Setting]]


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
    folder: Path = Path()  # for what a program prints
    recorded: str | None = None  # the code that made the runs in the store: none is trained
    batched: str = "measured"  # whether runs of a function are trained as one model
    name: str = ""  # what to call it in messages

    @cached_property
    def _runner(self) -> Runner:
        return Runner(
            self.store, self.executor, self.data_root, self.folder, self.listener, self.batched
        )

    def run(self) -> Outcome:
        """Run what the store does not hold yet, and return everything.

        Raises:
            RunsFailedError: after all other runs, if some have failed.
        """
        outcome = self._search()
        check_scores(self.task, outcome.records, self.folder)
        outcome = replace(outcome, confirmations=self._confirm(outcome.tunings))
        self._runner.complain()
        return outcome

    def _search(self) -> Outcome:
        """Search until no function's best rate lies at the edge, or the budget ends."""
        tried, metric = first_settings(self.plan, self.task), self.task.metric
        while True:
            short_records = self._short_runs(tried)
            scores = {label: mean_scores(records) for label, records in short_records.items()}
            chosen: Settings = dict.fromkeys(self._labels, tried)
            if self._halves(tried):
                by_rate = {setting.learning_rate: setting for setting in tried}
                chosen = {
                    label: [by_rate[rate] for rate in survivors(short, metric)]
                    for label, short in scores.items()
                }
            records = self._run_phase(Phase.TUNING, chosen)
            tunings = {
                label: select(group, metric, scores.get(label)) for label, group in records.items()
            }
            wider = widened(tried, tunings.values(), self.plan)
            if wider == tried:
                return Outcome(tunings, records, {}, short_records)
            tried = wider

    def _halves(self, tried: Sequence[Setting]) -> bool:
        return trained_in_full(self.plan.search, len(tried)) < len(tried)

    def _short_runs(self, tried: Sequence[Setting]) -> Records:
        """Run all settings for a part of the epochs, where the search is by successive halving."""
        if not self._halves(tried):
            return {}
        settings = dict.fromkeys(self._labels, tried)
        return self._run_phase(Phase.TUNING, settings, 1, short_epochs(self.plan.trained_epochs))

    def _confirm(self, tunings: Mapping[str, Tuning]) -> Records:
        settings = {label: (tuning.setting,) for label, tuning in tunings.items()}
        reference, twin, *undecided = self.arms
        plan = looks(self.plan, len(undecided))
        if not plan:
            return self._run_phase(Phase.CONFIRMATION, settings)
        found: Records = {}
        for rule in plan:
            running = [arm.label for arm in (reference, twin, *undecided)]
            some = {label: settings[label] for label in running if label in settings}
            found |= self._run_phase(Phase.CONFIRMATION, some, rule.seeds)
            undecided = [arm for arm in undecided if self._is_open(arm, found, rule)]
            if not undecided:
                break
        return found

    def _is_open(self, arm: Arm, found: Records, rule: Rule) -> bool:
        """Return whether an arm needs more seeds; not if runs have failed that it needs."""
        labels = [one.label for one in (*self.arms[:2], arm)]
        if any(len(found.get(label, ())) < rule.seeds for label in labels):
            return False
        reference, twin, values = (
            np.array([record.test for record in found[label]], dtype=float) for label in labels
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
        settings: Settings,
        seeds: int | None = None,
        epochs: int | None = None,
    ) -> Records:
        """Return the runs of the arms that have all of theirs, trained where they were missing.

        Args:
            phase: search or confirmation.
            settings: what is run, by the labels of the arms that run.
            seeds: the first so many; all by default.
            epochs: fewer than the plan's.
        """
        specs = {
            arm.label: tuple(self._specs(arm, phase, settings[arm.label], seeds, epochs))
            for arm in self.arms
            if arm.label in settings
        }
        self._finish(phase, [spec for group in specs.values() for spec in group])
        return {
            label: tuple(self.store[spec.key] for spec in group)
            for label, group in specs.items()
            if not self._runner.missing(group)
        }

    def _finish(self, phase: Phase, specs: Sequence[RunSpec]) -> None:
        if self.recorded is None:
            self._runner.finish(phase, specs)
        elif missing := self._runner.missing(specs):
            raise ActlasError(
                f"{len(missing)} of {len(specs)} runs of the {phase} are missing in "
                f"{self.store.name}; `actlas study resume` trains them"
            )

    def _specs(
        self, arm: Arm, phase: Phase, settings: Iterable[Setting], count: int | None,
        epochs: int | None,
    ) -> Iterator[RunSpec]:  # fmt: skip
        plan = self.plan
        assert plan.optimizer is not None
        assert plan.batch_size is not None
        seeds = plan.seeds if phase is Phase.CONFIRMATION else plan.tuning_seeds
        code = self.recorded or code_of(plan, self.data_root, networks_of(self.arms, plan))
        shared = {name: getattr(plan, name) for name in ("network", *Recipe.__dataclass_fields__)}
        learns = _learns(arm)
        for setting in settings:
            own = {"shape_rate": setting.shape_rate} if learns else {}
            for seed in seeds[:count]:
                yield RunSpec(
                    task=plan.task,
                    activation=arm.name,
                    parameters=arm.parameters,
                    formula=arm.formula,
                    optimizer=plan.optimizer,
                    learning_rate=setting.learning_rate,
                    weight_decay=setting.weight_decay,
                    gradient_clip=plan.gradient_clip,
                    epochs=epochs or plan.trained_epochs,
                    batch_size=plan.batch_size,
                    phase=phase,
                    seed=seed,
                    twin=arm.twin,
                    code=code,
                    device=plan.device,
                    splits=plan.splits,
                    **{**shared, **own, **arm.brings},
                )


def _learns(arm: Arm) -> bool:
    """Return whether an arm may have parameters of its own: only they have a rate of their own."""
    return arm.is_network or find(arm.name).learns


def run_each(experiments: Iterable[Experiment]) -> list[Outcome]:
    """Return the outcomes of all experiments of a study.

    Raises:
        RunsFailedError: after the last one, if some runs of any of them have failed.
    """
    outcomes, problems = [], []
    for experiment in experiments:
        try:
            outcomes.append(experiment.run())
        except RunsFailedError as error:
            problems.append(f"{experiment.name}: {error}")
    if problems:
        raise RunsFailedError(" ".join(problems))
    return outcomes


def networks_of(arms: Iterable[Arm], plan: Plan) -> list[str | None]:
    """Return the networks of a part, each once; None is the task's own."""
    return list(dict.fromkeys(arm.network or plan.network for arm in arms))


def code_of(plan: Plan, data_root: Path | None, networks: Collection[str | None] = ()) -> str:
    """Return the hash of all code and data that decide what the runs of a plan give.

    Args:
        plan: of one part.
        data_root: the folder with the data sets.
        networks: those that arms bring.
    """
    named = {network or "" for network in (plan.network, *networks)}
    peers = "".join(sorted({peer_version(network) for network in named}))
    return code_version(task_file(plan.task), peers + fingerprint_of(plan.task, data_root))
