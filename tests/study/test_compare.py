"""The main job from end to end, on few epochs, and its report."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import rich.console

from actlas.errors import ActlasError
from actlas.study import Result, Verdict, compare, make_plan, provenance, render_table, run_plan
from actlas.study.analysis import analyse
from actlas.study.provenance import NUMERICS
from actlas.study.report import render
from actlas.study.report.markup import Markup, element, join
from actlas.study.report.scale import Scale, covering
from actlas.study.statistics import noise_floor
from actlas.study.store import Store
from actlas.study.training import Phase

ACTIVATIONS = ("relu", "leaky_relu(negative_slope=0.2)", "prelu")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A small study with a learnable function and one with a parameter."""
    out = tmp_path_factory.mktemp("study")
    return compare(activations=ACTIVATIONS, seeds=3, budget=2, epochs=2, out=out, workers=1)


def test_every_arm_has_the_same_budget_and_seeds(result: Result) -> None:
    grids = {
        label: sorted((r.spec.learning_rate, r.spec.seed) for r in records)
        for label, records in result.outcome.tuning_records.items()
    }
    assert len(grids) == 4
    assert len({tuple(grid) for grid in grids.values()}) == 1
    assert all(
        [r.spec.seed for r in group] == [0, 1, 2] for group in result.outcome.confirmations.values()
    )


def test_the_confirmation_uses_the_rate_that_validation_chose(result: Result) -> None:
    for row in result.table:
        runs = result.outcome.confirmations[row.arm.label]
        assert {run.spec.learning_rate for run in runs} == {row.tuning.learning_rate}
        assert row.tuning.scores[row.tuning.learning_rate] == max(row.tuning.scores.values())


def test_only_the_confirmation_has_test_scores(result: Result) -> None:
    assert all((r.test is None) == (r.spec.phase is Phase.TUNING) for r in result.records)


def test_the_twin_is_the_reference_with_other_numbers(result: Result) -> None:
    reference, twin = (result.outcome.confirmations[label] for label in ("relu", "relu (A/A)"))
    assert [r.spec.activation for r in twin] == ["relu"] * 3
    assert [r.validation_curve for r in twin] != [r.validation_curve for r in reference]
    differences = [
        a.test - b.test for a, b in zip(twin, reference, strict=True) if a.test and b.test
    ]
    assert result.analysis.noise_floor == pytest.approx(noise_floor(differences))


def test_verdicts_are_given_for_the_others_alone(result: Result) -> None:
    assert list(result.verdicts) == ["leaky_relu(negative_slope=0.2)", "prelu"]
    assert not {Verdict.BETTER, Verdict.WORSE} & set(result.verdicts.values())  # 3 seeds cannot


def test_raw_runs_are_kept_with_code_and_machine(result: Result) -> None:
    with Store(result.report_path.parent) as store:
        records = list(store.records())
    assert len(records) == len(result.records) == 4 * (2 * 2 + 3)
    assert all(record in records for record in result.records)
    assert all(record.spec.code and record.machine["torch"] for record in records)


def test_worker_processes_give_the_same_numbers(result: Result, tmp_path: Path) -> None:
    plan = make_plan({"activations": ACTIVATIONS, "seeds": 3, "budget": 2, "epochs": 2})
    again = run_plan(plan, out=tmp_path, workers=2)
    assert [r.test for r in again.records] == [r.test for r in result.records]


def test_planted_results_are_judged_rightly(tmp_path: Path) -> None:
    """Turn the test scores of real records into a known effect and look at the table."""
    small = compare(
        activations=["relu", "tanh"], seeds=10, budget=1, epochs=1, out=tmp_path, workers=1
    )
    planted = {"relu": 90.0, "relu (A/A)": 90.1, "tanh": 93.0}
    confirmations = {
        label: tuple(
            replace(record, test=planted[label] + 0.1 * (-1) ** record.spec.seed)
            if label != "relu" else replace(record, test=planted[label])
            for record in records
        )
        for label, records in small.outcome.confirmations.items()
    }  # fmt: skip
    outcome = replace(small.outcome, confirmations=confirmations)
    analysis = analyse(small.plan, small.task, small.arms, outcome)
    row = analysis.rows[2]
    assert row.verdict is Verdict.BETTER
    assert row.difference is not None
    assert row.difference.interval.mean == pytest.approx(3.0)
    assert analysis.headline == "On handwritten digits, Tanh (+3.00 points) is better than ReLU."
    assert small.report_path.exists()


class Resources(HTMLParser):
    """Collects every attribute that could load something, and checks that tags are balanced."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [
            f"{tag} {name}={value}"
            for name, value in attrs
            if name in {"src", "href", "xlink:href"} and not (value or "").startswith("#")
        ]
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_needs_nothing_else(result: Result) -> None:
    text = result.report_path.read_text(encoding="utf-8")
    parser = Resources()
    parser.feed(text)
    assert parser.open == []
    assert parser.loads == []
    assert not re.search(r"https?://|@import|url\(|<script", text)
    assert "nan" not in visible(text)


def test_the_report_says_what_it_must(result: Result) -> None:
    text = result.report_path.read_text(encoding="utf-8")
    for part in ("noise floor", "What this study cannot say", "How to repeat it",
                 "actlas study run study.toml", "LeakyReLU(negative_slope=0.2)", "decades",
                 "learned weight", "3 seeds and 2 comparisons", "prefers-color-scheme: dark",
                 "study.db", result.records[0].spec.code, result.headline):  # fmt: skip
        assert part in text
    assert text.count('class="panel"') == 4 + 4 + 3
    assert text.count('class="panel cost"') == 1


def test_a_report_with_diverged_runs(result: Result) -> None:
    """One arm diverges in its first epoch for every seed: it stays, with the worst score."""
    diverged = tuple(
        replace(record, test=0.0, validation=0.0, diverged=True, best_epoch=-1,
                validation_curve=(), loss_curve=())
        for record in result.outcome.confirmations["prelu"]
    )  # fmt: skip
    outcome = replace(
        result.outcome, confirmations={**result.outcome.confirmations, "prelu": diverged}
    )
    analysis = analyse(result.plan, result.task, result.arms, outcome)
    assert analysis.rows[-1].diverged == len(analysis.rows[-1].scores) == 3
    text = render(changed(result, outcome=outcome, analysis=analysis))
    assert "3 of 3 runs diverged" in text
    assert "nan" not in visible(text)


def changed(result: Result, **changes: Any) -> Result:
    """Return the result of one task with other parts."""
    return replace(result, parts=(replace(result.only, **changes),))


def visible(text: str) -> str:
    """Return a report without its style sheet, in lower case."""
    return re.sub(r"<style>.*</style>", "", text, flags=re.DOTALL).lower()


def test_the_status_stands_wherever_the_function_is_shown(result: Result) -> None:
    doubtful = [replace(a, status="reconstructed", status_reason="no source") for a in result.arms]
    rows = tuple(replace(row, arm=arm) for row, arm in zip(result.table, doubtful, strict=True))
    found = changed(result, arms=tuple(doubtful), analysis=replace(result.analysis, rows=rows))
    assert render(found).count(">reconstructed<") == 4 * 4 + 3
    assert printed(found).count("[reconstructed]") == 4


def printed(result: Result) -> str:
    """Return the table as the terminal shows it."""
    console = rich.console.Console(width=200, file=io.StringIO(), record=True)
    console.print(render_table(result))
    return console.export_text()


def test_the_terminal_table_holds_every_row(result: Result) -> None:
    text = printed(result)
    assert result.headline.split(";")[0] in text
    assert all(word in text for word in ("ReLU (A/A)", "noise floor", "reference", "PReLU"))


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's own task with an error as its metric: less error counts as an improvement."""
    monkeypatch.chdir(Path(__file__).parents[2] / "examples")
    found = compare(
        task="own_task:waves", activations="relu,tanh", seeds=2, budget=1, epochs=1,
        out=tmp_path, workers=1,
    )  # fmt: skip
    reference, _, tanh = found.table
    assert tanh.difference is not None
    gained = reference.score.mean - tanh.score.mean
    assert tanh.difference.interval.mean == pytest.approx(gained)


def test_text_is_escaped_once() -> None:
    assert element("b", "<i>", title='"&"') == '<b title="&quot;&amp;&quot;">&lt;i&gt;</b>'
    assert join(Markup("<i/>"), "<i/>", None, 1.5) == "<i/>&lt;i/&gt;1.5"


def test_scales() -> None:
    assert Scale(0.0, 10.0, 0.0, 100.0)(2.5) == 25.0
    assert Scale(0.01, 1.0, 0.0, 100.0, log=True)(0.1) == pytest.approx(50.0)
    assert Scale(0.005, 2.0, log=True).ticks() == [0.01, 0.1, 1.0]
    flat = covering([3.0, 3.0])
    assert flat.low < 3.0 < flat.high


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "digit"}, "Did you mean 'digits'"),
        ({"activations": "relu,tahn"}, "tanh"),
        ({"optimizer": "sdg"}, "Did you mean 'sgd'"),
        ({"seeds": []}, "at least 2"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"task": "mnist", "data_root": "/nowhere"}, "cannot read"),
    ],
)
def test_bad_input_leaves_nothing(
    tmp_path: Path, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ActlasError, match=message):
        compare(**{"activations": "relu,tanh", "out": tmp_path / "out", **arguments})  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["vector.h", "generic.c", "launch.py"])
def test_the_code_version_follows_every_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(provenance, "_ROOT", tmp_path)
    source = tmp_path / "kernels" / "cpu" / name
    source.parent.mkdir(parents=True)
    source.write_text("one")
    before = provenance.code_version.__wrapped__()
    source.write_text("two")
    assert provenance.code_version.__wrapped__() != before


def test_the_code_version_covers_packages_that_exist() -> None:
    import actlas

    root = Path(actlas.__file__).parent
    assert all(list((root / package).glob("*.py")) for package in NUMERICS)
