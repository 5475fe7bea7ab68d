"""`actlas compare`: which activation function should I use?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actlas.cli._running import (
    DataRoot,
    ExecutorName,
    Out,
    Set,
    StoreUrl,
    TensorBoard,
    Workers,
    run_study,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from actlas.study import Plan, Result
    from actlas.study.across import Line
    from actlas.study.analysis import Row

# Columns that are left out first where space is short
_LESS_IMPORTANT = ("worse/same/better %", "d", "rate", "95 % interval", "p (Holm)", "interval")

Task = Annotated[
    str | None,
    typer.Option(
        metavar="TASK,...", help="digits (the default), other tasks, or your own module:attribute."
    ),
]
Activations = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,...",
        help='Functions: relu,"leaky_relu(negative_slope=0.2)"; in networks of their own: '
        '"telu in mlp(hidden=(96,))"; or networks: maxout_mlp.',
    ),
]
Network = Annotated[
    str | None,
    typer.Option(
        metavar="NETWORK", help='Not the task\'s: "vgg(depth=9)", timm:NAME; see actlas models.'
    ),
]
Reference = Annotated[
    str | None, typer.Option(metavar="NAME", help="What the others are compared with; relu.")
]
Seeds = Annotated[int | None, typer.Option(help="The most seeds to confirm with, at least 2.")]
Design = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="adaptive: seeds until the interval decides; or fixed."),
]
Optimizer = Annotated[
    str | None,
    typer.Option(metavar="NAME,...", help="sgd (with momentum 0.9), adam or adamw; or several."),
]
Search = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="halving, grid, or joint: weight decay with the rate."),
]
Budget = Annotated[
    int | None, typer.Option(help="Settings to try, the same number for every function.")
]
Device = Annotated[str | None, typer.Option(metavar="NAME", help="Where: cpu, cuda, cuda:1, mps.")]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training data.")]
PlanFile = Annotated[
    Path | None,
    typer.Option("--plan", metavar="FILE", help="A study in TOML; options given here win."),
]
Program = Annotated[
    str | None,
    typer.Option(
        "--command", metavar="COMMAND",
        help='Your own training: "python train.py {activation} {seed} {lr}".',
    ),
]  # fmt: skip
Score = Annotated[
    str | None,
    typer.Option("--metric", metavar="REGEX", help="Its validation score, or json:KEY."),
]
TestScore = Annotated[
    str | None, typer.Option("--test-metric", metavar="REGEX", help="Its test score, or json:KEY.")
]
Download = Annotated[
    bool, typer.Option("--download", help="Fetch the task's data; nothing else uses a network.")
]


def command(
    task: Task = None,
    activations: Activations = None,
    reference: Reference = None,
    network: Network = None,
    seeds: Seeds = None,
    design: Design = None,
    optimizer: Optimizer = None,
    search: Search = None,
    budget: Budget = None,
    epochs: Epochs = None,
    device: Device = None,
    program: Program = None,
    metric: Score = None,
    test_metric: TestScore = None,
    settings: Set = None,
    plan: PlanFile = None,
    out: Out = Path("out"),
    data_root: DataRoot = None,
    download: Download = False,
    workers: Workers = None,
    store: StoreUrl = None,
    executor: ExecutorName = "local",
    tensorboard: TensorBoard = None,
) -> None:
    """Compare functions on a task: equal tuning, paired seeds, an honest verdict.

    Writes `report.html` and every raw run. Given again, it goes on from what is there.
    """
    from actlas.study import split_activations
    from actlas.study.study_file import plan_text

    options = {
        "task": task, "network": network, "seeds": seeds, "optimizer": optimizer,
        "budget": budget, "epochs": epochs, "design": design, "reference": reference,
        "search": search, "device": device,
        "command": program, "metric": metric, "test_metric": test_metric,
        "activations": None if activations is None else split_activations(activations),
    }  # fmt: skip
    study = _plan(plan, options, settings or [])
    if download:
        _download(study.tasks, data_root)
    print_result(run_study(study, out, data_root, workers, store, executor, tensorboard))
    typer.echo(f"\nThe same study as a file, for actlas study run:\n\n{plan_text(study)}", nl=False)


def _plan(file: Path | None, options: dict[str, Any], settings: list[str]) -> Plan:
    """Return the plan: the file's values, with those of the command line in their place."""
    from actlas.study import Plan, read_plan
    from actlas.study.study_file import changed

    given = {name: value for name, value in options.items() if value is not None}
    return changed(Plan() if file is None else read_plan(file), settings, given)


def _download(names: Sequence[str], data_root: Path | None) -> None:
    from actlas.errors import ActlasError
    from actlas.study import find_task

    tasks = [task for task in map(find_task, names) if task.download is not None]
    if not tasks:
        said = f"the task {names[0]!r} has" if len(names) == 1 else "these tasks have"
        raise ActlasError(f"{said} nothing to download; leave --download out")
    if data_root is None:
        raise ActlasError("--download needs a folder to put the files in: give --data-root FOLDER")
    for task in tasks:
        assert task.download is not None
        typer.echo(f"fetching the data of {task.title} into {data_root}", err=True)
        task.download(data_root)


def print_result(result: Result) -> None:
    """Print the tables, why each verdict is as it is, and where the report lies."""
    from actlas.cli._terminal import console, narrowed
    from actlas.study import render_across, render_interaction, render_table

    screen = console(piped_width=140)
    for part in result.parts:
        _print_table(render_table(part), part.table, screen)
    if result.across is not None:
        _print_table(render_across(result.across), result.across.lines, screen)
    if result.interaction is not None:
        screen.print()
        screen.print(narrowed(render_interaction(result.interaction), screen, _LESS_IMPORTANT))
    if result.across is None and result.interaction is not None:
        screen.print(result.headline)
    screen.print(f"\nThe report is {result.report_path}; the raw runs lie beside it.", style="bold")


def _print_table(table: Table, rows: Sequence[Row] | Sequence[Line], screen: Console) -> None:
    """Print a table as wide as the screen allows, and the reasons of its verdicts."""
    from actlas.cli._terminal import narrowed

    screen.print()
    screen.print(narrowed(table, screen, _LESS_IMPORTANT))
    for row in rows:
        if row.verdict is not None:
            screen.print(f"{row.arm.title}: {row.verdict.value} ({row.reason})")
