"""The forms in which a report is written: one page, Markdown, LaTeX tables, figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from actlas.errors import ActlasError, nearest
from actlas.study.report.figures import write_figures
from actlas.study.report.latex import latex
from actlas.study.report.markdown import markdown
from actlas.study.report.page import render

if TYPE_CHECKING:
    from actlas.study.result import Result

FIGURES = "figures"


def write_report(result: Result) -> None:
    """Write the report to `result.report_path`, all at once or not at all."""
    _write(result.report_path, render(result))


def write_as(result: Result, form: str) -> list[Path]:
    """Write the report in one of its forms, beside `result.report_path`; return the paths.

    Args:
        result: a finished study.
        form: "html", "markdown" (report.md), "latex" (tables.tex) or "figures" (a folder of PNG
            and SVG); Markdown shows the figures that are there already.

    Raises:
        ActlasError: for another form, a file that cannot be written, figures without matplotlib.
    """
    check_form(form)
    try:
        return FORMS[form](result)
    except OSError as error:
        raise ActlasError(f"cannot write {error.filename}: {error.strerror}") from error


def check_form(form: str) -> None:
    """Raise ActlasError unless a report can be written in this form."""
    if form not in FORMS:
        raise ActlasError(
            f"no report can be written as {form!r}; the forms are {', '.join(FORMS)}."
            f"{nearest(form, FORMS)}"
        )


def _write(path: Path, text: str) -> list[Path]:
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise ActlasError(f"cannot write the report {path}: {error.strerror}") from error
    return [path]


def _html(result: Result) -> list[Path]:
    return _write(result.report_path, render(result))


def _markdown(result: Result) -> list[Path]:
    folder = result.report_path.parent
    there = sorted(path.name for path in (folder / FIGURES).glob("*.png"))
    return _write(folder / "report.md", markdown(result, [f"{FIGURES}/{name}" for name in there]))


def _latex(result: Result) -> list[Path]:
    return _write(result.report_path.with_name("tables.tex"), latex(result))


def _figures(result: Result) -> list[Path]:
    return write_figures(result, result.report_path.with_name(FIGURES))


FORMS: Mapping[str, Callable[[Result], list[Path]]] = {
    "html": _html,
    "figures": _figures,
    "markdown": _markdown,
    "latex": _latex,
}
