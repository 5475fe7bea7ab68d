"""A record as tables: ratios first, then time, bandwidth and the share of a copy's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from actlas.bench.cells import BOTH, FORWARD, INTO, Cell
from actlas.bench.goals import Verdict
from actlas.bench.peers import COPY
from actlas.bench.race import Quartiles
from actlas.bench.record import Record, Row

if TYPE_CHECKING:
    from rich.table import Table as RichTable

ABSENT = "–"
_MODES = {FORWARD: "forward", BOTH: "forward and backward", INTO: "into a ready buffer"}
_DTYPES = {"fp32": "float32", "bf16": "bfloat16"}


@dataclass(frozen=True)
class Table:
    """Headings and rows of plain text, words in the first columns and numbers in the others."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1

    def markdown(self) -> str:
        """Return it in Markdown, without its title."""
        lines = [self.headings, *self.rows]
        head, *body = (f"| {' | '.join(line)} |" for line in lines)
        rule = "|" + "---|" * self.words + "---:|" * (len(self.headings) - self.words)
        return "\n".join([head, rule, *body])

    def rich(self) -> RichTable:
        """Return it for a terminal."""
        from rich.table import Table as RichTable

        shown = RichTable(title=self.title, title_justify="left", title_style="bold")
        for number, heading in enumerate(self.headings):
            shown.add_column(
                heading, justify="left" if number < self.words else "right", no_wrap=not number
            )
        for row in self.rows:
            shown.add_row(*row)
        return shown


def spread(ratio: Quartiles) -> str:
    """Return a median with its quartiles.

    >>> spread((8.912, 9.314, 9.7))
    '9.31 (8.91–9.7)'
    """
    low, middle, high = (f"{value:.3g}" for value in ratio)
    return f"{middle} ({low}–{high})"


def median(ratio: Quartiles) -> str:
    """Return a median alone."""
    return f"{ratio[1]:.3g}"


def title(cell: Cell) -> str:
    """Return what a group of rows has in common, in words.

    >>> title(Cell("", "into", 16_000_000, "bf16", "wide"))
    'bfloat16, 16,000,000 wide numbers, into a ready buffer'
    """
    kind = "" if cell.inputs == "normal" else f"{cell.inputs} "
    return f"{_DTYPES[cell.dtype]}, {cell.size:,} {kind}numbers, {_MODES[cell.mode]}"


def groups(record: Record) -> list[Cell]:
    """Return what rows have in common, those nearest to the centre first."""
    found = {Cell("", *astuple(row.cell)[1:]) for row in record.rows}
    return sorted(found, key=lambda cell: (cell.distance(), cell.size, cell.mode))


def ratios(record: Record, like: Cell, spreads: bool = True) -> Table:
    """Return the rows of a group: time of each peer / time of actlas, then what actlas takes."""
    rows = _widest(record.group(like))
    names = dict.fromkeys(name for row in rows for name in row.ratio)
    peers = [name for name in (*record.about["peers"], *names) if name in names]
    peers = [name for name in dict.fromkeys(peers) if name != COPY.name]
    show = spread if spreads else median
    body = tuple(
        (row.cell.function, *(_shown(row.ratio.get(name), show) for name in peers), *_cost(row))
        for row in rows
    )
    return Table(title(like), ("function", *peers, "ns", "GB/s", "of copy"), body)


def _widest(rows: Iterable[Row]) -> list[Row]:
    """Return one row a function: of two the one with more peers."""
    best: dict[str, Row] = {}
    for row in rows:
        if len(row.ns) >= len(best.get(row.cell.function, row).ns):
            best[row.cell.function] = row
    return list(best.values())


def _shown(ratio: Quartiles | None, show: Callable[[Quartiles], str]) -> str:
    return ABSENT if ratio is None else show(ratio)


def _cost(row: Row) -> tuple[str, str, str]:
    ns = row.ns["actlas"][1]
    return f"{ns:.3g}", f"{row.bandwidth:.3g}", f"{row.share_of_copy:.0%}"


def verdicts(found: Sequence[Verdict]) -> Table:
    """Return the goals, each with the function that is farthest from it."""
    headings = ("against", "mode", "elements", "goal", "measured", "functions", "verdict")
    return Table("goals", headings, tuple(_verdict(one) for one in found), words=2)


def _verdict(one: Verdict) -> tuple[str, ...]:
    goal = one.goal
    head = (goal.against, goal.mode, f"{goal.size:,}", goal.bound)
    if not one.findings:
        return (*head, ABSENT, ABSENT, one.word)
    worst, kept = one.findings[0], len(one.findings) - len(one.missed)
    name = f"{worst.function} " if len(one.findings) > 1 else ""
    return (*head, name + spread(worst.ratio), f"{kept} of {len(one.findings)}", one.word)
