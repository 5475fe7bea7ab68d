"""A way to call the command line inside this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from actlas.cli import app

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call `actlas` with the given words; no exception but SystemExit may leave it."""
    monkeypatch.setenv("COLUMNS", "100")

    def call(*words: str) -> Result:
        result = CliRunner().invoke(app, list(words), prog_name="actlas")
        assert result.exception is None or isinstance(result.exception, SystemExit), (
            result.exception
        )
        return result

    return call


@pytest.fixture
def refused(run: Run) -> Callable[..., str]:
    """Call `actlas` with words that it must refuse; return the one sentence it says."""

    def call(*words: str) -> str:
        result = run(*words)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        sentence = result.stderr.strip()
        assert sentence.startswith("actlas: ")
        assert "\n" not in sentence
        return sentence

    return call
