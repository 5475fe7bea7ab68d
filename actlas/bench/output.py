"""What a run leaves in a folder: the record, all tables, a picture."""

from __future__ import annotations

from pathlib import Path

from actlas.bench import page, plot
from actlas.bench.record import Record, file_name, write
from actlas.bench.tables import groups
from actlas.errors import ActlasError


def keep(record: Record, folder: Path) -> list[Path]:
    """Write a record as JSON, its tables as Markdown, and a picture where matplotlib is at hand.

    Raises:
        ActlasError: if the folder cannot be written.
    """
    base = folder / file_name("engine", record.about)
    data, tables, picture = (base.with_suffix(suffix) for suffix in (".json", ".md", ".png"))
    write(record, data)
    try:
        tables.write_text(page.everything(record, groups(record)), encoding="utf-8")
    except OSError as error:
        raise ActlasError(f"cannot write {tables}: {error.strerror}") from None
    try:
        plot.save(record, picture)
    except ActlasError:  # without matplotlib the rest still stands
        return [data, tables]
    return [data, tables, picture]
