"""The tables of a study in the terminal: each part, all tasks together, what recipes change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actlas.study.across import Across, Line
from actlas.study.analysis import Row
from actlas.study.interaction import Interaction
from actlas.study.result import Result, TaskResult
from actlas.study.statistics import Interval, Verdict
from actlas.study.wording import Figures, chances, multiple, p_value, seeds_in_words

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_STYLES = {
    Verdict.BETTER: "bold green",
    Verdict.WORSE: "bold red",
    Verdict.SAME: "cyan",
    Verdict.OPEN: "yellow",
}


def render_table(result: Result | TaskResult) -> Table:
    """Return the table of one task: `rich.print(render_table(result))`, or of `result.parts`."""
    from rich.table import Table

    metric, plan = result.task.metric, result.plan
    figures = Figures(plan.practical_difference or 1.0)
    caption = (
        f"{seeds_in_words(plan)}; differences below {plan.practical_difference:g} "
        f"{metric.unit} do not matter; noise floor {figures.score(result.analysis.noise_floor)} "
        f"{metric.unit}; positive = better"
    )
    table = Table(title=result.headline, title_justify="left", caption=caption)
    table.add_column("function", no_wrap=True)
    for heading in ("rate", metric.name, "95 % interval", f"vs {result.arms[0].title}",
                    "interval", "d", "p (Holm)"):  # fmt: skip
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict")
    for row in result.table:
        style = "dim" if row.arm.twin else None
        table.add_row(*_numbers(row, figures), _verdict(row), style=style)
    return table


def _numbers(row: Row, figures: Figures) -> tuple[Text | str, ...]:
    from rich.text import Text

    notes = " (A/A)" * row.arm.twin + f" [{row.arm.status}]" * (row.arm.status != "verified")
    name = Text(row.arm.title + notes)
    scores = (f"{row.tuning.learning_rate:g}", figures.score(row.score.mean))
    cells = (name, *scores, figures.span(row.score))
    if row.difference is None:
        return (*cells, "", "", "", "")
    p = row.difference.p if row.difference.p_holm is None else row.difference.p_holm
    interval = row.difference.interval
    change = (figures.change(interval.mean), figures.change_span(interval))
    return (*cells, *change, multiple(row.difference.effect_size), p_value(p))


def render_across(across: Across) -> Table:
    """Return the table over all tasks, in practical differences."""
    from rich.table import Table
    from rich.text import Text

    caption = (
        "mean difference in practical differences; the interval speaks of tasks like these; "
        "positive = better"
    )
    table = Table(title=across.headline, title_justify="left", caption=caption)
    table.add_column("function", no_wrap=True)
    for heading in (f"over {len(across.tasks)} tasks", "interval", "mean rank", "p (Holm)",
                    "worse/same/better %"):  # fmt: skip
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict")
    for line in across.lines:
        name = Text(line.arm.title + " (A/A)" * line.arm.twin)
        style = "dim" if line.arm.twin else None
        table.add_row(name, *_numbers_over_tasks(line), _verdict(line), style=style)
    return table


def _numbers_over_tasks(line: Line) -> tuple[str, ...]:
    interval = line.interval
    mean = ("", "") if interval is None else (f"{interval.mean:+.2f}", _ends(interval))
    rank = "" if line.rank is None else f"{line.rank:.2f}"
    p = "" if line.pair is None else p_value(line.pair.p_holm)
    return (*mean, rank, p, "" if line.chances is None else chances(line.chances))


def _ends(interval: Interval) -> str:
    return f"{interval.low:+.2f} to {interval.high:+.2f}"


def render_interaction(interaction: Interaction) -> Table:
    """Return the table of what recipes change, in the unit of each task."""
    from rich.table import Table
    from rich.text import Text

    caption = (
        "change of the difference to the reference, seed by seed; positive = the function gains "
        "more; the intervals of a task hold together at 95 %"
    )
    title = " ".join(interaction.remarks)
    table = Table(title=title, title_justify="left", caption=caption)
    for heading in ("function", "on", "recipe"):
        table.add_column(heading, no_wrap=True)
    for heading in ("change", "interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("the function")
    for change in interaction.changes:
        figures, twin = Figures(change.practical), change.arm.twin
        table.add_row(
            Text(change.arm.title + " (A/A)" * twin), change.task,
            change.recipe, f"{figures.change(change.interval.mean)} {change.unit}",
            figures.change_span(change.interval),
            Text(change.reading, style=_STYLES[change.verdict] if change.verdict else ""),
            style="dim" if twin else None,
        )  # fmt: skip
    return table


def _verdict(row: Row | Line) -> Text:
    from rich.text import Text

    if row.verdict is None:
        return Text("noise floor" if row.arm.twin else "reference")
    return Text(row.verdict.value, style=_STYLES[row.verdict])
