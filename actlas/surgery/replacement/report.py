"""What was replaced, what was not and why; and the way back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from torch import nn

from actlas.errors import ActlasError
from actlas.surgery.replacement.changes import Change, revert_all
from actlas.surgery.replacement.groups import param_groups

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One place: `status` is "replaced", "refused" (`reason` says why) or "kept".

    `path` is where the new module stands, `where` the methods and lines that call it.
    `difference` is the largest |new - old| on [-10, 10] at the start, None where it is not known,
    and `same_bits` whether the two agree bit for bit on all bfloat16 numbers. `rescaled` is the
    factor of the weight before it.
    """

    path: str
    kind: str
    old: str
    new: str
    status: str
    reason: str = ""
    where: str = ""
    difference: float | None = None
    same_bits: bool = False
    rescaled: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def remark(self) -> str:
        """The reason and the notes in one line."""
        return "; ".join(filter(None, (self.reason, *self.notes)))


@dataclass
class Report:
    """What `replace` did, or would do where `dry_run` is set.

    Iterating gives its rows; `print(report)` gives a table in words, rich prints a better one.
    """

    rows: tuple[Row, ...]
    dry_run: bool
    model: nn.Module = field(repr=False)
    modules: dict[str, nn.Module] = field(default_factory=dict, repr=False)
    changes: Sequence[Change] = field(default=(), repr=False)
    undone: bool = False

    def __iter__(self) -> Any:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def replaced(self) -> tuple[Row, ...]:
        """The places that have a new function."""
        return self._with("replaced")

    @property
    def refused(self) -> tuple[Row, ...]:
        """The places that were meant and could not be changed."""
        return self._with("refused")

    @property
    def kept(self) -> tuple[Row, ...]:
        """The known functions that were not meant, or left out by first, last, every or where."""
        return self._with("kept")

    def _with(self, status: str) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.status == status)

    @property
    def difference(self) -> float | None:
        """The largest difference of any place at the start, None where one is not known."""
        found = [row.difference for row in self.replaced]
        return None if None in found else max((d for d in found if d is not None), default=0.0)

    def undo(self) -> None:
        """Put everything back as it was; the new modules and what they learned are dropped.

        Raises:
            ActlasError: if nothing was changed, if it was undone before, or if the model was
                changed again at the same places since; the model is left as it is then.
        """
        if self.dry_run:
            raise ActlasError("this was a dry run; there is nothing to undo")
        if self.undone:
            raise ActlasError("this replacement has been undone before")
        revert_all(self.changes)
        self.undone = True

    def param_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Return groups for an optimiser: shapes of functions without decay, and the rest."""
        return param_groups(self.model, weight_decay, self.modules.values())

    def records(self) -> list[dict[str, Any]]:
        """Return the rows as dictionaries."""
        return [asdict(row) for row in self.rows]

    def table(self) -> Table:
        """Return the places that were meant as a table for rich."""
        from rich.table import Table

        table = Table(caption=self._summary(), caption_justify="left")
        for name in ("place", "was", "is" if not self.dry_run else "would be", "remark"):
            table.add_column(name, overflow="fold")
        for row in (*self.replaced, *self.refused):
            table.add_row(
                row.path, row.old, row.new if row.status == "replaced" else "–", remark(row)
            )
        return table

    def __rich__(self) -> Table:
        return self.table()

    def __str__(self) -> str:
        lines = [
            f"{row.path}: {row.old} -> {row.new}" + (f" ({remark(row)})" if remark(row) else "")
            if row.status == "replaced"
            else f"{row.path}: {row.old} stays ({row.remark})"
            for row in (*self.replaced, *self.refused)
        ]
        return "\n".join([*lines, self._summary()])

    def _summary(self) -> str:
        done = "would be replaced" if self.dry_run else "replaced"
        parts = [f"{len(self.replaced)} {done}"]
        parts += [f"{len(self.refused)} refused"] if self.refused else []
        if self.kept:
            kinds = Counter(row.old for row in self.kept)
            named = ", ".join(f"{name} ×{count}" for name, count in kinds.items())
            parts.append(f"{len(self.kept)} others kept: {named}")
        return "; ".join(parts)


def remark(row: Row) -> str:
    """Return what is to be said about a place: how it starts, its scale, and the notes."""
    parts = [row.remark]
    if row.same_bits:
        parts.insert(0, "starts as the old one, bit for bit")
    elif row.difference is not None and row.status == "replaced":
        parts.insert(0, f"differs from it by up to {row.difference:.2g}")
    if row.rescaled is not None:
        parts.append(f"weight before it ×{row.rescaled:.4g}")
    return "; ".join(filter(None, parts))
