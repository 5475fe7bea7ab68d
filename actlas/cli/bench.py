"""`actlas bench`: how fast every function is, beside everything else that computes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from actlas.bench.cells import Cell
    from actlas.bench.record import Record

_TABLES = 6
_LESS_IMPORTANT = ("of copy", "GB/s", "composition", "torch-activation")

Functions = Annotated[
    str | None, typer.Option(metavar="A,B,...", help="Functions by name; every one by default.")
]
Peers = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,...",
        help="torch, eager, composition, compile, jax, onnxruntime, torch-activation; all by "
        "default, compile only where a goal asks for it.",
    ),
]
Sizes = Annotated[
    str | None, typer.Option(metavar="N,M,...", help="Elements: 1000,1e6. By default 1e3 to 6.4e7.")
]
Dtypes = Annotated[str | None, typer.Option(metavar="A,B", help="fp32, bf16; both by default.")]
Threads = Annotated[int, typer.Option(help="Threads of every runtime; by default one per core.")]
Out = Annotated[Path, typer.Option(help="The folder for the results.")]
Quick = Annotated[
    bool, typer.Option("--quick", help="Only the functions that goals name, with fewer rounds.")
]
Minutes = Annotated[float, typer.Option(help="When to stop; what matters most comes first.")]


def command(
    functions: Functions = None,
    peers: Peers = None,
    sizes: Sizes = None,
    dtypes: Dtypes = None,
    threads: Threads = 0,
    out: Out = Path("out"),
    quick: Quick = False,
    minutes: Minutes = 10.0,
) -> None:
    """Time functions forward, with backward, and into a ready buffer, beside their peers.

    All sides of a row run in turns; ratios come first, above 1 where actlas is the faster. Writes
    JSON, tables in Markdown and a picture. Ctrl-C ends it early and keeps what was measured.
    """
    from actlas.bench import Request, keep, measure
    from actlas.errors import ActlasError

    chosen = {"functions": _words(functions), "peers": _words(peers), "dtypes": _words(dtypes),
              "sizes": tuple(map(_size, _words(sizes)))}  # fmt: skip
    given = {name: value for name, value in chosen.items() if value}
    request = Request(**given, threads=threads, minutes=minutes, quick=quick)  # type: ignore[arg-type]
    with _bar() as progress:
        record = measure(request, progress)
    written = keep(record, out)
    _print(record)
    typer.echo(f"wrote {', '.join(map(str, written))}")
    ours = [" ".join(words) for words in record.about["failed"] if words[0] == "actlas"]
    if ours:
        raise ActlasError(f"the results are kept, but actlas itself failed: {'; '.join(ours)}")
    if record.about["stopped"]:
        raise KeyboardInterrupt(f"stopped; {len(record.rows)} rows are in {written[0]}")


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def _size(text: str) -> int:
    """Return a number of elements; 1e6 is one million."""
    from actlas.errors import ActlasError

    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value.is_integer():
        raise ActlasError(f"a size is a whole number of elements, as 1000 or 1e6, got {text!r}")
    return int(value)


@contextmanager
def _bar() -> Iterator[Callable[[int, int, Cell], None]]:
    """Yield a listener that shows what is timed; it draws only then, never during a timing."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from actlas.bench.tables import title

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, auto_refresh=False) as bars:
        task = bars.add_task("")

        def show(done: int, planned: int, cell: Cell) -> None:
            about = f"{cell.function}: {title(cell)}"
            bars.update(task, completed=done, total=planned, description=about, refresh=True)

        yield show


def _print(record: Record) -> None:
    """Print the tables nearest to the centre, and what has become of the goals."""
    from actlas.bench.goals import evaluate
    from actlas.bench.tables import groups, ratios, verdicts
    from actlas.cli._terminal import console, narrowed

    screen = console(piped_width=140)
    for like in groups(record)[:_TABLES]:
        table = ratios(record, like, spreads=False).rich()
        screen.print(narrowed(table, screen, _LESS_IMPORTANT))
    found = [one for one in evaluate(record) if one.findings]
    if found:
        screen.print(verdicts(found).rich())
    for peer, why in record.about["absent"].items():
        screen.print(f"{peer} was left out: {why}")
