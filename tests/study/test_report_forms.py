"""The report in all its forms, from planted results: the same content, sound files."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from actlas.errors import ActlasError
from actlas.study import Result, TaskResult
from actlas.study.costs import costs, kept_bytes
from actlas.study.report import FORMS, figures, render, write_as
from actlas.study.report.budgets import orders
from actlas.study.report.cost_chart import spread
from actlas.study.report.details import study_file
from actlas.study.report.latex import latex
from actlas.study.report.limits import caveats
from actlas.study.report.markdown import markdown
from actlas.study.report.search_sheet import basin_of
from actlas.study.report.sheets import sheets
from actlas.study.statistics import Verdict
from actlas.study.study_file import plan_from_text
from tests.study.made_up import Planted, study
from tests.study.test_compare import Resources, visible
from tests.study.tiny_tasks import bumps, signs

GAINS = {"gelu": 2.0, "leaky_relu(negative_slope=0.2)": 0.0, "tanh": -2.0}
STUDIES = {
    "one task": study(Planted(signs, GAINS), design="fixed"),
    "an error": study(Planted(bumps, GAINS)),
    "two tasks": study(Planted(signs, GAINS), Planted(bumps, GAINS)),
    "four tasks": study(*(Planted(replace(signs, name=f"t{i}"), GAINS) for i in range(4))),
    "recipes": study(Planted(signs, GAINS, more={"adamw": {"gelu": -4.0}}),
                     optimizer="sgd,adamw", initialisation="own gain,framework"),
    "tasks and recipes": study(Planted(signs, GAINS), Planted(bumps, GAINS),
                               optimizer="sgd,adamw"),
    "adaptive": study(Planted(signs, GAINS), seeds=5, design="adaptive"),
}  # fmt: skip


@pytest.fixture(params=STUDIES.values(), ids=STUDIES.keys())
def result(request: pytest.FixtureRequest) -> Result:
    found: Result = request.param
    return found


def test_the_page_is_sound(result: Result) -> None:
    text = render(result)
    parser = Resources()
    parser.feed(text)
    assert parser.open == []
    assert parser.loads == []
    places = set(re.findall(r'id="([^"]+)"', text))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= places
    assert "nan" not in visible(text)
    for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        assert " inf" not in svg


def test_every_form_holds_the_answer_the_limits_and_the_plan(result: Result) -> None:
    page, text = render(result), markdown(result)
    assert result.headline in page
    assert result.headline in text
    for caveat in caveats(result):
        assert caveat in text
    assert plan_from_text(re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0]) == result.plan
    assert plan_from_text(study_file(result)) == result.plan


def test_every_number_of_the_tables_stands_in_markdown_and_latex(result: Result) -> None:
    text, tables = markdown(result), latex(result)
    for sheet in sheets(result):
        assert all(len(row) == len(sheet.headings) for row in sheet.rows)
        assert sheet.title in text
        for row in sheet.rows:
            assert all(cell in text for cell in row)
            assert row[0].partition("(")[0].replace("_", r"\_") in tables


def test_latex_is_balanced(result: Result) -> None:
    text = latex(result)
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == len(sheets(result))
    depth = 0
    for letter in re.sub(r"\\[{}]", "", text):
        depth += (letter == "{") - (letter == "}")
        assert depth >= 0
    assert depth == 0
    for body in re.findall(r"\\midrule\n(.*?)\\bottomrule", text, re.DOTALL):
        widths = {len(re.findall(r"(?<!\\)&", line)) for line in body.strip().splitlines()}
        assert len(widths) == 1
    assert not re.search(r"(?<!\\)[%#](?! Tables)", text)


def test_files_are_written_beside_the_page(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    few = study(Planted(signs, {"gelu": 2.0}), Planted(bumps, {"gelu": 2.0}))
    result = replace(few, report_path=tmp_path / "report.html")
    written = {path for form in FORMS for path in write_as(result, form)}
    assert written == {path for path in tmp_path.rglob("*") if path.is_file()}
    drawn = [path for path in written if path.suffix == ".svg"]
    assert len(drawn) == 2 * len(figures.OF_TASK) + 3  # function by task, profiles, ranks
    for path in drawn:
        ElementTree.parse(path)
    shown = (tmp_path / "report.md").read_text("utf-8")
    for address in re.findall(r"!\[[^]]*\]\(([^)]*)\)", shown):
        assert (tmp_path / address).is_file()
    assert "figures/heat.png" in shown


def test_the_same_study_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(figures, "OF_TASK", {"intervals": figures.OF_TASK["intervals"]})
    result = replace(STUDIES["one task"], report_path=tmp_path / "report.html")
    first = {path: path.read_bytes() for form in FORMS for path in write_as(result, form)}
    assert all(
        first[path] == path.read_bytes() for form in FORMS for path in write_as(result, form)
    )


def test_figures_without_matplotlib_name_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = replace(STUDIES["one task"], report_path=tmp_path / "report.html")
    with pytest.raises(ActlasError, match=r'pip install "actlas\[plot\]"'):
        write_as(result, "figures")
    assert list(tmp_path.iterdir()) == []


def test_another_form_is_refused_with_the_nearest(tmp_path: Path) -> None:
    result = replace(STUDIES["one task"], report_path=tmp_path / "report.html")
    with pytest.raises(ActlasError, match="Did you mean 'markdown'"):
        write_as(result, "markdwon")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- what the page shows


def test_a_lead_too_small_to_matter_is_called_small() -> None:
    """Seen on Fashion-MNIST: an interval that excludes 0 around a mean below what matters."""
    lead = study(Planted(signs, {"gelu": 0.8, "tanh": 2.0}, noise=0.4), design="fixed").only
    small, large = lead.table[2:]
    assert small.verdict is large.verdict is Verdict.BETTER
    assert small.reason.endswith("; the mean is smaller than the 1 that matters")
    assert "matters" not in large.reason


def test_times_are_compared_seed_by_seed() -> None:
    part = STUDIES["one task"].only
    assert [cost.ratio for cost in costs(part)] == pytest.approx([1.0, 1.1, 1.2, 1.3, 1.4])
    assert [cost.milliseconds for cost in costs(part)] == pytest.approx(
        [1000, 1100, 1200, 1300, 1400]
    )


def test_times_of_runs_trained_another_way_are_not_compared() -> None:
    part = STUDIES["one task"].only
    stacked = tuple(replace(r, together=4) for r in part.outcome.confirmations["tanh"])
    runs = {**part.outcome.confirmations, "tanh": stacked}
    *others, cost = costs(replace(part, outcome=replace(part.outcome, confirmations=runs)))
    assert (cost.ratio, cost.milliseconds) == (None, pytest.approx(1400))
    assert all(other.ratio for other in others)


def test_runs_whose_steps_nobody_timed_have_no_time() -> None:
    part = STUDIES["one task"].only
    untimed = tuple(replace(r, step_seconds=None) for r in part.outcome.confirmations["tanh"])
    runs = {**part.outcome.confirmations, "tanh": untimed}
    cost = costs(replace(part, outcome=replace(part.outcome, confirmations=runs)))[-1]
    assert (cost.ratio, cost.milliseconds) == (None, None)


def test_diverged_runs_have_no_time() -> None:
    part = STUDIES["one task"].only
    broken = tuple(replace(r, diverged=True) for r in part.outcome.confirmations["tanh"])
    runs = {**part.outcome.confirmations, "tanh": broken}
    cost = costs(replace(part, outcome=replace(part.outcome, confirmations=runs)))[-1]
    assert (cost.ratio, cost.milliseconds, cost.loss) == (None, None, None)


@pytest.mark.parametrize(
    ("function", "plan", "kept"),
    [("relu", "input", 0.0), ("relu", "output", 0.0), ("telu", "input", 4.0),
     ("softplus", "output", 0.0)],
)  # fmt: skip
def test_a_function_keeps_its_input_or_nothing_of_its_own(
    function: str, plan: str, kept: float
) -> None:
    """ReLU's output tells its slope exactly, so that it keeps that by default."""
    assert kept_bytes(function, plan=plan) == kept


def test_a_function_without_a_plan_says_so() -> None:
    assert kept_bytes("prelu", plan="output") is None


def test_the_basin_is_that_of_the_search() -> None:
    """Planted: 50 at 0.1 and 10 less for every power of ten, so 0.5 less after 0.05 decades."""
    part = STUDIES["one task"].only
    found = basin_of(part.table[0], part)
    assert found.decades == pytest.approx(0.1, abs=1e-6)


def test_the_basin_of_a_joint_search_skips_points_in_worse_company() -> None:
    part = STUDIES["one task"].only
    scores = {0.01: 50.0, 0.03: 20.0, 0.1: 50.2, 0.3: 30.0, 1.0: 31.0}
    row = replace(part.table[0], tuning=replace(part.table[0].tuning, scores=scores, short={}))
    joint = replace(part, plan=part.plan.model_copy(update={"search": "joint"}))
    assert basin_of(row, part).low > 0.03
    assert basin_of(row, joint).low == pytest.approx(0.01)
    assert basin_of(row, joint).open_low
    assert basin_of(row, joint).high < 0.3


def with_curves(part: TaskResult, curves: dict[str, tuple[float, ...]]) -> TaskResult:
    """Return a task's part on which every run of a function has the given curve."""
    runs = {
        label: tuple(
            replace(r, validation_curve=curves.get(label, r.validation_curve)) for r in own
        )
        for label, own in part.outcome.confirmations.items()
    }
    return replace(part, outcome=replace(part.outcome, confirmations=runs))


def test_a_shorter_training_is_ranked_by_its_best_score_so_far() -> None:
    curves = {
        "relu": (5.0, 6.0, 4.0, 3.0), "gelu": (1.0, 2.0, 7.0, 8.0), "tanh": (4.0, 1.0, 1.0, 1.0),
        "leaky_relu(negative_slope=0.2)": (3.0, 3.0, 3.0, 4.5),
    }  # fmt: skip
    found = orders(with_curves(STUDIES["one task"].only, curves))
    slope = "LeakyReLU(negative_slope=0.2)"
    assert [(one.epochs, one.names) for one in found] == [
        (1, ("ReLU", "Tanh", slope, "GELU")),
        (2, ("ReLU", "Tanh", slope, "GELU")),
        (3, ("GELU", "ReLU", "Tanh", slope)),
        (4, ("GELU", "ReLU", slope, "Tanh")),
    ]
    assert [round(one.agreement, 2) for one in found] == [-0.33, -0.33, 0.67, 1.0]


def test_runs_without_curves_are_not_ranked() -> None:
    curves = dict.fromkeys(("relu", "gelu", "tanh", "leaky_relu(negative_slope=0.2)"), (1.0,))
    part = with_curves(STUDIES["one task"].only, {**curves, "relu (A/A)": (1.0,)})
    assert orders(part) == ()
    assert "A shorter training" not in render(replace(STUDIES["one task"], parts=(part,)))


def test_names_keep_their_distance() -> None:
    places = spread([5.0, 5.0, 5.0, 90.0, 90.0], 15, 0, 100)
    assert all(b - a >= 14.999 for a, b in pairwise(places))
    assert min(places) >= 0
    assert max(places) <= 100


def test_a_recipe_that_is_not_the_protocol_is_said_first() -> None:
    found = study(Planted(signs, GAINS), initialisation="framework", momentum=0.5)
    assert "initialisation = framework; momentum = 0.5" in caveats(found)[0]
    assert "departs from the protocol" in render(found)
