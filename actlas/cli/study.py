"""`actlas study`: studies from a file, one after another or side by side; what came of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
from actlas.cli.compare import print_result

File = Annotated[Path, typer.Argument(metavar="FILE", help="A study in TOML.")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the study was written.")]
Forms = Annotated[
    list[str] | None,
    typer.Option("--format", metavar="FORM", help="html, markdown, latex, figures, or all."),
]
Target = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Ends in .jsonl, .csv or .parquet."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")]

command = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Run a study from a file, go on with it, look at it, export its runs.",
)


@command.command("run")
def run(
    file: File,
    settings: Set = None,
    out: Out = Path("out"),
    data_root: DataRoot = None,
    workers: Workers = None,
    store: StoreUrl = None,
    executor: ExecutorName = "local",
    tensorboard: TensorBoard = None,
) -> None:
    """Run a study. Several may run the same one: no network is trained twice."""
    from actlas.study import read_plan
    from actlas.study.study_file import changed

    plan = changed(read_plan(file), settings or [])
    print_result(run_study(plan, out, data_root, workers, store, executor, tensorboard))


@command.command("resume")
def resume(
    folder: Folder,
    data_root: DataRoot = None,
    workers: Workers = None,
    store: StoreUrl = None,
    executor: ExecutorName = "local",
    tensorboard: TensorBoard = None,
) -> None:
    """Go on with the study in a folder, or help another process with it."""
    from actlas.study.folder import existing, stored_plan

    with existing(folder, store, read_only=True) as runs:
        plan = stored_plan(runs)
    print_result(run_study(plan, folder, data_root, workers, store, executor, tensorboard))


@command.command("status")
def status(folder: Folder, store: StoreUrl = None) -> None:
    """Say how far a study is, while it runs or after it was stopped."""
    from actlas.study.folder import existing, progress_of
    from actlas.study.runner import failures_in

    with existing(folder, store, read_only=True) as runs:
        for phase, count in progress_of(runs).items():
            typer.echo(
                f"{phase.value}: {count.finished} of {count.total} runs are finished, "
                f"{count.running} are being trained"
            )
        for reason in failures_in(runs).values():
            typer.echo(reason)


@command.command("report")
def report(folder: Folder, forms: Forms = None, store: StoreUrl = None) -> None:
    """Write the report of a finished study anew, from its runs; nothing is trained."""
    from actlas.study.folder import read_result
    from actlas.study.report import FORMS, check_form, write_as

    wanted = list(FORMS) if forms == ["all"] else forms or []
    for form in wanted:
        check_form(form)
    result = read_result(folder, store)
    print_result(result)
    for path in [path for form in wanted for path in write_as(result, form)]:
        typer.echo(f"{path}")


@command.command("export")
def export(
    folder: Folder, output: Target = None, force: Force = False, store: StoreUrl = None
) -> None:
    """Write every finished run: as JSON lines to the terminal, or to a file."""
    from actlas.errors import ActlasError
    from actlas.study.exporting import export_runs, json_lines
    from actlas.study.folder import existing

    if output is not None and output.exists() and not force:
        raise ActlasError(f"{output} is there already; give --force to replace it")
    with existing(folder, store, read_only=True) as runs:
        if output is None:
            typer.echo(json_lines(runs.records()), nl=False)
            return
        count = export_runs(runs.records(), output)
    typer.echo(f"{output}: {count} runs")


@command.command("schema")
def schema() -> None:
    """Print the JSON Schema of a study file, for editors and checkers."""
    import json

    from actlas.study import study_file

    typer.echo(json.dumps(study_file.schema(), indent=2, ensure_ascii=False))
