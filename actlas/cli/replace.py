"""`actlas replace MODEL`: other activation functions in a model of yours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from torch import nn

Model = Annotated[
    str, typer.Argument(metavar="MODULE:FACTORY", help="What to call for the model: my_net:build.")
]
Old = Annotated[
    list[str],
    typer.Option(metavar="NAME", help="A function, or a path or pattern such as 'layer1.*'."),
]
New = Annotated[
    list[str], typer.Option(metavar="NAME", help="What comes in its place; one for each --old.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Only = Annotated[
    str | None, typer.Option(metavar="modules|functions", help="Leave the other forms alone.")
]
Where = Annotated[
    list[str] | None, typer.Option(metavar="PATTERN", help="Only at these paths; repeatable.")
]
First = Annotated[int | None, typer.Option(metavar="N", help="The first N places.")]
Last = Annotated[int | None, typer.Option(metavar="N", help="The last N places.")]
Every = Annotated[int | None, typer.Option(metavar="K", help="Every K-th place.")]
WarmStart = Annotated[
    bool, typer.Option("--warm-start", help="Start with parameters at which nothing changes.")
]
Rescale = Annotated[
    bool, typer.Option("--rescale", help="Scale the weights by the ratio of the gains.")
]
Weights = Annotated[Path | None, typer.Option(metavar="FILE", help="A state_dict to load before.")]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the new state_dict.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def command(
    model: Model,
    old: Old,
    new: New,
    dry_run: DryRun = False,
    only: Only = None,
    where: Where = None,
    first: First = None,
    last: Last = None,
    every: Every = None,
    warm_start: WarmStart = False,
    rescale: Rescale = False,
    weights: Weights = None,
    output: Output = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Say where a model calls a function, and put another one there.

    The model is built, changed in memory and reported on; `-o` writes its state_dict.
    """
    from actlas.cli._model import load_model
    from actlas.cli._terminal import console, print_json
    from actlas.surgery.replacement import replace

    _check(old, new, dry_run, output, force)
    subject = load_model(model)
    if weights is not None:
        _load(subject, weights)
    report = replace(
        subject, _functions(old, new), only=only, where=where, first=first, last=last,
        every=every, warm_start=warm_start, rescale=rescale, dry_run=dry_run,
    )  # fmt: skip
    if output is not None:
        _save(subject, output)
    if as_json:
        print_json({"dry_run": report.dry_run, "rows": report.records()})
    else:
        console(piped_width=140).print(report)


def _check(old: list[str], new: list[str], dry_run: bool, output: Path | None, force: bool) -> None:
    from actlas.errors import ActlasError

    if len(old) != len(new):
        raise ActlasError(f"give one --new for each --old, got {len(new)} for {len(old)}")
    if len(set(old)) != len(old):
        raise ActlasError("an --old is given twice")
    if output is None:
        return
    if dry_run:
        raise ActlasError("--dry-run changes nothing, so there is nothing to write to -o")
    if not output.parent.is_dir():
        raise ActlasError(f"there is no folder {output.parent} for {output.name}; make it first")
    if output.exists() and not force:
        raise ActlasError(f"{output} is there already; give --force to replace it")


def _functions(old: list[str], new: list[str]) -> dict[Any, Any]:
    """Return what `replace` takes: names, or functions with the parameters typed behind them."""
    return {_function(one): _function(other) for one, other in zip(old, new, strict=True)}


def _function(text: str) -> Any:
    from actlas.api import get
    from actlas.study.arms import parse_activation

    name, parameters = parse_activation(text) if text.endswith(")") else (text, {})
    return get(name, **parameters) if parameters else name


def _load(model: nn.Module, path: Path) -> None:
    import torch

    from actlas.errors import ActlasError

    if not path.is_file():
        raise ActlasError(f"there is no file {path}")
    try:
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # of pickle, zip or PyTorch: the file does not fit
        first = str(error).splitlines()[0]
        raise ActlasError(f"{path} does not fit the model: {first}") from error


def _save(model: nn.Module, path: Path) -> None:
    import torch

    torch.save(model.state_dict(), path)
