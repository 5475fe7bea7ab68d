"""The tables of the report for LaTeX, in the style of booktabs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from actlas.study.report.content import Sheet, sheets

if TYPE_CHECKING:
    from actlas.study.result import Result

_SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"$<$", ">": r"$>$", "±": r"$\pm$", "×": r"$\times$", "²": "$^2$",
}  # fmt: skip


def latex(result: Result) -> str:
    """Return all tables of a study; they need `\\usepackage{booktabs}`."""
    head = "% Tables of a study of actlas; \\usepackage{booktabs} goes into the preamble.\n"
    return head + "".join(f"\n{_table(sheet)}" for sheet in sheets(result))


def _table(sheet: Sheet) -> str:
    rows = "".join(f"    {_row(row)}\n" for row in sheet.rows)
    return (
        "\\begin{table}\n"
        f"  \\caption{{{escaped(sheet.title)}. {escaped(sheet.note)}}}\n"
        f"  \\begin{{tabular}}{{l{'r' * (len(sheet.headings) - 1)}}}\n"
        f"    \\toprule\n    {_row(sheet.headings)}\n    \\midrule\n{rows}    \\bottomrule\n"
        "  \\end{tabular}\n"
        "\\end{table}\n"
    )


def _row(cells: tuple[str, ...]) -> str:
    return " & ".join(map(escaped, cells)) + r" \\"


def escaped(text: str) -> str:
    """Return text for LaTeX; a signed number gets a minus instead of a hyphen.

    >>> print(escaped("a_b: -0.33 to +1.15 (95 %)"))
    a\\_b: $-0.33$ to $+1.15$ (95 \\%)
    """
    plain = "".join(_SIGNS.get(letter, letter) for letter in text)
    return re.sub(r"(?<![\w.$])([+-]\d+(?:\.\d+)?)", r"$\1$", plain)
