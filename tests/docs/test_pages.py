"""Tutorials and the walk through the idea run as they stand and show what they say."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import typer

import actlas
from actlas.catalogue import forget
from actlas.cli import app
from tests.docs.pages import Reader, agrees, blocks

DOCS = Path(__file__).parents[2] / "docs"
LESSONS = sorted((DOCS / "tutorials").glob("*.md"))


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """Someone in an empty folder, whose functions and random numbers are his own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    known, loaded = set(actlas.names()), set(sys.modules)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield Reader(tmp_path)
    for name in set(actlas.names()) - known:
        forget(name)
    for name in set(sys.modules) - loaded:  # those of the page, not those that it made us import
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.slow
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_and_shows_what_it_says(path: Path, reader: Reader, tmp_path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    reader.read(page)
    assert reader.shown >= 4
    if path.stem == "read_report":  # it walks through the sections in their order
        report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
        assert re.findall(r"^## (.+)$", page, re.MULTILINE)[1:] == re.findall(
            r"<h2>([^<]+)", report
        )


def test_the_idea_runs_in_a_hundred_lines(reader: Reader) -> None:
    pytest.importorskip("flint")
    page = (DOCS / "idea.md").read_text(encoding="utf-8")
    reader.read(page)
    assert reader.shown == 3
    lines = [line for block in blocks(page) if block.kind == "python"
             for line in block.text.splitlines() if line.strip()]  # fmt: skip
    assert 60 < len(lines) <= 100


def commands() -> list[Any]:
    """Return every `actlas ...` line of a page of docs/, in words."""
    found = []
    for path in sorted(DOCS.glob("*.md")):
        for block in blocks(path.read_text(encoding="utf-8")):
            whole = block.text.replace("\\\n", " ")  # a backslash at the end joins two lines
            lines = whole.splitlines() if block.kind == "sh" else []
            words = [shlex.split(line.partition(" > ")[0], comments=True) for line in lines]
            found += [pytest.param(w, id=f"{path.stem}: {' '.join(w)}")
                      for w in words if w[:1] == ["actlas"]]  # fmt: skip
    return found


def understand(words: list[str]) -> None:
    """Parse a command line as it would be, without running the command."""
    command = typer.main.get_command(app)
    context = command.make_context("actlas", [*words])
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, words)
        context = command.make_context(name, [*words], parent=context)


@pytest.mark.parametrize("words", commands())
def test_every_command_on_a_page_is_understood(words: list[str]) -> None:
    understand(words[1:])


def test_a_command_that_is_not_there_is_seen() -> None:
    for words in (["no-such-command"], ["study", "rum"], ["show", "--no-such-option"]):
        with pytest.raises(Exception, match="No such"):
            understand(words)


def test_every_lesson_is_told_of_in_order() -> None:
    text = (DOCS / "tutorials.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\d\. \[.+?\]\(tutorials/(\w+)\.md\)", text, re.MULTILINE)
    assert sorted(listed) == [path.stem for path in LESSONS]
    assert len(LESSONS) == 5
    for path in LESSONS:
        title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        assert f"[{title}](tutorials/{path.stem}.md)" in text


# ------------------------------------------------------------------------------- planted faults


@pytest.mark.parametrize(
    "page",
    [
        "```python\nprint(1)\n```\n\n```text\n2\n```\n",
        "```pycon\n>>> 1 + 1\n3\n\n```\n",
        "```console\n$ actlas show relu\nGELU ...\n```\n",
        "```console\n$ actlas show no_such_function\n```\n",
        "```python\nassert False\n```\n",
    ],
    ids=["printed", "value", "command", "failing command", "code"],
)
def test_a_page_that_says_something_else_is_seen(page: str, reader: Reader) -> None:
    with pytest.raises(AssertionError):
        reader.read(page)


def test_a_file_of_a_page_is_saved_and_not_run(reader: Reader) -> None:
    reader.read("Save this as `mine.py`:\n\n```python\nassert False\n```\n")
    assert (reader.folder / "mine.py").read_text() == "assert False\n"


def test_dots_stand_for_anything_and_nothing_else_does() -> None:
    assert agrees("a ... d\n", "a b c   d\n")
    assert not agrees("a ... d\n", "a b c\n")
