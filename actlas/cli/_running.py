"""The options that say where and how a study runs, for all commands that run one."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from actlas.study import Plan, Result

Out = Annotated[Path, typer.Option(help="The folder for the report and the raw runs.")]
DataRoot = Annotated[
    Path | None,
    typer.Option(help="The folder with the data sets.", envvar="ACTLAS_DATA", show_envvar=True),
]
Workers = Annotated[int | None, typer.Option(help="Processes; by default one per core.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Another value; may be given often."),
]
StoreUrl = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="URL", envvar="ACTLAS_STORE", show_envvar=True,
        help="Keep runs on a server, for many hosts: postgresql://user@host/database.",
    ),
]  # fmt: skip
ExecutorName = Annotated[
    str,
    typer.Option(
        "--executor", metavar="NAME", help="local, dask[:ADDRESS], ray[:ADDRESS], slurm[:OPTIONS]."
    ),
]
TensorBoard = Annotated[
    Path | None,
    typer.Option("--tensorboard", metavar="DIR", help="Write curves for TensorBoard, too."),
]


def run_study(
    plan: Plan,
    out: Path,
    data_root: Path | None,
    workers: int | None,
    store: str | None,
    executor: str,
    tensorboard: Path | None,
) -> Result:
    """Run a plan under the eyes of the user."""
    from actlas.study import progress_bars, run_plan
    from actlas.study.progress import told_to
    from actlas.study.tensorboard import tensorboard_sink

    with ExitStack() as stack:
        listeners = [stack.enter_context(tensorboard_sink(tensorboard))] if tensorboard else []
        listeners.append(stack.enter_context(progress_bars()))
        return run_plan(
            plan, out=out, data_root=data_root, workers=workers, progress=told_to(*listeners),
            store=store, executor=executor,
        )  # fmt: skip
