"""`actlas compare`: which activation function should I use?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from actlas.study import Plan, Result

# Columns that are left out first where space is short
_LESS_IMPORTANT = ("d", "rate", "95 % interval", "p (Holm)", "interval")

Task = Annotated[
    str | None,
    typer.Option(metavar="TASK", help="digits (the default), another task, or module:attribute."),
]
Activations = Annotated[
    str | None,
    typer.Option(metavar="A,B,...", help='Functions: relu,gelu,"leaky_relu(negative_slope=0.2)".'),
]
Network = Annotated[
    str | None,
    typer.Option(
        metavar="NETWORK", help='Not the task\'s: "vgg(depth=9)", timm:NAME; see actlas models.'
    ),
]
Seeds = Annotated[int | None, typer.Option(help="How many seeds to confirm with, at least 2.")]
Optimizer = Annotated[
    str | None, typer.Option(metavar="NAME", help="sgd (with momentum 0.9), adam or adamw.")
]
Budget = Annotated[
    int | None, typer.Option(help="Learning rates to try, the same number for every function.")
]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training data.")]
PlanFile = Annotated[
    Path | None,
    typer.Option("--plan", metavar="FILE", help="A study in TOML; options given here win."),
]
Out = Annotated[Path, typer.Option(help="The folder for the report and the raw runs.")]
DataRoot = Annotated[
    Path | None,
    typer.Option(help="The folder with the data sets.", envvar="ACTLAS_DATA", show_envvar=True),
]
Download = Annotated[
    bool, typer.Option("--download", help="Fetch the task's data; nothing else uses a network.")
]
Workers = Annotated[int | None, typer.Option(help="Processes; by default one per core.")]


def command(
    task: Task = None,
    activations: Activations = None,
    network: Network = None,
    seeds: Seeds = None,
    optimizer: Optimizer = None,
    budget: Budget = None,
    epochs: Epochs = None,
    plan: PlanFile = None,
    out: Out = Path("out"),
    data_root: DataRoot = None,
    download: Download = False,
    workers: Workers = None,
) -> None:
    """Compare functions on a task: equal tuning, paired seeds, an honest verdict.

    Writes `report.html` and every raw run. Given again, it goes on from what is there.
    """
    from actlas.study import progress_bars, run_plan, split_activations
    from actlas.study.study_file import plan_text

    options = {
        "task": task, "network": network, "seeds": seeds, "optimizer": optimizer,
        "budget": budget, "epochs": epochs,
        "activations": None if activations is None else split_activations(activations),
    }  # fmt: skip
    study = _plan(plan, options)
    if download:
        _download(study.task, data_root)
    with progress_bars() as listener:
        result = run_plan(study, out=out, data_root=data_root, workers=workers, progress=listener)
    print_result(result)
    typer.echo(f"\nThe same study as a file, for actlas study run:\n\n{plan_text(study)}", nl=False)


def _plan(file: Path | None, options: dict[str, Any]) -> Plan:
    """Return the plan: the file's values, with those of the command line in their place."""
    from actlas.study import make_plan, read_plan

    written = {} if file is None else read_plan(file).model_dump(exclude_unset=True)
    given = {name: value for name, value in options.items() if value is not None}
    return make_plan({**written, **given})


def _download(name: str, data_root: Path | None) -> None:
    from actlas.errors import ActlasError
    from actlas.study import find_task

    task = find_task(name)
    if task.download is None:
        raise ActlasError(f"the task {name!r} has nothing to download; leave --download out")
    if data_root is None:
        raise ActlasError("--download needs a folder to put the files in: give --data-root FOLDER")
    typer.echo(f"fetching the data of {task.title} into {data_root}", err=True)
    task.download(data_root)


def print_result(result: Result) -> None:
    """Print the table, why each verdict is as it is, and where the report lies."""
    from actlas.cli._terminal import console, narrowed
    from actlas.study import render_table

    screen = console(piped_width=140)
    screen.print()
    screen.print(narrowed(render_table(result), screen, _LESS_IMPORTANT))
    for row in result.table:
        if row.verdict is not None:
            screen.print(f"{row.arm.title}: {row.verdict.value} ({row.reason})")
    screen.print(f"\nThe report is {result.report_path}; the raw runs lie beside it.", style="bold")
