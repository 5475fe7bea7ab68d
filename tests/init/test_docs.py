"""What docs/init.md and the example show runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "init.md").read_text(encoding="utf-8"), re.DOTALL
)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_block_runs(number: int) -> None:
    exec(compile(BLOCKS[number], "docs/init.md", "exec"), {"__name__": "example"})


def test_figures_in_comments_are_right() -> None:
    from actlas.init import gain, stability_slope

    assert len(BLOCKS) >= 4
    assert "= 1.4868" in BLOCKS[0]
    assert "# 1.173:" in BLOCKS[0]
    assert (round(gain("mish"), 4), round(stability_slope("silu"), 3)) == (1.4868, 1.173)


def test_the_example_runs(tmp_path: Path) -> None:
    path = ROOT / "examples" / "autoinit.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 40
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", str(path)], cwd=tmp_path, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: [float(n) for n in line.split()[1:]]
            for line in done.stdout.splitlines()[1:5]}  # fmt: skip
    assert all(row[1] < 0.1 for row in rows.values())
    assert 0.9 < rows["tanh"][2] < 1.1
    assert rows["gelu"][3] < rows["gelu"][2]
