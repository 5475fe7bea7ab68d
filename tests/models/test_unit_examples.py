"""The examples of these networks run, are short, and print what their papers lead one to expect."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
PRINTED = {
    "logic_units": "{'mode': 'partition'}: 58,546 parameters for digits",
    "mocapsnet_memory": "48        48        48        48",
    "pynada_xor": "LeNet, pynada    122,562 parameters",
    "spiking_neurons": "leak 1.0    current 0.1  .........|.........|.........|.........|........",
    "unit_networks": "FReLU ResNet        25,731,432 parameters",
}


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = EXAMPLES / f"{name}.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) < 40
    runpy.run_path(str(path))["main"]()
    assert PRINTED[name] in capsys.readouterr().out
