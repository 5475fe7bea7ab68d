"""The report of a study: one HTML file that needs nothing else."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from actlas.errors import ActlasError
from actlas.study.report.markup import Markup, element, join
from actlas.study.report.sections import SECTIONS

if TYPE_CHECKING:
    from actlas.study.comparison import Result


def write_report(result: Result) -> None:
    """Write the report to `result.report_path`, all at once or not at all."""
    path = result.report_path
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(render(result), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise ActlasError(f"cannot write the report {path}: {error.strerror}") from error


def render(result: Result) -> str:
    """Return the report as an HTML document without any outside resource."""
    style = Markup((files(__name__) / "report.css").read_text(encoding="utf-8"))
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{result.task.title}: {', '.join(_titles(result))}"),
        element("style", style),
    )
    body = element("body", element("main", *(section(result) for section in SECTIONS)))
    return join(Markup("<!doctype html>\n"), element("html", head, body, lang="en"), Markup("\n"))


def _titles(result: Result) -> list[str]:
    return [arm.title for arm in result.arms if not arm.twin]
