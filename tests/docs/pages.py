"""Running the pages of docs/ as a reader would: block by block, with the output that is shown."""

from __future__ import annotations

import doctest
import re
import shlex
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from actlas.cli import app

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"[Ss]ave this as `([\w.]+)`:$")
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """A block of code, and the line of text before it."""

    kind: str
    text: str
    before: str


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page of Markdown in their order."""
    return [
        Block(found[1], found[2], page[: found.start()].rstrip().rpartition("\n")[2])
        for found in _BLOCK.finditer(page)
    ]


def agrees(want: str, got: str) -> bool:
    """Say whether an output is as the page shows it; `...` there stands for anything."""
    tidy = "\n".join(line.rstrip() for line in got.strip().splitlines())
    return doctest.OutputChecker().check_output(want.strip() + "\n", tidy + "\n", _FLAGS)


@dataclass
class Reader:
    """Someone who works through a page in an empty folder.

    `told` is what the last block printed, `shown` counts the outputs that were compared.
    """

    folder: Path
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})
    told: str = ""
    shown: int = 0

    def read(self, page: str) -> None:
        """Do what each block says, and compare what it shows."""
        for block in blocks(page):
            saved = _FILE.search(block.before)
            if saved:
                (self.folder / saved[1]).write_text(block.text, encoding="utf-8")
            else:
                getattr(self, f"_{block.kind}", self._other)(block.text)

    def _other(self, text: str) -> None:
        """Leave alone what neither runs nor is shown by something that ran: toml, sh, c."""

    def _python(self, text: str) -> None:
        printed = StringIO()
        with redirect_stdout(printed):
            exec(compile(text, "page", "exec", dont_inherit=True), self.names)
        self.told = printed.getvalue()

    def _text(self, text: str) -> None:
        self._compare(text, self.told, "the block before")

    def _pycon(self, text: str) -> None:
        case = doctest.DocTestParser().get_doctest(text, self.names, "page", None, 0)
        runner, said = doctest.DocTestRunner(optionflags=_FLAGS), StringIO()
        failed, tried = runner.run(case, out=said.write, clear_globs=False)
        self.names |= case.globs
        self.shown += tried
        assert not failed, said.getvalue()

    def _console(self, text: str) -> None:
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, want = part.partition("\n")
            name, *words = shlex.split(command, comments=True)
            assert name == "actlas", f"only actlas is run here, not {name}"
            done = CliRunner().invoke(app, words, prog_name="actlas")
            assert done.exit_code == 0, f"{command}\n{done.output}"
            if want.strip():
                self._compare(want, done.output, command)

    def _compare(self, want: str, got: str, what: str) -> None:
        self.shown += 1
        assert agrees(want, got), f"{what} shows:\n{got}\nbut the page says:\n{want}"
