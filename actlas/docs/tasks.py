"""The page of tasks: python -m actlas.docs.tasks docs/tasks.md

Everything on it is read from the tasks and the docstrings of their files.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from actlas.docs._markdown import page, plain, section, table
from actlas.study.tasks import Task, built_in_tasks

_INTRODUCTION = """What `actlas compare --task NAME` and study files know by name; `actlas tasks`
says which data are at hand. Data that are not embedded lie below `--data-root` or `ACTLAS_DATA`,
each in its folder, and are checked before they are read. "Does not matter" is the region of
practical equivalence of a study that names none; the rate is the centre of the grid. "Published"
is what others report for the same data and metric: a study says whether its reference reaches it.

Made by `python -m actlas.docs.tasks docs/tasks.md`."""

_HEAD = ("task", "data", "folder", "network", "metric", "does not matter", "recipe",
         "published")  # fmt: skip


def tasks_page() -> str:
    """Return the page in Markdown: a section for each file of tasks, those without data first."""
    tasks = sorted(built_in_tasks(), key=lambda task: (bool(task.folder), _home(task), task.name))
    sections = (_section(home, group) for home, group in groupby(tasks, key=_home))
    return page("Tasks", _INTRODUCTION, *sections)


def _home(task: Task) -> str:
    """Return the module that reads a task's data."""
    return str(getattr(task.data, "func", task.data).__module__)


def _section(home: str, tasks: Iterable[Task]) -> str:
    title, _, text = (sys.modules[home].__doc__ or "").strip().partition("\n")
    return section(title.rstrip("."), text.strip(), table(_HEAD, map(_row, tasks)))


def _row(task: Task) -> tuple[str, ...]:
    names = ", ".join(f"`{name}`" for name in (task.name, *task.aliases))
    metric = f"{task.metric.name}, {'more' if task.metric.higher_is_better else 'less'} is better"
    recipe = (
        f"{task.optimizer}, rate {task.learning_rates[task.optimizer]:g}, {task.epochs} epochs, "
        f"batch {task.batch_size}"
    )
    matters = f"{task.practical_difference:g} {task.metric.unit}"
    folder = f"`{task.folder}`" if task.folder else "-"
    published = f"{task.published.score:g}: {task.published.origin}" if task.published else "-"
    cells = (task.source, folder, task.architecture, metric, matters, recipe, published)
    return (names, *(cell if "`" in cell else plain(cell) for cell in cells))


def main(path: str) -> None:
    """Write the page."""
    Path(path).write_text(tasks_page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
