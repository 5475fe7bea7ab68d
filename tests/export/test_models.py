"""Whole models: torch.export, ONNX with native operators, AOTInductor; every function in each."""

from __future__ import annotations

import copy
import io
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import actlas
from actlas.export import to_onnx
from actlas.export._formula import formula_of
from tests.conftest import ENTRIES
from tests.export.points import ALLOWED, worst
from tests.nn.units import ALL, SHAPE, build, normal

runtime = pytest.importorskip("onnxruntime", reason="the extra export is not installed")
pytest.importorskip("onnxscript", reason="the extra export is not installed")

# torch 2.13's own, whenever a program is copied
pytestmark = pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning")

ONE = [entry for entry in ENTRIES if len(entry.inputs) == 1]


class Rows(nn.Module):
    """Every function of one input on a row of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.functions = nn.ModuleList([actlas.nn.create(entry.name) for entry in ONE])

    def forward(self, x: Tensor) -> Tensor:
        rows = zip(self.functions, x.unbind(0), strict=True)
        return torch.stack([function(row) for function, row in rows])


def rows(count: int = 512) -> Tensor:
    return torch.linspace(-10, 10, count).expand(len(ONE), -1).contiguous()


def wrong(found: Tensor) -> list[str]:
    """Return what is not the function to 1e-6, row by row."""
    told = [worst(formula_of(entry.name), result.detach().numpy(), rows()[0].numpy())
            for entry, result in zip(ONE, found, strict=True)]  # fmt: skip
    return [line for line in told if line]


class Block(nn.Module):
    """A residual block whose activation works in place, so that the sum reads its result."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Conv2d(width, width, 3, padding=1)
        self.act = actlas.nn.create("gelu", inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        before = self.inner(x)
        return self.act(before) + before + actlas.functional.softsign(x)


def network() -> nn.Sequential:
    """Return a CNN: plain, learned, per channel, in place, functional and structured."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = nn.Sequential(
            nn.Conv2d(1, 4, 3), actlas.nn.create("telu"), Block(4), actlas.nn.create("mish"),
            actlas.nn.create("prelu", num_parameters=4), nn.Flatten(), nn.Linear(144, 12),
            actlas.nn.create("swish"), nn.Linear(12, 12), actlas.nn.create("relu6"),
            actlas.nn.create("maxout", num_pieces=2),
        )  # fmt: skip
        nn.init.uniform_(made[4].weight, 0.1, 0.4)
        nn.init.constant_(made[7].beta, 1.375)
    return made.eval()


def example(batch: int = 2) -> Tensor:
    return torch.randn(batch, 1, 8, 8, generator=torch.Generator().manual_seed(batch))


def by_runtime(model: Any, x: Tensor) -> Any:
    """Run a model, given as path or program, in ONNX Runtime."""
    source = str(model) if isinstance(model, Path) else model.model_proto.SerializeToString()
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = runtime.InferenceSession(source, options)
    return session.run(None, {session.get_inputs()[0].name: x.numpy()})


def close(found: Any, wanted: Tensor, scale: float = 1.0) -> None:
    np.testing.assert_allclose(found, wanted.detach().numpy(), rtol=0, atol=ALLOWED * scale)


# ---------------------------------------------------------------- torch.export


@pytest.fixture(scope="module")
def everything() -> torch.export.ExportedProgram:
    return torch.export.export(Rows().eval(), (rows(),))


@pytest.mark.slow
@pytest.mark.xdist_group("every function exported")
def test_torch_exports_every_function(everything: torch.export.ExportedProgram) -> None:
    assert not wrong(everything.module()(rows()))


def test_a_network_is_exported_decomposed_saved_and_loaded() -> None:
    model, batch = network(), {0: torch.export.Dim("batch", min=2)}
    program = torch.export.export(model, (example(),), dynamic_shapes=(batch,))
    lowered = program.run_decompositions()
    stored = io.BytesIO()
    torch.export.save(lowered, stored)
    stored.seek(0)
    loaded = torch.export.load(stored)
    close(loaded.module()(example(5)).detach(), model(example(5)))
    called = {str(n.target) for n in loaded.graph.nodes if n.op == "call_function"}
    assert not [n for n in called if not n.startswith("aten.") and "getitem" not in n]


# ---------------------------------------------------------------- ONNX


def operators(program: Any) -> list[str]:
    return [node.op_type for node in program.model.graph if node.op_type != "Constant"]


@pytest.mark.parametrize("opset", [18, 20, 24])
def test_a_network_has_native_operators(opset: int, tmp_path: Path) -> None:
    model, path = network(), tmp_path / "network.onnx"
    before = copy.deepcopy(model.state_dict())
    batch = {0: torch.export.Dim("batch", min=2)}
    program = to_onnx(model, (example(),), path, opset=opset, dynamic_shapes=(batch,))
    found = operators(program)
    assert {"Mish", "Clip"} <= set(found)
    assert ("Gelu" in found) == (opset >= 20)
    assert ("Swish" in found) == (opset >= 24)
    assert found[1:4] == ["Exp", "Tanh", "Mul"]
    assert dict(program.model.opset_imports) == {"": opset}
    assert not program.model.functions
    (result,) = by_runtime(path, example(5))
    close(result, model(example(5)))
    assert not any("forward" in vars(module) for module in model.modules())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_torchs_own_exporter_needs_nothing_from_us() -> None:
    model = network()
    program = torch.onnx.export(model, (example(),), dynamo=True, opset_version=20, verbose=False)
    (result,) = by_runtime(program, example())
    close(result, model(example()))


@pytest.mark.slow
def test_every_function_in_one_model() -> None:
    x = rows()
    program = to_onnx(Rows().eval(), (x,), opset=24)
    (result,) = by_runtime(program, x)
    assert not wrong(torch.from_numpy(result))
    assert len(operators(program)) > 2 * len(ONE)


class Units(nn.Module):
    """Every structured unit on one input."""

    def __init__(self) -> None:
        super().__init__()
        self.units = nn.ModuleList([build(name) for name in ALL])

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(unit(x) for unit in self.units)


@pytest.mark.slow
def test_every_structured_unit_in_one_model() -> None:
    model = Units().eval()
    results = by_runtime(to_onnx(model, (normal(SHAPE),)), normal(SHAPE))
    for name, found, wanted in zip(ALL, results, model(normal(SHAPE)), strict=True):
        np.testing.assert_allclose(found, wanted.detach().numpy(), atol=2e-6, err_msg=name)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")  # onnx_ir's
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64], ids=str)
def test_other_dtypes(dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Linear(3, 3), actlas.nn.create("mish")).to(dtype).eval()
    program = to_onnx(model, (torch.ones(2, 3, dtype=dtype),))
    assert ("Mish" in operators(program)) == (dtype == torch.float16)
    (result,) = by_runtime(program, torch.ones(2, 3, dtype=dtype))
    np.testing.assert_allclose(result, model(torch.ones(2, 3, dtype=dtype)).detach(), rtol=2e-3)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: to_onnx(network(), (example(),), opset=12), "from 18 to 24, got 12"),
        (lambda: to_onnx("mish", (example(),)), "needs a module"),
        (lambda: to_onnx(network(), (example(),), dynamo=False), "dynamo"),
    ],
)
def test_bad_input_is_one_sentence(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(actlas.ActlasError, match=said):
        call()


def test_a_model_that_cannot_be_traced_is_left_as_it_was() -> None:
    class Undecided(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) if x.sum() > 0 else x

    model = Undecided(nn.Linear(3, 3), actlas.nn.create("gelu")).eval()
    with pytest.raises(actlas.ActlasError, match="cannot export Undecided: Could not guard"):
        to_onnx(model, (torch.ones(2, 3),))
    assert not any("forward" in vars(module) for module in model.modules())


# ---------------------------------------------------------------- AOTInductor


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.xdist_group("every function exported")
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler on this machine")
def test_aotinductor_compiles_every_function(
    everything: torch.export.ExportedProgram, tmp_path: Path
) -> None:
    path = torch._inductor.aoti_compile_and_package(
        everything, package_path=str(tmp_path / "all.pt2")
    )
    assert not wrong(torch._inductor.aoti_load_package(path)(rows()))


@pytest.mark.slow
def test_the_example_runs(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "examples" / "export_model.py"
    command = [sys.executable, "-W", "ignore", str(script), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert "nodes: Conv Exp Tanh Mul Conv Gelu Reshape Gemm\n" in done.stdout
    assert (tmp_path / "gelu.h").is_file()
    assert len(script.read_text(encoding="utf-8").splitlines()) < 40
