"""The page about training methods, and its examples, run."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import torch

from tests.docs.test_readme import block

ROOT = Path(__file__).parents[2]

# Every example, and a line that it prints.
EXAMPLES = {
    "stochastic_depth": "survival 0.5: ",
    "drop_path": "at test time drop-path changes nothing: True",
    "fine_tune_with_control": "by the function itself ",
    "layer_langevin": "sigma 0.002 on  3 layers: ",
    "reinitialise_layers": "straight  accuracy ",
    "transfer_features": "pretrained features ",
    "damage_assessment": "residual  telu ",
}


def test_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {"__name__": "__page__"}
    blocks = block((ROOT / "docs" / "training.md").read_text(encoding="utf-8"), "python")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for code in blocks:
            exec(compile(code, "training.md", "exec"), names)
    shown = capsys.readouterr().out
    assert "branches ran; 6.5 are expected" in shown
    assert "[0.00499, 0.0]" in shown or "[0.005, 0.0]" in shown
    assert "re-initialised from block [0, 1, 2]" in shown
    assert "of which the function itself gave" in shown
    assert shown.count("balanced accuracy") == 2


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process: starting one for each would take longer than they do."""
    monkeypatch.delenv("ACTLAS_DATA", raising=False)
    script = ROOT / "examples" / f"{name}.py"
    with torch.random.fork_rng():
        runpy.run_path(str(script), run_name="__main__")
    assert EXAMPLES[name] in capsys.readouterr().out
    assert len(script.read_text(encoding="utf-8").splitlines()) < 40
