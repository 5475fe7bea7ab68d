"""`actlas identify`: names, formulas and objects, for people and for machines."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest


def test_a_name_of_another_library(run):
    shown = run("identify", "hf:gelu_new").stdout
    assert shown.startswith("hf:gelu_new is gelu_tanh: largest difference ")
    assert "on [-10, 10], at x = " in shown
    assert "gelu (0.000473 away)" in shown
    assert (
        run("identify", "gelu_new", "--library", "hf").stdout.splitlines()[0]
        == (shown.splitlines()[0])
    )


def test_a_formula(run):
    assert "is quick_gelu(k=1.7)" in run("identify", "x*sigmoid(1.7*x)").stdout
    narrow = run("identify", "x*sigmoid(1.7*x)", "--range", "-1", "1", "--tolerance", "0.1").stdout
    assert "on [-1, 1]" in narrow


def test_an_object(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "my_layers.py").write_text(
        "import torch\ndef bent(x):\n    return x * torch.tanh(torch.exp(x))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert run("identify", "my_layers:bent").stdout.startswith("bent is telu: ")
    assert run("identify", "torch.nn:Hardswish").stdout.startswith("Hardswish is hard_swish: ")
    sys.modules.pop("my_layers")


def test_an_object_in_the_working_directory(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As the installed command finds it, whose own folder comes first in sys.path."""
    (tmp_path / "layers_here.py").write_text("import torch\ndef straight(x):\n    return x\n")
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    monkeypatch.chdir(tmp_path)
    assert run("identify", "layers_here:straight").stdout.startswith("straight is identity: ")
    sys.modules.pop("layers_here")


def test_json(run):
    record = json.loads(run("identify", "onnx:LeakyRelu(alpha=0.3)", "--json").stdout)
    assert record["id"] == "leaky_relu"
    assert record["parameters"] == {"negative_slope": 0.3}
    assert record["exact"] is True
    assert record["interval"] == [-10.0, 10.0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gelo",), "'gelu'"),
        (("hf:gelo",), "'gelu'"),
        (("kers:gelu",), "'keras'"),
        (("torch.nn:Geluu",), "torch.nn has no Geluu"),
        (("no.such.module:thing",), "the module 'no.such.module' cannot be imported"),
        (("torch.nn:Conv2d",), "give an instance"),
        (("gelu", "--range", "1", "0"), "low below high"),
        (("gelu", "--tolerance", "0"), "above 0"),
        (("gelu", "--library", "jaxx"), "'jax'"),
    ],
)
def test_bad_input_is_one_sentence(refused, words, said):
    assert said in refused("identify", *words)
