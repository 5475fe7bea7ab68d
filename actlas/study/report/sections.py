"""The sections of the report, in the order in which they are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actlas.study.report import (
    candidates,
    content,
    cost_chart,
    details,
    overview,
    panels,
    search_sheet,
    tables,
)
from actlas.study.report.cost_sheet import cost, terms_in_words
from actlas.study.report.functions import functions
from actlas.study.report.limits import caveats
from actlas.study.report.markup import Markup, element, join
from actlas.study.report.profiles import profiles
from actlas.study.report.size_sheet import size, sizes_in_words
from actlas.study.wording import Figures, listed

if TYPE_CHECKING:
    from actlas.study.result import Result, TaskResult


@dataclass(frozen=True)
class Section:
    """A card of the report: its heading, what to look at, and what it shows of a result."""

    title: str
    note: str
    show: Callable[..., Markup]
    folded: bool = False

    def __call__(self, found: Result | TaskResult, level: str = "h2") -> Markup:
        """Return the card, with a heading of the given level; nothing if it has nothing to show."""
        heading, shown = element(level, self.title), self.show(found)
        if not shown:
            return shown
        inside = join(element("p", self.note, class_="note"), shown)
        if self.folded:
            inside = element("details", element("summary", heading), inside)
            return element("section", inside, class_="folded")
        return element("section", heading, inside)


def hero(result: Result) -> Markup:
    """Return the answer in one sentence, and what it does not say."""
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
        None if len(result.parts) == 1 else _contents(result),
    )


def _facts(result: Result) -> Markup:
    plan = result.plan
    facts = {
        "tasks": str(len(plan.tasks)),
        "recipes": str(_recipes(result)),
        "seeds each" if plan.design == "fixed" else "seeds each, at most": str(len(plan.seeds)),
        "networks trained": f"{len(result.records):,}",
        **_sizes(result),
    }
    facts = {name: told for name, told in facts.items()
             if told != "1" or name not in ("tasks", "recipes")}  # fmt: skip
    pairs = (join(element("dd", number), element("dt", name)) for name, number in facts.items())
    return element("dl", *(element("div", pair) for pair in pairs), class_="facts")


def _recipes(result: Result) -> int:
    """Return how many recipes there are, on the task with most of them."""
    return max(Counter(part.part.task for part in result.parts).values())


def _sizes(result: Result) -> dict[str, str]:
    """Return what is too small to matter, and what chance alone does."""
    if result.across is not None:
        return {"practical differences between equals": f"±{result.across.noise_floor:.2f}"}
    part = result.parts[0]  # of one task, maybe under several recipes
    practical, unit = part.plan.practical_difference or 1.0, part.task.metric.unit
    floor = max(part.analysis.noise_floor for part in result.parts)
    return {
        f"{unit} are too small to matter": f"±{practical:g}",
        f"{unit} of difference between equals": f"±{Figures(practical).score(floor)}",
    }


def _contents(result: Result) -> Markup:
    """Return links to the parts of a long report."""
    all_of_them = "All recipes" if result.across is None else "All tasks"
    places = {"over": all_of_them, **{f"task-{i}": part.task.title
              for i, part in enumerate(result.parts)}, "run": "What was run"}  # fmt: skip
    links = (element("a", title, href=f"#{place}") for place, title in places.items())
    return element("nav", *links, aria_label="Contents")


def _plain(make: Callable[[TaskResult], content.Sheet]) -> Callable[[TaskResult], Markup]:
    """Return what shows a table, or nothing where it has no rows."""
    return lambda part: tables.plain(sheet) if (sheet := make(part)).rows else join()


def _comparison(part: TaskResult) -> Markup:
    return join(tables.comparison(part), _remark(candidates.in_words(part)))


def _cost(part: TaskResult) -> Markup:
    chart = element("div", cost_chart.chart(part), class_="scroll", tabindex="0")
    sizes = size(part)
    return join(
        chart, tables.plain(cost(part)), _remark(terms_in_words(part)),
        tables.plain(sizes) if sizes.rows else None, _remark(sizes_in_words(part)),
    )  # fmt: skip


def _remark(text: str) -> Markup | None:
    """Return a sentence that stands below a table, or nothing."""
    return element("p", text, class_="remark") if text else None


TASK_SECTIONS = (
    Section(
        "The comparison",
        "Difference in the test score from the reference, seed by seed, with an interval of "
        "the level beside it. To the right is better. Within the shaded band a difference has no "
        "practical meaning; the dashed lines are the noise floor: what two arms of the same "
        "function differ by. The bar shows the chances that a function is worse, practically the "
        "same, or better.",
        _comparison,
    ),
    Section(
        "Every run",
        "The test score of each seed, read once, when its epoch had been chosen; the bar is the "
        "95 % interval of the mean.",
        tables.runs,
    ),
    Section(
        "Learning curves",
        "Validation score by epoch: mean over the seeds and the range of the middle 80 % of "
        "runs. Grey: the reference. The first epochs may lie outside the frame.",
        panels.curves,
    ),
    Section(
        "Sensitivity to the learning rate",
        "Validation score for every rate of the search, mean over its seeds; the ring is the rate "
        "that was chosen. Grey: the reference. Shaded: the basin, the rates within 1 % of the best "
        "score; a wide one forgives a wrong rate. Dotted, where there are any: the short runs, "
        "which chose the rates that were trained in full. Of a joint search every dot has a decay "
        "of its own, and hollow dots are short runs.",
        panels.rates,
    ),
    Section(
        "What it costs",
        "What a function gains against the time that it takes, both beside the reference; up and "
        "to the left is better. The A/A arm computes what the reference does: its distance from 1 "
        "shows how exact the clock is.",
        _cost,
    ),
    Section(
        "The numbers of the search",
        "Every score behind the curves above, and the mean over the grid, which punishes a "
        "function that needs just the right rate.",
        _plain(search_sheet.tuning),
        folded=True,
    ),
    Section(
        "A shorter training",
        "Would fewer epochs have said the same? The order of the functions by their best "
        "validation score so far, and how far it agrees with the order at the end (Kendall's tau: "
        "1 the same, 0 unrelated, -1 reversed). Functions that make no difference change places by "
        "chance.",
        _plain(content.shorter),
        folded=True,
    ),
    Section(
        "The same differences by other methods",
        "Without a normal distribution: BCa bootstrap, sign flips, Wilcoxon. How often a run beats "
        "one of the reference. And how many seeds would find a difference that matters in four "
        "studies of five.",
        _plain(content.methods),
        folded=True,
    ),
)

OVER_TASKS = (
    Section(
        "Function by task",
        "Mean difference to the reference on every task, under every recipe where there are "
        "several, with its interval and verdict. The fuller the colour, the more practical "
        "differences.",
        overview.heat_map,
    ),
    Section(
        "Over all tasks",
        "Differences counted in each task's practical difference, so that tasks with other units "
        "stand side by side: within the shaded band, one to each side, nothing matters. The "
        "interval draws tasks and seeds anew, so it speaks of tasks like these. A task counts "
        "once, as the mean over its recipes.",
        overview.over_tasks,
    ),
    Section(
        "All runs together",
        "Exploratory: no verdict rests on it. Every run of every task, counted in the task's "
        "practical difference from the mean of the reference there: 0 is that mean, +1 one "
        "practical difference better. The table holds the mean of the middle half of the runs, how "
        "often a run beats one of the reference (seeds not paired), and the share of runs above "
        "three thresholds. The curves show that share, in percent, for every threshold, with a "
        "95 % band: further right is better, and a steep one is steady. Grey: the reference. "
        "Shaded: less than one practical difference. Runs may lie outside the frame. Tasks weigh "
        "the same; the intervals speak of these tasks only, and are too narrow with few seeds.",
        profiles,
    ),
    Section(
        "What the recipe changes",
        "By how much the difference to the reference is larger with one recipe than with another, "
        "seed by seed; to the right the function gains more. The intervals of a task hold together "
        "at 95 %. Two verdicts may differ by chance alone: the change shows whether they do.",
        overview.changes,
    ),
)


def _provenance(result: Result) -> Markup:
    terms = (
        join(element("dt", name), element("dd", text))
        for name, text in details.entries(result).items()
    )
    return element("dl", *(element("div", term) for term in terms), class_="plan")


def _repeat(result: Result) -> Markup:
    return join(
        element("pre", element("code", details.command(result)), class_="command"),
        element("pre", element("code", details.study_file(result))),
    )


def _limits(result: Result) -> Markup:
    return element("ul", *(element("li", text) for text in caveats(result)), class_="limits")


CLOSING = (
    Section(
        "The functions",
        "The function as a line, its derivative dashed, the reference in grey.",
        functions,
    ),
    Section("What was run", "Everything that decides the outcome, fixed before the first run.",
            _provenance),
    Section("How to repeat it", "The study as it was frozen. Save it as study.toml, then:",
            _repeat),
    Section("What this study cannot say", "", _limits),
)  # fmt: skip


def pages(result: Result) -> Sequence[Markup]:
    """Return the whole report: the answer, all tasks together, each of them, how it was made."""
    if len(result.parts) == 1:
        shown = [section(result.only) for section in TASK_SECTIONS]
    else:
        over = element("div", *(section(result) for section in OVER_TASKS), id="over")
        shown = [over, *(_page(part, index) for index, part in enumerate(result.parts))]
    closing = element("div", *(section(result) for section in CLOSING), id="run")
    return [hero(result), *shown, closing]


def _page(part: TaskResult, index: int) -> Markup:
    head = element(
        "header",
        element("p", part.name, class_="kicker"),
        element("h2", part.headline),
        class_="task",
    )
    return element(
        "article", head, *(section(part, "h3") for section in TASK_SECTIONS), id=f"task-{index}"
    )
