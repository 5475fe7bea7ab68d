"""A user's own program as a task: how it is called, what is read, and what becomes of failures."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actlas.errors import ActlasError
from actlas.study import Result, make_plan, run_plan
from actlas.study.command import Command, arguments, call, command_task, running
from actlas.study.command.reading import final, scores
from actlas.study.command.running import run_command
from actlas.study.experiment import code_of
from actlas.study.folder import read_result
from actlas.study.study_file import changed, plan_from_text, plan_text
from actlas.study.training import Phase, Record, RunSpec
from tests.study.refusals import refused
from tests.study.test_store import is_running, wait_until

PYTHON = f"{sys.executable} -S"
CALL = "train.py --act {activation} --seed {seed} --lr {lr}"
RULES: dict[str, Any] = {"learning_rates": [0.1], "practical_difference": 0.5, "budget": 1}


def command(**changes: Any) -> Command:
    return Command(**{"command": f"{PYTHON} {CALL}", "metric": r"accuracy (\S+)", **changes})


# ---------------------------------------------------------------- the call


def test_a_value_is_one_word_whatever_is_in_it(make_spec: Callable[..., RunSpec]) -> None:
    spec = make_spec("leaky_relu", parameters=(("negative_slope", 0.2), ("a", "' ; rm -rf '")))
    words = arguments("run.sh '--act={activation}' {lr} \"{seed} {{}}\" {epochs}", spec)
    value = "--act=leaky_relu(negative_slope=0.2, a=' ; rm -rf ')"
    assert words == ["run.sh", value, "0.1", "0 {}", "2"]


def test_every_phase_and_arm_has_seeds_of_its_own(make_spec: Callable[..., RunSpec]) -> None:
    seeds = [
        arguments("x {activation} {seed}", make_spec(phase=phase, twin=twin, seed=seed))[2]
        for phase in Phase for twin in (False, True) for seed in range(3)
    ]  # fmt: skip
    assert len(set(seeds)) == len(seeds)
    assert seeds[6:9] == ["0", "1", "2"]  # the confirmation's are those of the plan


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"command": "a {activation} {seed} 'x, y' --w=1&2%2C+é\\n", "metric": r"^(\d+%),? &+$ "},
        {"test_metric": "json:test.f1", "lower_is_better": True, "worst": 9.5, "timeout": 0.25,
         "retries": 3},
    ],
    ids=["plain", "strange", "full"],
)  # fmt: skip
def test_the_name_of_the_task_holds_the_whole_call(changes: dict[str, Any]) -> None:
    one = command(**changes)
    assert "," not in one.name
    assert command_task(one.name.strip()).command == one
    plan = make_plan({**one.model_dump(exclude_defaults=True), **RULES})
    assert plan.tasks == (one.name,)
    assert plan_from_text(plan_text(plan)) == plan
    assert "\nmetric = " in plan_text(plan)
    assert changed(plan, ["retries=7"]).task == one.model_copy(update={"retries": 7}).name


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"command": "x {activaton} {seed}"}, "{activaton} is not a placeholder; known: activ"),
        ({"command": "x {activaton} {seed}"}, "Did you mean 'activation'"),
        ({"command": "x {activation} {seed.real}"}, "{seed.real} is not a placeholder"),
        ({"command": "x {activation!r} {seed}"}, "{activation!r} is not a placeholder"),
        ({"command": "x {activation} {}"}, "{} is not a placeholder"),
        ({"command": "x {activation}"}, "{seed} is missing"),
        ({"command": "x {activation} '{seed}"}, "cannot be split: No closing quotation"),
        ({"command": "x {activation} {seed"}, "cannot be split: expected '}'"),
        ({"metric": "(a)(b)"}, "it has more than one group"),
        ({"metric": "(a"}, "it is no regular expression"),
        ({"metric": None}, "a command needs metric"),
        ({"command": None}, "a command needs command"),
        ({"lower_is_better": True}, "lower_is_better needs worst"),
        ({"timeout": 0}, "timeout = 0 is not allowed: input should be greater than 0"),
        ({"task": "digits"}, "give a task or a command; 'digits' and command, metric are both"),
        ({"network": "mlp"}, "a command has a network of its own"),
        ({"practical_difference": None}, "a command needs practical_difference in the plan"),
        ({"learning_rates": None}, "a command needs learning_rates in the plan"),
        ({"command": "x {activation} {seed} {epochs}"}, "the command uses {epochs}: give epochs"),
        ({"command": "x {activation} {seed}", "learning_rates": [0.1, 1], "budget": 2},
         "several learning_rates are given and the command has no {lr}"),
        ({"metrik": "a"}, "Did you mean 'metric'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_wrong_command_is_one_sentence(fields: dict[str, Any], said: str) -> None:
    with refused(said):
        make_plan({"command": f"x {CALL}", "metric": "a", **RULES, **fields})


# ---------------------------------------------------------------- what is read


@pytest.mark.parametrize(
    ("metric", "text", "found"),
    [
        (r"accuracy (\S+)", "accuracy 1e-1\nno\naccuracy 2\n", [0.1, 2.0]),
        (r"^\d+$", "12\n13 apples\n14\n", [12.0, 14.0]),
        ("json:val", '{"val": 1}\n{"other": 2}\n  {"val": "3"}\n{"val": true', [1.0, 3.0]),
        ("json:a.b", '{"a": {"b": 4}}\n{"a": 5}\n[1]\n', [4.0]),
    ],
)
def test_scores_are_read(metric: str, text: str, found: list[float]) -> None:
    assert scores(metric, text) == found
    assert final(metric, text) == found[-1]


@pytest.mark.parametrize("text", ["", "accuracy", "accuracy nan", "accuracy 1\naccuracy inf",
                                  "accuracy many"])  # fmt: skip
def test_what_is_no_score_is_none(text: str) -> None:
    assert str(final(r"accuracy (\S+)", text)) == "nan"


# ---------------------------------------------------------------- runs

# The name of the function decides what happens; each call is noted.
PROGRAM = """
import os, subprocess, sys, time
name, seed = sys.argv[2], int(sys.argv[4])
with open("calls", "a") as calls:
    calls.write(name + "\\n")
attempt = open("calls").read().split().count(name)
print("epoch 1: accuracy 80", flush=True)
print("to stderr", file=sys.stderr, flush=True)
if name == "gelu" and attempt == 1:
    sys.exit(3)
if name == "elu":
    sys.exit(4)
if name == "tanh":
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    with open("pids", "w") as pids:
        pids.write(f"{os.getpid()} {child.pid}")
    time.sleep(600)
score = {"mish": float("nan")}.get(name, 90 + len(name) + seed % 10 / 10)
print(f"epoch 2: accuracy {score}" if name != "selu" else "done")
print('{"test": %s, "threads": "%s"}' % (score - 1, os.environ["OMP_NUM_THREADS"]))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "train.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path, make_spec: Callable[..., RunSpec]) -> Callable[..., Record]:
    def call(activation: str, phase: Phase = Phase.CONFIRMATION, **changes: Any) -> Record:
        one = command(**changes)
        spec = make_spec(activation, task=one.name, seed=3, phase=phase)
        return run_command(spec, command_task(one.name), folder)

    return call


def test_a_run_gives_its_scores_its_curve_and_its_log(
    run: Callable[..., Record], folder: Path
) -> None:
    found = run("relu", test_metric="json:test")
    assert (found.validation, found.test, found.diverged) == (94.3, 93.3, False)
    assert found.validation_curve == (80.0, 94.3)
    (log,) = (folder / "logs").iterdir()
    assert log.stem == found.spec.key
    text = log.read_text()
    assert text.startswith("# attempt 1: [")
    assert "to stderr" in text
    assert text.endswith("# ended well\n")
    assert Record.from_json(found.to_json()) == found


def test_the_test_score_is_for_the_confirmation_alone(run: Callable[..., Record]) -> None:
    assert run("relu", Phase.TUNING, test_metric="json:test").test is None
    assert run("relu").test == 94.3  # one score for both, and the report says so
    limits = command_task(command().name).limits
    assert any("The program gives one score" in limit for limit in limits)
    assert len(command_task(command(test_metric="b").name).limits) == len(limits) - 1


@pytest.mark.parametrize(
    ("activation", "retries", "diverged", "calls"),
    [("gelu", 0, True, 1), ("gelu", 1, False, 2), ("elu", 2, True, 3), ("mish", 2, True, 1),
     ("selu", 2, True, 1)],
    ids=["crash", "mended by a retry", "always a crash", "not a number", "no last score"],
)  # fmt: skip
def test_failures_get_the_worst_score_and_stay(
    run: Callable[..., Record], folder: Path, activation: str, retries: int, diverged: bool,
    calls: int,
) -> None:  # fmt: skip
    metric = r"epoch 2: accuracy (\S+)"
    found = run(activation, retries=retries, metric=metric, lower_is_better=True, worst=99.0)
    assert found.diverged is diverged
    assert ((found.validation, found.test) == (99.0, 99.0)) is diverged
    assert (folder / "calls").read_text().split().count(activation) == calls
    (log,) = (folder / "logs").iterdir()
    assert log.read_text().count("# attempt") == calls


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_a_run_that_takes_too_long_is_ended_with_all_it_started(
    run: Callable[..., Record], folder: Path
) -> None:
    begun = time.monotonic()
    found = run("tanh", timeout=3)
    assert (found.diverged, found.validation) == (True, 0.0)
    assert time.monotonic() - begun < 300
    (log,) = (folder / "logs").iterdir()
    assert log.read_text().endswith("# stopped after 3 seconds\n")
    if (folder / "pids").exists():  # it was quick enough to write them
        pids = [int(pid) for pid in (folder / "pids").read_text().split()]
        assert wait_until(lambda: not any(map(is_running, pids)), seconds=30)


def test_a_program_that_is_not_there_stops_the_study(run: Callable[..., Record]) -> None:
    with pytest.raises(ActlasError, match="the program 'pyton' cannot be started: No such file"):
        run("relu", command="pyton train.py {activation} {seed}")


def test_the_threads_of_a_program_are_one_unless_said_otherwise(
    run: Callable[..., Record], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for threads, asked in (("1", None), ("3", "3")):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        if asked:
            monkeypatch.setenv("OMP_NUM_THREADS", asked)
        run("relu")
        (log,) = (folder / "logs").iterdir()
        assert f'"threads": "{threads}"' in log.read_text()


# ---------------------------------------------------------------- whole studies

STUDY = {
    "command": f"{PYTHON} {CALL}", "metric": r"accuracy (\S+)", "test_metric": "json:test",
    "activations": ["relu", "softplus", "mish"], "seeds": 7, "tuning_seeds": 1,
    "design": "fixed", **RULES,
}  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("program")
    (folder / "train.py").write_text(PROGRAM)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return run_plan(make_plan(STUDY), out=folder / "out", workers=1)


def test_a_study_of_a_program_is_judged_like_any_other(study: Result) -> None:
    assert len(study.records) == 4 * (1 + 7)
    assert {name: verdict.value for name, verdict in study.verdicts.items()} == {
        "softplus": "better", "mish": "worse"}  # fmt: skip
    assert all(record.diverged == (record.spec.activation == "mish") for record in study.records)
    assert study.headline.startswith("On the program train.py, Softplus (+4.00 units) is better")
    report = study.report_path.read_text(encoding="utf-8")
    assert "was not checked" in report
    assert "takes too long" in report
    assert "batches of" not in report
    logs = {path.stem for path in (study.report_path.parent / "logs").glob("*.log")}
    assert logs == {record.spec.key for record in study.records}


def test_its_report_needs_the_runs_alone(study: Result) -> None:
    before = study.report_path.read_text(encoding="utf-8")
    assert read_result(study.report_path.parent).verdicts == study.verdicts
    assert study.report_path.read_text(encoding="utf-8") == before


def test_a_program_that_never_gives_a_score_stops_the_study(folder: Path) -> None:
    plan = make_plan({**STUDY, "metric": "no such line (.*)", "activations": ["relu", "elu"]})
    with pytest.raises(ActlasError, match=r"none of 3 runs of the program train\.py gave a score"):
        run_plan(plan, out="out", workers=1)
    assert len(list((folder / "out" / "logs").iterdir())) == 3


def test_another_program_file_gives_other_runs(folder: Path) -> None:
    plan = make_plan(STUDY)
    before = code_of(plan, None)
    (folder / "train.py").write_text(PROGRAM + "# another\n")
    assert code_of(plan, None) != before


# ---------------------------------------------------------------- planted faults


def _through_a_shell(template: str, spec: RunSpec) -> list[str]:
    return shlex.split(template.format_map({name: of(spec) for name, of in call.VALUES.items()}))


def _crashes_are_kept_as_scores(spec: RunSpec, one: Command, text: str) -> tuple[float, float]:
    return 90.0, 90.0


FAULTS: tuple[tuple[str, Any, str, Any, Callable[..., None]], ...] = (
    ("values are split", sys.modules[__name__], "arguments", _through_a_shell,
     lambda make, _: test_a_value_is_one_word_whatever_is_in_it(make)),
    ("both phases have the same seeds", call, "VALUES",
     {**call.VALUES, "seed": lambda spec: spec.seed},
     lambda make, _: test_every_phase_and_arm_has_seeds_of_its_own(make)),
    ("the first score counts", sys.modules[__name__], "final",
     lambda metric, text: scores(metric, text)[0],
     lambda *_: test_scores_are_read(r"a(\d)", "a1 a2", [1.0, 2.0])),
    ("no score is a score", running, "_scores", _crashes_are_kept_as_scores,
     lambda _, run: test_failures_get_the_worst_score_and_stay(
         run, Path(), "mish", 0, True, 1)),
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault[0])
def test_a_planted_fault_turns_red(
    fault: tuple[str, Any, str, Any, Callable[..., None]], make_spec: Callable[..., RunSpec],
    run: Callable[..., Record], folder: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    _, owner, name, wrong, check = fault
    check(make_spec, run)
    for path in [folder / "calls", *(folder / "logs").glob("*")]:
        path.unlink(missing_ok=True)
    monkeypatch.setattr(owner, name, wrong)
    with pytest.raises(AssertionError):
        check(make_spec, run)
