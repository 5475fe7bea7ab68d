"""Rules of the protocol that the report keeps: aggregates, targets, rivals, candidates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

import actlas
from actlas.study import Result, TaskResult, statistics
from actlas.study.aggregates import aggregates
from actlas.study.analysis import analyse
from actlas.study.report import candidates, render
from actlas.study.report.cost_sheet import cost, target_in_words
from actlas.study.report.latex import latex
from actlas.study.report.limits import caveats
from actlas.study.report.markdown import markdown
from actlas.study.report.profiles import all_runs
from actlas.study.statistics.aggregates import iqm_of_rows
from actlas.study.targets import Speed, speeds, target_of
from actlas.study.training import Record
from tests.study.made_up import Planted, study
from tests.study.test_compare import visible
from tests.study.tiny_tasks import bumps, signs

GAINS = {"gelu": 2.0, "silu": 0.0, "tanh": -2.0}
TWO = study(Planted(signs, GAINS), Planted(bumps, GAINS), design="fixed")


def with_runs(part: TaskResult, change: Callable[[str, int, Record], Record | None]) -> TaskResult:
    """Return a part whose confirmation runs are changed, or left out where that gives None.

    Args:
        part: of a planted study.
        change: gets an arm's label, the place of a run among its seeds, and the run.
    """
    runs = {
        label: tuple(
            new for index, record in enumerate(own) if (new := change(label, index, record))
        )
        for label, own in part.outcome.confirmations.items()
    }
    outcome = replace(part.outcome, confirmations=runs)
    analysis = analyse(part.plan, part.task, part.arms, outcome)
    return replace(part, outcome=outcome, analysis=analysis)


# ---------------------------------------------------------------- statistics


def test_with_as_many_seeds_on_every_task_the_interquartile_mean_is_the_usual_one() -> None:
    draws = np.random.default_rng(0)
    for seeds in (1, 3, 5, 10):
        groups = draws.normal(size=(3, seeds))
        rows = draws.permutation(groups.ravel())[None]
        assert statistics.iqm_over_tasks(groups)(rows) == pytest.approx(iqm_of_rows(rows))


def test_a_task_with_more_seeds_weighs_no_more() -> None:
    groups = [[0.0] * 4, [1.0] * 36]
    rows = np.concatenate([np.array(group) for group in groups])[None]
    assert statistics.iqm_over_tasks(groups)(rows) == pytest.approx(0.5)
    assert statistics.mean_over_tasks(groups)(rows) == pytest.approx(0.5)
    assert iqm_of_rows(rows)[0] == pytest.approx(1.0)  # what the pooled runs would say


@pytest.mark.parametrize("sizes", [(12, 12), (20, 40)])
def test_bootstrap_intervals_cover_what_they_estimate(sizes: tuple[int, ...]) -> None:
    """200 studies of normal runs, drawn; the 95 % intervals miss the truth in about 5 %."""
    draws = np.random.default_rng(1)
    inside = np.zeros(3)
    for _ in range(200):
        one = [draws.normal(0.5, 1.0, size) for size in sizes]
        other = [draws.normal(0.0, 1.0, 40) for _ in sizes]
        middle = statistics.stratified_interval(
            one, draws, statistics.iqm_over_tasks(one), draws=500
        )
        chance = statistics.improvement_interval(one, other, draws, draws=500)
        low, high = statistics.profile_band(one, [0.0], draws, draws=500)
        inside += [
            middle.low <= 0.5 <= middle.high,
            chance.low <= 0.63816 <= chance.high,  # the normal probability of 0.5 / sqrt 2
            low[0] <= 0.69146 <= high[0],  # that of 0.5
        ]
    assert (inside / 200 > 0.85).all()
    assert (inside / 200 < 1.0).all()


def test_the_interval_of_these_tasks_has_the_mean_of_the_other_in_it() -> None:
    """Seen: an adaptive study counted the seeds of all tasks alike in one of the two intervals."""
    result = uneven(1.0)
    assert result.across is not None
    gelu = next(line for line in result.across.lines if line.arm.label == "gelu")
    assert gelu.interval is not None
    assert gelu.here is not None
    assert gelu.here.mean == pytest.approx(gelu.interval.mean)


def remade(*parts: TaskResult) -> Result:
    """Return the study of two planted tasks with other runs."""
    from actlas.study.result import make_result

    return make_result(TWO.plan, parts, TWO.report_path, ())


def uneven(shift: float) -> Result:
    """Return it with half of GELU's seeds on the first task, and other scores on the second."""
    few = with_runs(TWO.parts[0], lambda label, i, r: None if label == "gelu" and i >= 5 else r)
    moved = with_runs(
        TWO.parts[1],
        lambda label, _, r: replace(r, test=(r.test or 0.0) + shift) if label == "gelu" else r,
    )
    return remade(few, moved)


# ---------------------------------------------------------------- P22: aggregates over tasks


def test_a_planted_gain_is_found_in_practical_differences_whatever_the_metric() -> None:
    """An error and a score: +2 is two practical differences better on both."""
    for one, gain in zip(TWO.aggregates, (0.0, 0.0, 2.0, 0.0, -2.0), strict=True):
        assert one.middle.mean == pytest.approx(gain, abs=0.25)
        assert one.middle.low < one.middle.mean < one.middle.high
    assert [np.mean(own) for own in TWO.aggregates[0].scores] == pytest.approx([0.0, 0.0])
    chances = [one.improvement.mean for one in TWO.aggregates if one.improvement]
    assert chances == pytest.approx([0.5, 1.0, 0.5, 0.0], abs=0.25)


def test_profiles_fall_from_all_to_none_and_lie_in_their_band() -> None:
    for one in TWO.aggregates:
        found = one.profile
        assert (np.diff(found.shares) <= 0).all()
        assert (found.low <= found.shares).all()
        assert (found.shares <= found.high).all()
    spread = TWO.aggregates[0].profile
    assert (spread.shares[0], spread.shares[-1]) == (1.0, 0.0)
    assert spread.thresholds[0] <= -1.5
    assert spread.thresholds[-1] >= 1.5


def test_a_function_with_fewer_seeds_on_one_task_counts_both_alike() -> None:
    result = uneven(0.04)
    gelu = result.aggregates[2]
    (cells,) = [row for row in all_runs(result).rows if row[0] == "GELU"]
    assert float(cells[1]) == pytest.approx(gelu.middle.mean, abs=0.051)
    assert "nan" not in visible(render(result))
    assert [len(own) for own in gelu.scores] == [5, 10]
    assert [round(float(np.mean(own))) for own in gelu.scores] == [2, 0]
    assert gelu.middle.mean == pytest.approx(1.0, abs=0.3)
    assert gelu.profile.shares[np.searchsorted(gelu.profile.thresholds, 1.0)] == pytest.approx(0.5)


def test_a_diverged_run_moves_no_axis_out_of_sight() -> None:
    broken = with_runs(
        TWO.parts[1],
        lambda label, i, r: replace(r, test=1e6, diverged=True) if i == 0 else r,
    )
    found = aggregates((TWO.parts[0], broken))
    assert found[2].profile.thresholds[0] >= -5
    assert found[2].profile.shares[0] < 1.0


def test_aggregates_stand_in_every_form_and_are_called_exploratory() -> None:
    sheet = all_runs(TWO)
    assert sheet.note.startswith("Exploratory: no verdict rests on these.")
    assert sheet.headings[3] == "beats ReLU"
    for text in (unescape(render(TWO)), markdown(TWO), latex(TWO)):
        assert "All runs together" in text
    page = render(TWO)
    section = page.partition("<h2>All runs together</h2>")[2].partition("</section>")[0]
    assert "Exploratory" in section
    assert section.count("performance profile") == len(TWO.arms)
    assert section.count('class="band"') == len(TWO.arms)


def test_one_task_has_no_aggregates() -> None:
    result = replace(TWO, parts=TWO.parts[:1], across=None)
    assert "All runs together" not in render(result) + markdown(result)


# ---------------------------------------------------------------- P15: epochs and seconds to target


def curved(sign: int = 1) -> TaskResult:
    """Return a task on which the reference ends at 10, with curves that are known.

    The target is 9 where more is better: one practical difference below the reference's median.
    """
    curves = {
        "relu": (7.0, 9.0, 10.0), "relu (A/A)": (7.0, 9.0, 10.0), "gelu": (9.5, 9.5, 9.5),
        "silu": (1.0, 2.0, 9.0), "tanh": (1.0, 2.0, 8.9),
    }  # fmt: skip
    part = replace(TWO.parts[0], task=replace(signs, metric=bumps.metric)) if sign < 0 else (
        TWO.parts[0]
    )  # fmt: skip
    return with_runs(
        part,
        lambda label, _, r: replace(
            r, seconds=6.0, validation_curve=tuple(sign * score for score in curves[label])
        ),
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_the_target_is_one_practical_difference_short_of_the_reference(sign: int) -> None:
    part = curved(sign)
    assert target_of(part) == pytest.approx(sign * 9.0)
    found = [one and (one.epochs, one.seconds, one.never) for one in speeds(part)]
    assert found == [
        (2.0, 4.0, 0), (2.0, 4.0, 0), (1.0, 2.0, 0), (3.0, 6.0, 0), (None, None, 10)
    ]  # fmt: skip


def test_runs_that_never_get_there_count_as_later_than_all_others() -> None:
    def late(label: str, index: int, record: Record) -> Record:
        if label == "gelu" and index < 4:
            return replace(record, validation_curve=(1.0, 1.0, 1.0))
        if label == "silu" and index < 5:  # it got there before it diverged
            return replace(record, diverged=True)
        return record

    part = with_runs(curved(), late)
    gelu, silu = speeds(part)[2:4]
    assert gelu == Speed(epochs=1.0, seconds=2.0, never=4, runs=10)
    assert silu == Speed(epochs=None, seconds=None, never=5, runs=10)
    cells = {row[0]: row[5:7] for row in cost(part).rows}
    assert cells["GELU"] == ("1 (4 of 10 never)", "2")
    assert cells["SiLU"] == ("5 of 10 never", "-")
    assert cells["ReLU"] == ("2", "4")


def test_seconds_of_runs_trained_another_way_are_not_compared() -> None:
    def stacked(label: str, index: int, record: Record) -> Record:
        if label == "gelu" or (label == "silu" and index < 9):
            return replace(record, together=8, seconds=0.6)
        return record

    part = with_runs(curved(), stacked)
    relu, _, gelu, silu = speeds(part)[:4]
    assert relu == Speed(epochs=2.0, seconds=4.0, never=0, runs=10)
    assert gelu == Speed(epochs=1.0, seconds=None, never=0, runs=10)
    assert silu == Speed(epochs=3.0, seconds=6.0, never=0, runs=10)  # of the one run left
    cells = {row[0]: row[5:7] for row in cost(part).rows}
    assert (cells["GELU"], cells["SiLU"]) == (("1", "-"), ("3", "6"))


def test_seconds_of_runs_that_were_all_one_model_are_compared() -> None:
    part = with_runs(curved(), lambda _label, _index, r: replace(r, together=10, seconds=0.6))
    found = [one and one.seconds for one in speeds(part)]
    assert found == [pytest.approx(0.4), pytest.approx(0.4), pytest.approx(0.2),
                     pytest.approx(0.6), None]  # fmt: skip


def test_one_slow_run_of_the_reference_does_not_move_the_target() -> None:
    part = with_runs(
        curved(), lambda label, i, r: replace(r, validation_curve=(0.0,) * 3) if i == 0 else r
    )
    assert target_of(part) == pytest.approx(9.0)


def test_runs_without_curves_have_no_target() -> None:
    part = with_runs(curved(), lambda _label, _index, r: replace(r, validation_curve=(9.0,)))
    assert target_of(part) is None
    assert {row[5:7] for row in cost(part).rows} == {("-", "-")}
    assert target_in_words(part) == ""


def test_the_target_is_named_in_every_form() -> None:
    result = replace(TWO, parts=(curved(), TWO.parts[1]))
    said = target_in_words(result.parts[0])
    assert said.startswith("The target is 9.0 points on the validation set, by a rule fixed bef")
    assert said in unescape(render(result))
    assert said in markdown(result)


# ---------------------------------------------------------------- P1: the usual rivals


@pytest.mark.parametrize(
    ("functions", "said"),
    [
        (["gelu", "silu", "tanh"], ""),
        (["gelu", "tanh"], "SiLU is not among the rivals: "),
        (["tanh", "leaky_relu(negative_slope=0.2)"], "GELU and SiLU are not among the rivals: "),
    ],
    ids=str,
)
def test_usual_rivals_that_are_missing_are_named(functions: list[str], said: str) -> None:
    result = study(Planted(signs, dict.fromkeys(functions, 0.0)), design="fixed")
    found = [sentence for sentence in caveats(result) if "among the rivals" in sentence]
    assert len(found) == bool(said)
    assert all(sentence.startswith(said) for sentence in found)


def test_a_study_without_relu_says_so() -> None:
    result = study(Planted(signs, {"silu": 0.0, "tanh": 1.0}), design="fixed", reference="gelu")
    assert any(sentence.startswith("ReLU is not among") for sentence in caveats(result))


# ---------------------------------------------------------------- P23: a scan of many functions

MANY = ["gelu", "silu", "tanh", "elu", "selu", "mish", "telu", "serf", "softplus", "sigmoid"]


def scan(functions: list[str], *better: str, worse: str = "", design: str = "fixed") -> Result:
    gains = {name: 2.0 * (name in better) - 2.0 * (name == worse) for name in functions}
    return study(Planted(signs, gains, noise=0.5), design=design, seeds=8)


def test_a_scan_names_its_candidates_by_benjamini_hochberg() -> None:
    result = scan(MANY, "gelu", "mish", worse="tanh")
    rows = [row for row in result.table if row.verdict is not None]
    q = statistics.benjamini_hochberg([row.difference.p for row in rows if row.difference])  # type: ignore[misc]
    expected = [row.arm.label for row, one in zip(rows, q, strict=True) if one <= 0.1]
    found = [row.arm.label for row in candidates.candidates(result.only)]
    assert found == expected
    assert {"gelu", "mish", "tanh"} <= set(found)
    said = candidates.in_words(result.only)
    assert said.startswith("A scan of 10 functions: by Benjamini-Hochberg at 10 %, GELU and Mish")
    assert "Tanh is a candidate for worse" in said
    assert "confirmed by a study with fresh seeds" in said
    assert said in unescape(render(result))
    assert said in markdown(result)


def test_nothing_planted_gives_no_candidate() -> None:
    assert "there is no candidate" in candidates.in_words(scan(MANY).only)


@pytest.mark.parametrize(
    "result", [scan(MANY[:9], "gelu"), scan(MANY, "gelu", design="adaptive")],
    ids=["few functions", "adaptive"],
)  # fmt: skip
def test_few_functions_and_adaptive_studies_have_no_candidates(result: Result) -> None:
    assert candidates.in_words(result.only) == ""


def test_every_usual_rival_is_a_function_of_the_catalogue() -> None:
    from actlas.study.report import limits

    assert [actlas.get(name).title for name in limits._USUAL] == ["ReLU", "GELU", "SiLU"]
