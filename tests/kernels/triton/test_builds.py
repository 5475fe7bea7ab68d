"""Every function's kernels, forward and backward, compiled for three GPUs that are not there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from actlas.catalogue import Definition, unroll
from actlas.kernels.triton import Kernel
from tests.conftest import over
from tests.kernels.triton import needs_triton
from tests.kernels.triton.compiling import TARGETS, both, compiled, launches
from tests.kernels.triton.test_layouts import FULL, PACKED, SWISH

pytestmark = [needs_triton, pytest.mark.slow]
BF16 = torch.bfloat16
_FEW = 4  # parameters that are tensors; with twenty one kernel has twenty gradients, all alike


@pytest.fixture(autouse=True)
def nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile anew, leave nothing in the home folder, and no lines for a debugger."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TRITON_DISABLE_LINE_INFO", "1")


def check(built: Any, target: str) -> None:
    """A binary came out; it computes in single precision, and its offsets have 64 bits."""
    assert built.asm["hsaco" if target.startswith("gfx") else "cubin"]
    text = built.asm["ttir"]
    assert not re.search(r"\bf64\b", text)
    offsets = re.findall(r"tt\.addptr .*, (?:tensor<[\dx]+)?(i\d+)>? loc", text)
    assert offsets
    assert set(offsets) == {"i64"}
    assert not re.search(r"cvt\.r[zmp]\.b?f16", built.asm.get("ptx", "")), "not to the nearest"


@pytest.mark.parametrize("target", TARGETS)
@over()
def test_every_function(entry: Definition, target: str) -> None:
    """In bfloat16; parameters have one value per channel, and every tensor gets a gradient."""
    numbers = tuple(unroll(entry.bind({})).values())
    inputs = (*entry.inputs, *entry.scalars(entry.default_shape))
    usual = numbers if len(entry.inputs) == 1 else ()
    tensors = [torch.empty(2, 16, 128, dtype=BF16) for _ in entry.inputs]
    kernel = (entry.expression(), inputs, usual)
    parameters = [*(torch.empty(16, 1) for _ in numbers[:_FEW]), *numbers[_FEW:]]
    made = launches(both(kernel, [*tensors, *parameters]))
    assert len(made) == 2
    for launch in made:
        check(compiled(launch, target), target)


X = torch.empty(6, 40, 16, 16, dtype=BF16)
CASES: dict[str, tuple[Kernel, list[Any]]] = {
    "number": (SWISH, [X, 0.5]),
    "scalar": (SWISH, [X, torch.empty(1)]),
    "channel": (SWISH, [X, torch.empty(40, 1, 1)]),
    "channels last": (SWISH, [X.to(memory_format=torch.channels_last), torch.empty(40, 1, 1)]),
    "image": (SWISH, [X[..., ::2], torch.empty(1, 40, 16, 8)]),
    "single precision": (SWISH, [X.float(), torch.empty(16)]),
    "half precision": (SWISH, [X.half(), torch.empty(16).half()]),
    **{
        f"{name} with biases": (FULL, [*halves(X), 0.5, torch.empty(8), torch.empty(8)])
        for name, halves in PACKED.items()
    },
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("case", CASES)
def test_every_layout(case: str, target: str) -> None:
    """At the size of tile that is launched; half formats are rounded to nearest, 8 at once."""
    for launch in launches(both(*CASES[case]), tile=1024):
        built = compiled(launch, target)
        check(built, target)
        if case == "number" and target.startswith("sm"):
            assert "cvt.rn.bf16x2.f32" in built.asm["ptx"]
            assert "ld.global.v4.b32" in built.asm["ptx"]
