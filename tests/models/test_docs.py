"""docs/models.md and the examples about networks run and show what they say."""

from __future__ import annotations

import doctest
import runpy
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]


def test_the_page_runs() -> None:
    with torch.random.fork_rng(devices=[]):
        result = doctest.testfile(str(ROOT / "docs" / "models.md"), module_relative=False)
    assert result.attempted > 12
    assert result.failed == 0, "see the output above"


def test_the_picture_is_small() -> None:
    assert (ROOT / "docs" / "img" / "guided_backprop.png").stat().st_size < 100_000


def run_example(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ROOT / "examples" / name
    assert len(path.read_text(encoding="utf-8").splitlines()) < 40
    monkeypatch.chdir(folder)
    with torch.random.fork_rng(devices=[]):
        runpy.run_path(str(path), run_name="__main__")


@pytest.mark.slow
def test_a_wide_resnet_learns_by_its_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_example("train_wrn.py", tmp_path, monkeypatch)
    last = capsys.readouterr().out.splitlines()[-1]
    assert "rate 0.0040" in last
    assert float(last.split()[-1].rstrip("%")) > 90


@pytest.mark.slow
def test_the_picture_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    run_example("guided_backprop.py", tmp_path, monkeypatch)
    assert (tmp_path / "guided_backprop.png").stat().st_size > 5_000
    matplotlib.pyplot.close("all")
