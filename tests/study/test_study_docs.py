"""What the pages on the comparison show runs and gives what they say."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from actlas.cli import app
from actlas.study.command import command_task
from actlas.study.command.reading import final
from actlas.study.statistics import Interval
from actlas.study.study_file import plan_from_text

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = re.findall(r"```python\n(.*?)```", (DOCS / "statistics.md").read_text("utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def shown() -> list[tuple[str, Any]]:
    """Run the blocks of the page in order; return the value of every line that says one."""
    names: dict[str, Any] = {}
    values = []
    for block in BLOCKS:
        for node in ast.parse(block).body:
            line = block.splitlines()[(node.end_lineno or 1) - 1]
            comment = line.partition("  # ")[2]
            if isinstance(node, ast.Expr):
                found = eval(compile(ast.Expression(node.value), "statistics.md", "eval"), names)
                values.append((comment, found))
            else:
                module = ast.Module([node], type_ignores=[])
                exec(compile(module, "statistics.md", "exec"), names)
    return values


def test_every_line_runs(shown: list[tuple[str, Any]]) -> None:
    assert len(shown) >= 25


def numbers(value: Any) -> list[float]:
    """Return what a line gives as a list of numbers, or nothing."""
    if isinstance(value, Interval):
        return [value.mean, value.low, value.high]
    simple = isinstance(value, (int, float, np.ndarray))
    return [float(x) for x in np.atleast_1d(value)] if simple else []


def test_what_a_line_says_is_what_it_gives(shown: list[tuple[str, Any]]) -> None:
    said = 0
    for comment, value in shown:
        claimed = [float(n) for n in re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", comment)]
        found = numbers(value)
        if comment.startswith(("True", "False")):
            assert str(value) == comment[: len(str(value))]
        elif found and claimed:
            assert found == pytest.approx(claimed[: len(found)], rel=0.01), comment
            said += 1
    assert said >= 11


def test_the_page_on_comparing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "compare.md").read_text("utf-8")
    (study,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert plan_from_text(study).activations[2] == "leaky_relu(negative_slope=0.2)"
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(code, "compare.md", "exec"), names)
    assert (tmp_path / "runs.csv").is_file()


def test_the_program_of_the_page_gives_the_scores_that_its_study_reads(tmp_path: Path) -> None:
    page = (DOCS / "studies.md").read_text("utf-8")
    (study,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    command = command_task(plan_from_text(study).task).command
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "train.py").write_text(program)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(DOCS.parent), *sys.path])}
    printed = subprocess.run(
        [sys.executable, "train.py", "leaky_relu(negative_slope=0.2)", "3", "0.1"],
        cwd=tmp_path, env=environment, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert -1 < final(command.metric, printed) < 0
    assert -1 < final(command.test_metric or "", printed) < 0


@pytest.mark.parametrize("name", ["compare.md", "studies.md"])
def test_the_commands_of_the_page_are_understood(name: str) -> None:
    page = (DOCS / name).read_text("utf-8")
    text = "".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL))
    group = typer.main.get_command(app)
    for line in text.replace("\\\n", "").splitlines():
        words = shlex.split(line.partition(" > ")[0])
        context = group.make_context("actlas", words[1:])
        name, command, rest = group.resolve_command(context, words[1:])  # type: ignore[attr-defined]
        inner = command.make_context(name, rest, parent=context)
        if isinstance(command, typer.core.TyperGroup):
            found, last, options = command.resolve_command(inner, rest)
            assert last is not None
            last.make_context(found, options, parent=inner)
