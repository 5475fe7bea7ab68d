"""The page and the example about `actlas.replace` run and show what they say."""

from __future__ import annotations

import doctest
import runpy
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]


def test_the_page_runs() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        result = doctest.testfile(str(ROOT / "docs" / "replace.md"), module_relative=False)
    assert result.attempted > 20
    assert result.failed == 0, "see the output above"


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT / "examples" / "replace_in_a_model.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) < 40
    with torch.random.fork_rng():
        runpy.run_path(str(path))
    shown = capsys.readouterr().out
    assert "the same output, bit for bit: True" in shown
    assert "2 replaced" in shown
