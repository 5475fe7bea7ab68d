"""Floor 9: the command line.

Every file of this folder whose name does not begin with an underscore is a command: its function
`command` is entered under the file's name, and there is no other list. These files import nothing
heavy at their top, so that `actlas --help` answers at once.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from actlas.errors import ActlasError

_FAILED, _INTERRUPTED = 2, 130


class _Commands(TyperGroup):
    """Turns what a user can mend, and Ctrl-C, into one sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ActlasError as error:
            raise _ended(str(error), _FAILED) from None
        except KeyboardInterrupt as stop:
            raise _ended(str(stop) or "stopped", _INTERRUPTED) from None


def _ended(sentence: str, code: int) -> typer.Exit:
    typer.echo(f"actlas: {sentence}", err=True)
    return typer.Exit(code)


def _show_version(wanted: bool) -> None:
    if wanted:
        from actlas import __version__

        typer.echo(f"actlas {__version__}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
    ),
]


def build() -> typer.Typer:
    """Return the application with every command of this folder."""
    app = typer.Typer(
        cls=_Commands,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def about(version: Version = False) -> None:
        """The atlas of activation functions: look them up, draw them, compare them honestly."""

    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            found = importlib.import_module(f"{__name__}.{module.name}")
            name = module.name.replace("_", "-")
            if isinstance(found.command, typer.Typer):  # a command with commands of its own
                app.add_typer(found.command, name=name)
            else:
                app.command(name)(found.command)
    return app


app = build()


def main() -> None:
    """Run the command line; the entry point of the `actlas` script."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without Unicode gets "?" and no crash
            stream.reconfigure(errors="replace")
    app(prog_name="actlas")
