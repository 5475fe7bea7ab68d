"""The sections of the report, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from actlas.study.report.details import caveats, limits, provenance
from actlas.study.report.markup import Markup, element, join
from actlas.study.report.panels import curves, functions, rates
from actlas.study.report.tables import comparison, runs
from actlas.study.wording import Figures, listed

if TYPE_CHECKING:
    from actlas.study.comparison import Result


def hero(result: Result) -> Markup:
    """The answer in one sentence, and what it does not say."""
    others = [arm.title for arm in result.arms[2:]]
    asked = f"Which activation function: {result.arms[0].title}, or {listed(others)}?"
    caveat = (element("strong", "Bear in mind: "), caveats(result)[0])
    return element(
        "header",
        element("p", "actlas · comparison of activation functions", class_="kicker"),
        element("p", asked, class_="question"),
        element("h1", result.headline),
        element("p", *caveat, class_="caveat"),
        _facts(result),
    )


def _facts(result: Result) -> Markup:
    plan, unit = result.plan, result.task.metric.unit
    figures = Figures(plan.practical_difference or 1.0)
    facts = {
        "seeds each" if plan.design == "fixed" else "seeds each, at most": str(len(plan.seeds)),
        "networks trained": str(len(result.records)),
        f"{unit} are too small to matter": f"±{plan.practical_difference:g}",
        f"{unit} of difference between equals": f"±{figures.score(result.analysis.noise_floor)}",
    }
    pairs = (join(element("dd", number), element("dt", name)) for name, number in facts.items())
    return element("dl", *(element("div", pair) for pair in pairs), class_="facts")


Section = Callable[["Result"], Markup]


def _section(title: str, note: str, content: Section) -> Section:
    def section(result: Result) -> Markup:
        heading = element("h2", title)
        return element("section", heading, element("p", note, class_="note"), content(result))

    return section


SECTIONS: tuple[Section, ...] = (
    hero,
    _section(
        "The comparison",
        "Difference in the test score from the reference, seed by seed, with an interval of "
        "the level beside it. To the right is better. Within the shaded band a difference has no "
        "practical meaning; the dashed lines are the noise floor: what "
        "two arms of the same function differ by.",
        comparison,
    ),
    _section(
        "Every run",
        "The test score of each seed, read once, at the epoch that was best on the validation "
        "set; the bar is the 95 % interval of the mean.",
        runs,
    ),
    _section(
        "Learning curves",
        "Validation score by epoch: mean over the seeds and the range of the middle 80 % of "
        "runs. Grey: the reference. The first epochs may lie below the frame.",
        curves,
    ),
    _section(
        "Sensitivity to the learning rate",
        "Validation score for every rate of the search, mean over its seeds; the ring is the rate "
        "that was chosen. Grey: the reference. A flat curve forgives a wrong rate.",
        rates,
    ),
    _section(
        "The functions",
        "The function as a line, its derivative dashed, the reference in grey.",
        functions,
    ),
    _section("What was run", "Everything that decides the outcome, fixed before the first run.",
             provenance),
    _section("What this study cannot say", "", limits),
)  # fmt: skip
