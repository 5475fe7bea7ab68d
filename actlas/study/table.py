"""The table of a study in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actlas.study.analysis import Row
from actlas.study.comparison import Result
from actlas.study.statistics import Verdict
from actlas.study.wording import Figures, multiple, p_value, seeds_in_words

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_STYLES = {
    Verdict.BETTER: "bold green",
    Verdict.WORSE: "bold red",
    Verdict.SAME: "cyan",
    Verdict.OPEN: "yellow",
}


def render_table(result: Result) -> Table:
    """Return the table that the terminal shows: `rich.print(render_table(result))`."""
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


def _verdict(row: Row) -> Text:
    from rich.text import Text

    if row.verdict is None:
        return Text("noise floor" if row.arm.twin else "reference")
    return Text(row.verdict.value, style=_STYLES[row.verdict])
