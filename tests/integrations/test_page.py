"""The page about other libraries runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from actlas.integrations import Registration
from actlas.integrations import timm as actlas_timm
from tests.docs.test_readme import block
from tests.support.peers import peer

PAGE = Path(__file__).parents[2] / "docs" / "integrations.md"


@pytest.mark.filterwarnings("ignore")
def test_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("transformers", "timm"):
        peer(name)
    monkeypatch.chdir(tmp_path)
    made: list[Registration] = []
    register = actlas_timm.register
    monkeypatch.setattr(actlas_timm, "register", lambda: made.append(register()))
    names: dict[str, object] = {"__name__": "__page__"}
    try:
        with torch.random.fork_rng():
            for code in block(PAGE.read_text(encoding="utf-8"), "python"):
                exec(compile(code, "integrations.md", "exec"), names)
    finally:
        for registration in (*made, names.get("registration")):
            if isinstance(registration, Registration):
                registration.undo()
    shown = capsys.readouterr().out
    assert "LeakyReLU(negative_slope=0.2, inplace=True)" in shown
    assert "TeLU()" in shown
    assert "0 replaced" in shown
