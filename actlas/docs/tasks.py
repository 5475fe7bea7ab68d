"""The page of tasks: python -m actlas.docs.tasks docs/tasks.md

Everything on it is read from the tasks, the docstrings of their files, and the scores of ReLU that
`benchmarks/tasks.py` keeps.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from statistics import mean
from typing import Any

from actlas.docs._markdown import page, plain, section, table
from actlas.study.tasks import Task, built_in_tasks

_INTRODUCTION = """What `actlas compare --task NAME` and study files know by name; `actlas tasks`
says which data are at hand. Data that are not embedded lie below `--data-root` or `ACTLAS_DATA`,
each in its folder, and are checked before they are read. "Does not matter" is the region of
practical equivalence of a study that names none; the rate is the centre of the grid. "Published"
is what others report for the same data and metric, with a network as near to the task's as could be
found: it shows that a recipe is sound, not how far the data go, the less so as some recipes were
found for ReLU with its test scores in sight. A study says whether its reference
reaches it. "ReLU" is what ReLU reaches by the recipe as it stands, and how long a run takes on one
core of {cpu} (`python benchmarks/tasks.py`, mean of {seeds} seeds or more, one for every split). It
is bold where it comes within a point of what is published, or 1 % where less is better: in
{reached} of the {published} tasks that name a published score and were run. Recipes are short, so
that a comparison takes minutes. Where one falls short, the best of 2, 4 and 8 times the epochs
stands behind, as far as minutes go and where it is better, bold if it is enough; `--epochs` sets
them.

Made by `python -m actlas.docs.tasks docs/tasks.md`."""

_HEAD = ("task", "data", "folder", "network", "metric", "does not matter", "recipe", "ReLU",
         "published")  # fmt: skip
MEASURED = Path(__file__).parents[2] / "benchmarks" / "results" / "tasks.json"
Runs = Mapping[str, Any]


def tasks_page(measured: Runs | None = None) -> str:
    """Return the page in Markdown: a section for each file of tasks, those without data first.

    Args:
        measured: what ReLU reaches, as `benchmarks/tasks.py` keeps it; by default what it kept.
    """
    kept = json.loads(MEASURED.read_text(encoding="utf-8")) if measured is None else measured
    tasks = sorted(built_in_tasks(), key=lambda task: (bool(task.folder), _home(task), task.name))
    sections = (_section(home, group, kept["tasks"]) for home, group in groupby(tasks, key=_home))
    return page("Tasks", _introduction(tasks, kept), *sections)


def _introduction(tasks: Iterable[Task], kept: Runs) -> str:
    runs = kept["tasks"]
    held = [task for task in tasks if task.published and task.name in runs]
    return _INTRODUCTION.format(
        cpu=kept["machine"]["processor"],
        seeds=min(len(run["scores"]) for run in runs.values()),
        reached=sum(reaches(task, runs[task.name]) for task in held),
        published=len(held),
    )


def reaches(task: Task, run: Runs | None) -> bool:
    """Return whether a run comes as near to the published score as a study asks."""
    if run is None or task.published is None:
        return False
    return task.published.reached_by(mean(run["scores"]), task.metric)


def _home(task: Task) -> str:
    """Return the module that reads a task's data."""
    return str(getattr(task.data, "func", task.data).__module__)


def _section(home: str, tasks: Iterable[Task], runs: Runs) -> str:
    title, _, text = (sys.modules[home].__doc__ or "").strip().partition("\n")
    rows = (_row(task, _reached(task, runs.get(task.name))) for task in tasks)
    return section(title.rstrip("."), text.strip(), table(_HEAD, rows))


def _reached(task: Task, run: Runs | None) -> str:
    """Return what ReLU reaches by the recipe, and with more epochs where that was tried."""
    if run is None:
        return "not run"
    longer = _longer(task, run)
    more = f"; {longer['epochs']} epochs: {_score(task, longer)}" if longer else ""
    return _score(task, run) + more


def _longer(task: Task, run: Runs) -> Runs | None:
    """Return the runs of more epochs, where the recipe's own do not reach the published score."""
    return None if reaches(task, run) else run.get("longer")


def _score(task: Task, run: Runs) -> str:
    """Return the mean score, bold where it is near enough to the published one, and the time."""
    score = f"{mean(run['scores']):.4g}"
    seconds = f"{run['seconds']:.{int(run['seconds'] < 1)}f}"
    return f"{f'**{score}**' if reaches(task, run) else score}, {seconds} s"


def _row(task: Task, reached: str) -> tuple[str, ...]:
    names = ", ".join(f"`{name}`" for name in (task.name, *task.aliases))
    metric = f"{task.metric.name}, {'more' if task.metric.higher_is_better else 'less'} is better"
    recipe = (
        f"{task.optimizer}, rate {task.learning_rates[task.optimizer]:g}, {task.epochs} epochs, "
        f"batch {task.batch_size}"
    )
    matters = f"{task.practical_difference:g} {task.metric.unit}"
    folder = f"`{task.folder}`" if task.folder else "-"
    published = f"{task.published.score:g}: {task.published.origin}" if task.published else "-"
    cells = (task.source, folder, task.architecture, metric, matters, recipe)
    told = [cell if "`" in cell else plain(cell) for cell in cells]
    return names, *told, reached, plain(published)


def main(path: str) -> None:
    """Write the page."""
    Path(path).write_text(tasks_page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
