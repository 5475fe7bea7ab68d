"""Runs that fail and workers that die cost what they had in hand, and the study says so."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from pathlib import Path
from typing import Any

import pytest

from actlas.errors import ActlasError
from actlas.study import Progress, compare, executor, make_plan, processes, run_plan, units
from actlas.study.executor import run_all
from actlas.study.processes import Processes
from actlas.study.runner import Runner, RunsFailedError, failures_in
from actlas.study.scheduling import Scheduler
from actlas.study.store import Store
from actlas.study.training import Phase, Record, RunSpec
from actlas.study.training.ways import Way
from actlas.study.units import Failure, Note, Unit, cells, run_unit

MakeSpec = Callable[..., RunSpec]
HERE = Path()


def record(spec: RunSpec) -> Record:
    test = None if spec.phase is Phase.TUNING else 90.0
    machine = dict.fromkeys(("processor", "cores", "system", "python", "torch", "numpy"), "none")
    return Record(spec, 90.0, test, 0, (90.0,), (1.0,), False, 1.0, {}, 0.1, machine)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[RunSpec]:
    """Give every run a record instead of training it; seed 13 fails. The runs are listed."""
    found: list[RunSpec] = []

    def train(spec: RunSpec, *_: Any) -> Record:
        found.append(spec)
        if spec.seed == 13:
            raise RuntimeError("no more\npaper")
        return record(spec)

    monkeypatch.setattr(units, "train", train)
    return found


class Mortal(Executor):
    """Runs everything at once in this process; its worker dies of the runs it is told to."""

    def __init__(self, deaths: dict[int, int], workers: int = 2) -> None:
        self._max_workers = workers
        self._deaths = deaths
        self.given: list[Unit] = []

    def submit(self, task: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        unit = args[0]
        self.given.append(unit)
        deadly = [spec.seed for spec in unit.specs if self._deaths.get(spec.seed, 0)]
        for seed in deadly:
            self._deaths[seed] -= 1
        if deadly:
            future.set_exception(BrokenExecutor("killed by signal 9"))
        else:
            future.set_result(task(*args, **kwargs))
        return future


def seeds_of(results: list[Any], kind: type) -> list[int]:
    return sorted(result.spec.seed for result in results if isinstance(result, kind))


def test_one_failure_loses_no_other_run(trained: list[RunSpec], make_spec: MakeSpec) -> None:
    work = [Unit((make_spec(seed=seed),)) for seed in (0, 13, 2, 3)]
    for pool in (None, Mortal({})):
        found = list(run_all(work, pool, None, HERE))
        assert seeds_of(found, Record) == [0, 2, 3]
        (failure,) = (one for one in found if isinstance(one, Failure))
        said = "the run of relu with the learning rate 0.1 and seed 13 failed: no more paper"
        assert failure.reason == said
    assert len(trained) == 8  # what fails by itself is not begun again


def test_a_dead_worker_s_runs_are_begun_once_more_each_alone(
    trained: list[RunSpec], make_spec: MakeSpec
) -> None:
    pool = Mortal({1: 1})
    work = [
        Unit(tuple(make_spec(seed=seed) for seed in (0, 1, 2)), True),
        Unit((make_spec(seed=5),)),
    ]
    found = list(run_all(work, pool, None, HERE))
    assert seeds_of(found, Record) == [0, 1, 2, 5]
    assert [len(unit.specs) for unit in pool.given] == [3, 1, 1, 1, 1]


def test_a_run_that_kills_two_workers_is_a_failure(
    trained: list[RunSpec], make_spec: MakeSpec
) -> None:
    pool = Mortal({1: 9})
    work = [Unit((make_spec(seed=seed),)) for seed in (0, 1, 2)]
    found = list(run_all(work, pool, None, HERE))
    assert seeds_of(found, Record) == [0, 2]
    (failure,) = (one for one in found if isinstance(one, Failure))
    assert "seed 1 failed: its worker died, 2 times in a row: killed by signal 9" in failure.reason
    assert [unit.attempt for unit in pool.given if unit.specs[0].seed == 1] == [1, 2]


def test_no_more_units_are_taken_than_workers_are_free(
    trained: list[RunSpec], make_spec: MakeSpec
) -> None:
    taken: list[int] = []

    def work() -> Iterator[Unit]:
        for seed in range(6):
            taken.append(seed)
            yield Unit((make_spec(seed=seed),))

    results = run_all(work(), Mortal({}), None, HERE)
    next(results)
    assert len(taken) == 2


def test_one_model_that_fails_is_trained_run_by_run(
    trained: list[RunSpec], make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> list[Record]:
        raise RuntimeError("vmap: there is no rule. Write one")

    monkeypatch.setattr(units, "train_stacked", fail)
    note, *found = run_unit(Unit((make_spec(), make_spec(seed=1)), True), None, HERE)
    assert note == Note("relu: one by one, since one model failed: vmap: there is no rule")
    assert seeds_of(found, Record) == [0, 1]


# ---------------------------------------------------------------- what is trained together


def schedule(
    specs: list[RunSpec], monkeypatch: pytest.MonkeyPatch, batched: str = "measured",
    way: Way | None = None, pool: Executor | None = None,
) -> tuple[list[Unit], list[Any], list[str]]:  # fmt: skip
    """Return the units, the calls that measured, and what was told."""
    calls: list[Any] = []
    told: list[str] = []

    def measure(*arguments: Any) -> Way:
        calls.append(arguments)
        return way or Way(True, "one model trains at 2.00 times the speed")

    monkeypatch.setattr("actlas.study.scheduling.measure", measure)
    scheduler = Scheduler(batched, pool, None, told.append)
    scheduler.units(specs)
    return scheduler.units(specs), calls, told


def test_cells_differ_in_seed_and_rate_alone(make_spec: MakeSpec) -> None:
    specs = [
        make_spec(name, seed=seed, learning_rate=rate, phase=phase)
        for seed in (0, 1)
        for name in ("relu", "tanh")
        for rate in (0.1, 0.2)
        for phase in Phase
    ]
    assert [len(cell) for cell in cells(specs)] == [4, 4, 4, 4]
    assert all(len({(spec.activation, spec.phase) for spec in cell}) == 1 for cell in cells(specs))


def test_every_kind_is_measured_once_and_told(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("relu", "tanh", "prelu", "swish")  # two learn nothing, two learn
    specs = [make_spec(name, seed=seed) for seed in range(3) for name in names]
    found, calls, told = schedule(specs, monkeypatch)
    assert [unit.together for unit in found] == [True] * 4
    assert [runs for *_, runs in calls] == [6, 6]
    assert told[0] == "relu, 3 runs: one model trains at 2.00 times the speed"


def test_single_runs_go_by_seed_so_that_every_function_has_some(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = [make_spec(name, seed=seed) for name in ("relu", "tanh") for seed in (0, 1)]
    found, _, told = schedule(specs, monkeypatch, way=Way(False, "no"))
    assert [unit.specs[0].seed for unit in found] == [0, 0, 1, 1]
    assert not any(unit.together for unit in found)
    assert told == ["relu, 2 runs: no"]


@pytest.mark.parametrize(("batched", "together"), [("always", True), ("never", False)])
def test_the_way_can_be_given(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch, batched: str, together: bool
) -> None:
    found, calls, _ = schedule([make_spec(seed=k) for k in range(3)], monkeypatch, batched)
    assert [unit.together for unit in found] == [together] * len(found)
    assert calls == []


def test_a_cell_is_cut_so_that_every_worker_gets_some(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Pool(Mortal):
        def submit(self, task: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_result(task(*args, **kwargs))
            return future

    specs = [make_spec(name, seed=seed) for name in ("relu", "tanh") for seed in range(10)]
    found, *_ = schedule(specs, monkeypatch, pool=Pool({}, workers=2))
    assert [len(unit.specs) for unit in found] == [10, 10]
    found, *_ = schedule(specs[:10], monkeypatch, pool=Pool({}, workers=2))
    assert [len(unit.specs) for unit in found] == [5, 5]


def test_an_unknown_way_names_the_nearest() -> None:
    with pytest.raises(ActlasError, match=r"measured, always, never, got 'alway'.*'always'"):
        Scheduler("alway", None, None, print)


def test_short_work_is_not_measured(make_spec: MakeSpec) -> None:
    assert units.measure([make_spec(), make_spec(seed=1)], None, 2) == Way(False, "")


# ---------------------------------------------------------------- the study


def test_a_study_goes_on_and_says_at_the_end_what_is_missing(
    trained: list[RunSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Progress] = []
    study: dict[str, Any] = {"activations": "relu,tanh", "budget": 1, "epochs": 1, "workers": 1,
                             "seeds": [0, 13, 2], "out": tmp_path}  # fmt: skip
    with pytest.raises(RunsFailedError) as caught:
        compare(**study, progress=events.append)
    assert "digits: 3 runs failed and are missing: the run of relu with" in str(caught.value)
    assert "`actlas study resume` tries the others again" in str(caught.value)
    assert [event.note for event in events if "no more paper" in event.note]
    assert len(trained) == 3 * 2 + 3 * 3
    with Store(tmp_path) as store:
        assert [reason[-9:] for reason in failures_in(store).values()] == ["ore paper"] * 3
    trained.clear()
    monkeypatch.setattr(units, "train", lambda spec, *_: trained.append(spec) or record(spec))
    assert len(compare(**study).records) == 15
    assert [spec.seed for spec in trained] == [13] * 3
    with Store(tmp_path) as store:
        assert failures_in(store) == {}


def test_a_function_without_its_search_is_left_out_of_the_confirmation(
    trained: list[RunSpec], tmp_path: Path
) -> None:
    plan = make_plan({"activations": "relu,tanh", "budget": 1, "tuning_seeds": [0, 13], "seeds": 5,
                      "design": "adaptive", "epochs": 1})  # fmt: skip
    with pytest.raises(RunsFailedError, match="3 runs failed"):
        run_plan(plan, out=tmp_path, workers=1)
    assert {spec.phase for spec in trained} == {Phase.TUNING}


def test_a_run_of_another_runner_is_awaited_and_that_is_told(
    trained: list[RunSpec], tmp_path: Path, make_spec: MakeSpec
) -> None:
    specs, events = [make_spec(seed=seed) for seed in range(3)], []
    with Store(tmp_path) as mine, Store(tmp_path) as other:
        assert list(other.claims(specs[:1])) == specs[:1]

        def listen(event: Progress) -> None:
            events.append(event)
            if event.note:
                other.add(record(specs[0]))

        Runner(mine, None, None, HERE, listen).finish(Phase.CONFIRMATION, specs)
        assert [event.note for event in events if event.note] == [
            "waiting for runs that another runner trains: 1"
        ]
        assert len(mine) == 3
    assert [spec.seed for spec in trained] == [1, 2]


def test_runs_of_an_earlier_look_are_not_those_of_an_earlier_call(
    trained: list[RunSpec], tmp_path: Path, make_spec: MakeSpec
) -> None:
    specs, events = [make_spec(seed=seed) for seed in range(4)], []
    with Store(tmp_path) as store:
        first = Runner(store, None, None, HERE, events.append)
        first.finish(Phase.CONFIRMATION, specs[:2])
        first.finish(Phase.CONFIRMATION, specs[:3])
        assert {event.reused for event in events} == {0}
        assert [event.done for event in events] == [0, 1, 2, 2, 3]
        events.clear()
        Runner(store, None, None, HERE, events.append).finish(Phase.CONFIRMATION, specs)
        assert [(event.done, event.reused) for event in events] == [(3, 3), (4, 3)]
    assert len(trained) == 4


# ---------------------------------------------------------------- real processes


@pytest.mark.slow
def test_a_process_that_dies_is_replaced_and_the_others_live() -> None:
    pool = Processes(2)
    try:
        dead, alive = pool.submit(os._exit, 1), pool.submit(os.getpid)
        assert isinstance(dead.exception(timeout=300), BrokenExecutor)
        survivor = alive.result(timeout=300)
        replaced, again = pool.submit(os.getpid), pool.submit(os.getpid)
        assert again.result(timeout=300) == survivor
        assert replaced.result(timeout=300) != survivor
    finally:
        pool.terminate()
        pool.shutdown()


def test_a_process_that_cannot_begin_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a script calls compare without a guard: its workers would start it again."""

    class Stillborn(Mortal):
        def __init__(self, *_: Any, **__: Any) -> None:
            super().__init__({})
            self.broken = False

        def submit(self, task: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            if self.broken:
                raise processes.BrokenProcessPool("broken")
            future: Future[Any] = Future()
            future.set_exception(processes.BrokenProcessPool("broken"))
            self.broken = len(args) > 0
            return future

    monkeypatch.setattr(processes, "ProcessPoolExecutor", Stillborn)
    pool = Processes(1)
    pool.submit(os.getpid, 0)
    with pytest.raises(ActlasError, match=r"ended before it could begin.*__main__"):
        pool.submit(os.getpid, 0)


# ---------------------------------------------------------------- planted faults


@pytest.mark.parametrize(
    ("name", "wrong", "check"),
    [
        ("_ATTEMPTS", 1, test_a_dead_worker_s_runs_are_begun_once_more_each_alone),
        ("_ATTEMPTS", 3, test_a_run_that_kills_two_workers_is_a_failure),
        ("workers_of", lambda _: 9, test_no_more_units_are_taken_than_workers_are_free),
    ],
    ids=["never again", "again and again", "greedy"],
)
def test_a_planted_fault_turns_red(
    trained: list[RunSpec], make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch,
    name: str, wrong: Any, check: Callable[..., None],
) -> None:  # fmt: skip
    monkeypatch.setattr(executor, name, wrong)
    with pytest.raises((AssertionError, ValueError)):
        check(trained, make_spec)
