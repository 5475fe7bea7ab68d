"""`actlas study`: studies from a file, one after another or side by side; what came of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actlas.cli.compare import DataRoot, Out, Workers, print_result

if TYPE_CHECKING:
    from actlas.study import Plan

File = Annotated[Path, typer.Argument(metavar="FILE", help="A study in TOML.")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the study was written.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Another value; may be given often."),
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
) -> None:
    """Run a study. Several may run the same one: no network is trained twice."""
    from actlas.study import read_plan
    from actlas.study.study_file import changed

    _run(changed(read_plan(file), settings or []), out, data_root, workers)


@command.command("resume")
def resume(folder: Folder, data_root: DataRoot = None, workers: Workers = None) -> None:
    """Go on with the study in a folder, or help another process with it."""
    from actlas.study.folder import existing, stored_plan

    with existing(folder) as store:
        plan = stored_plan(store)
    _run(plan, folder, data_root, workers)


def _run(plan: Plan, out: Path, data_root: Path | None, workers: int | None) -> None:
    from actlas.study import progress_bars, run_plan

    with progress_bars() as listener:
        result = run_plan(plan, out=out, data_root=data_root, workers=workers, progress=listener)
    print_result(result)


@command.command("status")
def status(folder: Folder) -> None:
    """Say how far a study is, while it runs or after it was stopped."""
    from actlas.study.folder import existing, progress_of

    with existing(folder) as store:
        for phase, count in progress_of(store).items():
            least = "at least " * (phase.value == "tuning")
            typer.echo(
                f"{phase.value}: {count.finished} of {least}{count.planned} runs are finished, "
                f"{count.running} are being trained"
            )


@command.command("report")
def report(folder: Folder) -> None:
    """Write the report of a finished study anew, from its runs; nothing is trained."""
    from actlas.study.folder import read_result

    print_result(read_result(folder))


@command.command("export")
def export(folder: Folder, output: Target = None, force: Force = False) -> None:
    """Write every finished run: as JSON lines to the terminal, or to a file."""
    from actlas.errors import ActlasError
    from actlas.study.exporting import export_runs, json_lines
    from actlas.study.folder import existing

    if output is not None and output.exists() and not force:
        raise ActlasError(f"{output} is there already; give --force to replace it")
    with existing(folder) as store:
        if output is None:
            typer.echo(json_lines(store.records()), nl=False)
            return
        count = export_runs(store.records(), output)
    typer.echo(f"{output}: {count} runs")


@command.command("schema")
def schema() -> None:
    """Print the JSON Schema of a study file, for editors and checkers."""
    import json

    from actlas.study import study_file

    typer.echo(json.dumps(study_file.schema(), indent=2, ensure_ascii=False))
