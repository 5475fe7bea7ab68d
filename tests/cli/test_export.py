"""`actlas export`: ONNX models and look-up tables from a shell."""

from __future__ import annotations

import json

import numpy as np
import pytest

from actlas.export import lookup_table
from actlas.export.formats import to_c

onnx = pytest.importorskip("onnx", reason="the extra export is not installed")


def test_an_onnx_model(run, tmp_path):
    path = tmp_path / "mish.onnx"
    said = run("export", "mish", "--onnx", str(path), "--opset", "18").stdout
    model = onnx.load(path)
    assert [node.op_type for node in model.graph.node] == ["Mish"]
    assert model.opset_import[0].version == 18
    assert said.strip() == f"wrote {path}: Mish, opset 18"


def test_parameters_and_dtype(run, tmp_path):
    path = tmp_path / "elu.onnx"
    words = ("--onnx", str(path), "--dtype", "float16")
    run("export", "leaky_relu", "-p", "negative_slope=0.2", *words)
    nodes = onnx.load(path).graph.node
    assert [node.op_type for node in nodes] == ["Cast", "LeakyRelu", "Cast"]
    assert nodes[1].attribute[0].f == np.float32(0.2)


def test_a_table_is_printed_as_c(run):
    shown = run("export", "gelu", "--int8", "--scale-in", "0.05").stdout
    assert shown == to_c(lookup_table("gelu", "int8", scale_in=0.05))


@pytest.mark.parametrize("form", ["c", "json", "npy"])
def test_a_table_is_written(run, tmp_path, form):
    path = tmp_path / f"gelu{ {'c': '.h', 'json': '.json', 'npy': '.npy'}[form] }"
    words = ("--uint8", "--scale-in", "0.05", "--zero-point-in", "128", "--scale-out", "0.03",
             "--zero-point-out", "6", "-o", str(path))  # fmt: skip
    said = run("export", "gelu", *words).stdout
    table = lookup_table(
        "gelu", "uint8", scale_in=0.05, zero_point_in=128, scale_out=0.03, zero_point_out=6
    )
    assert said.startswith(f"wrote {path}: 256 entries, largest error {table.max_error:.3g} (")
    read = {
        "c": lambda: path.read_text() == to_c(table),
        "json": lambda: json.loads(path.read_text())["entries"] == table.entries.tolist(),
        "npy": lambda: np.array_equal(np.load(path), table.entries),
    }
    assert read[form]()


def test_a_half_table_as_json(run):
    record = json.loads(run("export", "telu", "--bfloat16", "--format", "json").stdout)
    assert len(record["entries"]) == 2**16
    assert record["max_error_steps"] <= 0.5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gelu",), "one thing to make"),
        (("gelu", "--int8", "--float16"), "one thing to make"),
        (("gelu", "--int8"), "needs scale_in"),
        (("gelu", "--int8", "--scale-in", "0"), "scale_in must be"),
        (("gelu", "--int8", "--scale-in", "0.1", "--zero-point-in", "300"), "-128 to 127"),
        (("gelu", "--int8", "--scale-in", "0.1", "--format", "jsn"), "'json'"),
        (("gelu", "--int8", "--scale-in", "0.1", "--format", "npy"), "give -o"),
        (("gelu", "--int8", "--scale-in", "0.1", "-o", "gelu.txt"), ".h, .json, .npy"),
        (("gelu", "--onnx", "gelu.pb"), "must end in .onnx"),
        (("gelu", "--onnx", "none/gelu.onnx"), "no folder"),
        (("gelu", "--onnx", "gelu.onnx", "--opset", "17"), "18 to 24"),
        (("gelu", "--onnx", "gelu.onnx", "--dtype", "float23"), "'float32'"),
        (("gelo", "--float16"), "'gelu'"),
        (("maxout", "--float16"), "structured unit"),
        (("and_ail", "--float16"), "two inputs"),
    ],
)
def test_bad_input_is_one_sentence(refused, words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert said in refused("export", *words)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(run, refused, tmp_path):
    path = tmp_path / "gelu.onnx"
    path.write_text("mine")
    assert "--force" in refused("export", "gelu", "--onnx", str(path))
    assert path.read_text() == "mine"
    run("export", "gelu", "--onnx", str(path), "--force")
    assert onnx.load(path).graph.node
