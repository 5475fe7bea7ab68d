"""The report of a study: one HTML file that needs nothing else, Markdown, LaTeX, figures."""

from actlas.study.report.page import render
from actlas.study.report.writing import FORMS, check_form, write_as, write_report

__all__ = ["FORMS", "check_form", "render", "write_as", "write_report"]
