"""The report as one HTML file that needs nothing else."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from actlas.study.report.markup import Markup, element, join
from actlas.study.report.sections import pages

if TYPE_CHECKING:
    from actlas.study.result import Result


def render(result: Result) -> str:
    """Return the report as an HTML document without any outside resource."""
    style = Markup((files(__package__) / "report.css").read_text(encoding="utf-8"))
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{_tasks(result)}: {', '.join(_titles(result))}"),
        element("style", style),
    )
    body = element("body", element("main", *pages(result)))
    return join(Markup("<!doctype html>\n"), element("html", head, body, lang="en"), Markup("\n"))


def _tasks(result: Result) -> str:
    return ", ".join(part.task.title for part in result.parts)


def _titles(result: Result) -> list[str]:
    return [arm.title for arm in result.arms if not arm.twin]
