"""What README and CONTRIBUTING show runs, and what they name is there."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import actlas
from actlas.catalogue import forget
from actlas.cli import app
from tests.support.oracle import UNITS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
WRITTEN = sorted(
    path
    for folder in (".", "actlas", "docs", "examples", "benchmarks", "tests")
    for path in (ROOT / folder).glob("*.md" if folder == "." else "**/*.md")
    if "functions" not in path.relative_to(ROOT).parts
)


def block(text: str, language: str) -> list[str]:
    """Return the blocks of code of a language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def command_lines() -> list[list[str]]:
    """Return every `actlas ...` line of the README, without comments, in words."""
    lines = "".join(block(README, "sh")).splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.startswith("actlas ")]


def run_script(path: Path, folder: Path) -> str:
    """Run a script as a user would, and return what it prints."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", str(path)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_tour_runs(tmp_path: Path) -> None:
    tour, model = block(README, "python")
    assert len([line for line in tour.splitlines() if line]) <= 20
    (tmp_path / "tour.py").write_text(f"{tour}\n{model}", encoding="utf-8")
    printed = run_script(tmp_path / "tour.py", tmp_path)
    assert "On handwritten digits" in printed
    assert "@misc{liu2020telu" in printed
    assert (tmp_path / "out" / "report.html").is_file()
    assert "telu" in printed
    assert "gelu" in printed


@pytest.mark.parametrize("words", command_lines(), ids=" ".join)
def test_every_command_line_is_understood(words: list[str]) -> None:
    """Options and values are parsed as they would be, without running the command."""
    group = typer.main.get_command(app)
    context = group.make_context("actlas", words[1:])
    name, command, rest = group.resolve_command(context, words[1:])  # type: ignore[attr-defined]
    command.make_context(name, rest, parent=context)


def test_the_quick_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    quick = [words for words in command_lines() if words[1] in ("list", "show", "plot")]
    assert len(quick) == 3
    for words in quick:
        result = CliRunner().invoke(app, words[1:], prog_name="actlas")
        assert result.exit_code == 0, result.output
    assert (tmp_path / "telu.png").stat().st_size > 10_000


def test_all_commands_are_told_of() -> None:
    told = {words[1] for words in command_lines()}
    known = (*app.registered_commands, *app.registered_groups)
    assert told == {command.name for command in known}


def test_extras_and_targets_are_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)
    assert set(extras) == set(project["optional-dependencies"])
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\bmake (\w+)", "\n".join(block(README, "sh")) + CONTRIBUTING):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
    assert f"torch=={re.search(r'torch==([0-9.]+)', makefile)[1]}" in README  # type: ignore[index]


def test_what_is_said_in_numbers() -> None:
    assert len(actlas.names()) > 100
    assert "K = 8, 24, 96" in " ".join(README.split())
    assert list(UNITS.values()) == [8, 24, 96]


def test_the_block_of_contributing_enters_a_function() -> None:
    (example,) = block(CONTRIBUTING, "python")
    known = set(actlas.names())
    try:
        family = {"__name__": "actlas.catalogue.made_up"}
        exec(compile(example, "CONTRIBUTING.md", "exec"), family)
        assert set(actlas.names()) - known == {"steep_telu"}
        function = actlas.get("SteepTeLU")
        assert all(claim.test(function.facts) for claim in function.definition.claims)
        assert actlas.nn.create("steep_telu").state_dict()
    finally:
        for name in set(actlas.names()) - known:
            forget(name)


def test_contributing_and_package_notes_are_short() -> None:
    assert len(CONTRIBUTING.splitlines()) <= 50
    for path in WRITTEN:
        if path.name == "README.md" and path.parent != ROOT:
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 35, path


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    hidden = r"^<!--.*?-->$|^```.*?^```$"  # what is for the site alone, and code
    seen = re.sub(hidden, "", text, flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\((?!https?:|mailto:)([^)#]+)", seen):
        assert (path.parent / link).exists(), f"{path.name}: {link}"
    assert not re.search(r"(?<![\w.])/(root|home|tmp|work)/", text), "a path of one machine"


def test_files_named_in_package_notes_exist() -> None:
    for path in (path for path in WRITTEN if path.name == "README.md"):
        text = path.read_text(encoding="utf-8")
        named = [n for cell in re.findall(r"^\| (`.+?) \|", text, re.MULTILINE)
                 for n in re.findall(r"`([\w/]+(?:\.\w+|/))`", cell)]  # fmt: skip
        for name in named:
            assert (path.parent / name).exists(), f"{path}: {name}"


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert len(records) >= 7
    for number, record in enumerate(records, start=1):
        text = record.read_text(encoding="utf-8")
        assert record.name.startswith(f"{number:04d}-")
        assert f"decisions/{record.name}" in index
        assert text.startswith(f"# {number:04d}: ")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
            "Context", "Decision", "Consequences",
        ]  # fmt: skip
        assert 15 <= len(text.splitlines()) <= 40


def test_changelog_has_the_version() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert actlas.__version__ in changes


def test_examples_run(tmp_path: Path) -> None:
    printed = run_script(ROOT / "examples" / "define_your_own.py", tmp_path)
    assert "remain undecided" in printed or "practical difference" in printed
    assert (tmp_path / "out_own" / "report.html").is_file()


def test_every_example_is_told_of() -> None:
    text = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "examples").glob("*.py"):
        assert f"`{path.name}`" in text


def test_public_surface_is_what_the_tour_uses() -> None:
    for name in set(re.findall(r"\bactlas\.(\w+)", "\n".join(block(README, "python")))):
        assert name in actlas.__all__
        assert inspect.getdoc(getattr(actlas, name))
