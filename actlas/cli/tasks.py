"""`actlas tasks`: what functions can be compared on."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from actlas.study import Task

Search = Annotated[
    str | None, typer.Option(metavar="WORD", help="Only where name, title, data or network has it.")
]
DataRoot = Annotated[
    Path | None,
    typer.Option(help="The folder with the data sets.", envvar="ACTLAS_DATA", show_envvar=True),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

_WIDE = 150  # has room for all columns, some on several lines; below, these are left out first
_LESS_IMPORTANT = ("data", "title", "network")


def command(search: Search = None, data_root: DataRoot = None, as_json: AsJson = False) -> None:
    """List every task: its data, metric and network, and whether the data are at hand.

    Any of them goes with `actlas compare --task NAME`.
    """
    from actlas.cli._terminal import print_json
    from actlas.study.tasks import built_in_tasks

    records = [_record(task, data_root) for task in built_in_tasks()]
    found = [record for record in records if search is None or _has(record, search.lower())]
    if as_json:
        print_json({"tasks": found})
    else:
        _print(found)


def _record(task: Task, data_root: Path | None) -> dict[str, Any]:
    """Return what is known about a task without reading its data."""
    from actlas.study.tasks import at_hand

    metric = task.metric
    return {
        "name": task.name, "aliases": task.aliases, "title": task.title, "data": task.source,
        "folder": task.folder, "at_hand": at_hand(task, data_root),
        "download": task.download is not None,
        "metric": metric.name, "unit": metric.unit, "higher_is_better": metric.higher_is_better,
        "practical_difference": task.practical_difference,
        "published": asdict(task.published) if task.published else None,
        "network": task.architecture,
        "optimizer": task.optimizer, "learning_rates": dict(task.learning_rates),
        "epochs": task.epochs, "batch_size": task.batch_size,
        "limits": (*task.limits, *task.network_limits),
    }  # fmt: skip


def _has(record: dict[str, Any], word: str) -> bool:
    texts = (*record["aliases"], *(record[key] for key in ("name", "title", "data", "network")))
    return any(word in text.lower() for text in texts)


def _print(records: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.table import Table

    from actlas.cli._terminal import console, narrowed

    screen = console(piped_width=160)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    for heading in ("name", "title", "data", "metric", "network", "at hand"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "name")
    for record in records:
        table.add_row(*(record[key] for key in ("name", "title", "data")), _metric(record),
                      record["network"], _files(record))  # fmt: skip
    screen.print(table if screen.width >= _WIDE else narrowed(table, screen, _LESS_IMPORTANT))
    screen.print(f"{len(records)} task{'s' * (len(records) != 1)}", style="bold")


def _metric(record: dict[str, Any]) -> str:
    arrow = "up" if record["higher_is_better"] else "down"
    return f"{record['metric']}, {record['unit']} ({arrow})"


def _files(record: dict[str, Any]) -> str:
    if record["at_hand"]:
        return "yes"
    return "--download" if record["download"] else f"no: {record['folder']}"
