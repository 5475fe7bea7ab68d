"""The two tables with charts in them: the comparison, and every single run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actlas.study.analysis import Row
from actlas.study.arms import Arm
from actlas.study.report import charts
from actlas.study.report.markup import Markup, element, join
from actlas.study.report.scale import Scale, covering
from actlas.study.statistics import Verdict
from actlas.study.wording import Figures, multiple, p_value

if TYPE_CHECKING:
    from actlas.study.comparison import Result

_CLASSES = {
    Verdict.BETTER: "better",
    Verdict.WORSE: "worse",
    Verdict.SAME: "same",
    Verdict.OPEN: "undecided",
    None: "neutral",
}


def row_class(row: Row) -> str:
    """Return the CSS class that gives a row's marks their colour."""
    return _CLASSES[row.verdict]


def arm_name(arm: Arm) -> Markup:
    """Return a function's title, with its status where that is not "verified"."""
    badges = []
    if arm.status != "verified":
        badges.append(element("span", arm.status, class_="badge", title=arm.status_reason))
    if arm.twin:
        badges.append(element("span", "A/A", class_="badge", title="the reference once more"))
    return join(arm.title, *badges)


def comparison(result: Result) -> Markup:
    """Return the main table: one row per arm, with the difference drawn and in numbers."""
    metric, figures = result.task.metric, Figures(result.plan.practical_difference or 1.0)
    scale = _difference_scale(result)
    reference = result.arms[0].title
    headings = (
        "Function", "Verdict", f"Difference to {reference}, {metric.unit}", "Mean [interval]",
        "Effect size", "p (Holm)", f"Test {metric.name}", "Learning rate",
    )  # fmt: skip
    body = [_comparison_row(row, result, scale, figures) for row in result.table]
    axis = element(
        "tr",
        *(element("td") for _ in range(2)),
        element("td", charts.strip_axis(scale, signed=True), class_="chart"),
        *(element("td") for _ in range(5)),
        class_="axis",
    )
    table = element(
        "table",
        element("thead", element("tr", *(element("th", text, scope="col") for text in headings))),
        element("tbody", *body, axis),
    )
    return element("div", table, class_="scroll", tabindex="0")


def _difference_scale(result: Result) -> Scale:
    practical = result.plan.practical_difference or 0.0
    reach = [-practical, practical, result.analysis.noise_floor, -result.analysis.noise_floor]
    for row in result.table:
        if row.difference is not None:
            reach += [row.difference.interval.low, row.difference.interval.high]
    return covering(reach)


def _comparison_row(row: Row, result: Result, scale: Scale, figures: Figures) -> Markup:
    cells = _difference_cells(row, figures) if row.difference else _empty_cells()
    class_ = "twin" if row.arm.twin else None
    return element(
        "tr",
        element("th", arm_name(row.arm), scope="row"),
        element("td", _verdict(row)),
        element("td", _forest(row, result, scale, figures), class_="chart"),
        *cells,
        element("td", _two_lines(figures.score(row.score.mean), figures.span(row.score))),
        element("td", _two_lines(f"{row.tuning.learning_rate:g}", _edge(row))),
        class_=class_,
    )


def _verdict(row: Row) -> Markup:
    if row.verdict is None:
        role = "noise floor" if row.arm.twin else "reference"
        own = "its own search, weights and batches" if row.arm.twin else None
        return join(element("span", role, class_="pill neutral"), own and element("small", own))
    pill = element("span", row.verdict.value, class_=f"pill {row_class(row)}", title=row.reason)
    diverged = f"{row.diverged} of {len(row.scores)} runs diverged" if row.diverged else None
    return join(pill, element("small", diverged or row.reason))


def _forest(row: Row, result: Result, scale: Scale, figures: Figures) -> Markup:
    practical, floor = result.plan.practical_difference or 0.0, result.analysis.noise_floor
    marks = [
        charts.span_mark(scale, -practical, practical, "rope"),
        *(charts.rule(scale, end, "floor") for end in (-floor, floor)),
        charts.rule(scale, 0.0, "zero"),
    ]
    label = f"{row.arm.title}: the reference"
    if row.difference is not None:
        interval = row.difference.interval
        label = f"{row.arm.label}: {figures.change(interval.mean)}, {figures.change_span(interval)}"
        marks.append(charts.interval_mark(scale, interval, row_class(row), label))
    return charts.strip(*marks, label=label)


def _difference_cells(row: Row, figures: Figures) -> tuple[Markup, ...]:
    difference = row.difference
    assert difference is not None
    floors = multiple(difference.noise_floors)
    raw = p_value(difference.p)
    corrected = raw if difference.p_holm is None else p_value(difference.p_holm)
    note = "uncorrected" if difference.p_holm is None else f"raw {raw}"
    note = "by the interval" if difference.p is None else note
    interval = difference.interval
    return (
        element("td", _two_lines(figures.change(interval.mean), figures.change_span(interval))),
        element("td", _two_lines(f"d {multiple(difference.effect_size)}", f"{floors} × floor")),
        element("td", _two_lines(corrected, note)),
    )


def _empty_cells() -> tuple[Markup, ...]:
    return tuple(element("td", element("span", "-", class_="muted")) for _ in range(3))


def _two_lines(first: str, second: str) -> Markup:
    return join(element("span", first, class_="number"), element("small", second))


def _edge(row: Row) -> str:
    return f"the {row.tuning.edge} tried" if row.tuning.edge else ""


def runs(result: Result) -> Markup:
    """Return one strip per arm: a dot for each seed, and the mean with its interval."""
    figures = Figures(result.plan.practical_difference or 1.0)
    scores = [score for row in result.table for score in row.scores]
    ends = [end for row in result.table for end in (row.score.low, row.score.high)]
    scale = covering([*scores, *ends])
    rows = [_runs_row(row, result.plan.seeds, scale, figures) for row in result.table]
    axis = join(element("div"), charts.strip_axis(scale))
    return element("div", *rows, axis, class_="strips")


def _runs_row(row: Row, seeds: tuple[int, ...], scale: Scale, figures: Figures) -> Markup:
    titles = [
        f"{row.arm.label}, seed {seed}: {figures.score(score)}"
        for seed, score in zip(seeds, row.scores, strict=False)  # fewer if it was stopped
    ]
    label = f"{row.arm.label}: mean {figures.score(row.score.mean)}, {figures.span(row.score)}"
    marks = (
        *(charts.rule(scale, tick, "grid") for tick in scale.ticks()),
        charts.interval_mark(scale, row.score, row_class(row), label),
        charts.dots(scale, row.scores, titles),
    )
    name = element("div", arm_name(row.arm), class_="name")
    return join(name, charts.strip(*marks, label=label))
