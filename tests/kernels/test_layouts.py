"""The engine over every layout: strides, sizes, offsets, channels, parameters, and who refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import mish
from torch.utils.flop_counter import FlopCounterMode

import actlas
from actlas.backends.program import program
from actlas.catalogue import Definition
from actlas.expr import symbol
from actlas.expr.node import make
from actlas.kernels.cpu import launch
from actlas.kernels.cpu.layout import is_dense
from actlas.kernels.cpu.runtime import engine
from actlas.nn import _apply, functional
from tests.conftest import ENTRIES, over

LEARNS = [e for e in ENTRIES if any(p.learnable for p in e.parameters.values())]
SIZES = (0, 1, 15, 16, 17, 255, 256, 257, 2**16 - 1, 2**16, 2**16 + 1)
LAYOUTS = {
    "matrix": lambda x: x[:, :, 0, 0].contiguous(),
    "images": lambda x: x,
    "channels last": lambda x: x.to(memory_format=torch.channels_last),
    "short channels": lambda x: x[..., :2, :2].contiguous(),
    "gaps": lambda x: x[..., ::2],
    "many gaps": lambda x: x[::2, :, ::3, ::2],
    "transposed": lambda x: x.transpose(2, 3),
    "expanded": lambda x: x[:, :, :1, :1].expand(-1, -1, 3, 4),
    "permuted": lambda x: x.permute(3, 1, 0, 2),
}

pytestmark = pytest.mark.skipif(not engine().active, reason="the engine is not active here")


def images() -> torch.Tensor:
    return 2 * torch.randn(4, 3, 12, 10, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("layout", LAYOUTS)
@over(LEARNS)
def test_learnable_parameters_and_their_gradients(entry: Definition, layout: str) -> None:
    """A parameter for each channel, in float32 against the composition of doubles."""
    x = LAYOUTS[layout](images())
    made = actlas.nn.create(entry.name, num_parameters=3)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(torch.tensor([0.9, 1.0, 1.1]))
    twin = actlas.nn.create(entry.name, num_parameters=3).double()
    twin.load_state_dict(made.state_dict())
    results = []
    for module, dtype in ((made, torch.float32), (twin, torch.float64)):
        given = x.to(dtype).clone().requires_grad_()
        y = module(given)
        y.backward(torch.cos(y.detach().double()).to(dtype))
        results.append([y, given.grad, *[p.grad for p in module.parameters()]])
    for found, truth in zip(*results, strict=True):
        assert found.shape == truth.shape
        scale = max(1.0, truth.detach().abs().max().item())
        torch.testing.assert_close(found.double(), truth, rtol=2e-5, atol=2e-5 * scale)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["mish", "relu", "snake"])
def test_sizes_and_unaligned_memory(name: str, size: int) -> None:
    """No element is missed, doubled or written beside, wherever the memory begins."""
    function = getattr(actlas.functional, name)
    for offset in (0, 1, 3):
        memory = torch.full((size + 8,), 7.0)
        memory[offset : offset + size] = torch.linspace(-9, 9, size) if size else memory[:0]
        x, out = memory[offset : offset + size], torch.full((size + 8,), 7.0)
        function(x, out=out[offset : offset + size])
        expected = function(x.double()).float()
        torch.testing.assert_close(out[offset : offset + size], expected)
        torch.testing.assert_close(function(x), expected)
        assert (out[:offset] == 7).all()
        assert (out[offset + size :] == 7).all()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_two_inputs_and_odd_gradients(layout: str, dtype: torch.dtype) -> None:
    """Both inputs strided, the incoming gradient expanded: as the composition of doubles."""
    x = LAYOUTS[layout](images()).to(dtype)
    for name in ("logic_and_ail", "mish"):
        if name not in actlas.names():
            continue
        inputs = [x, x.flip(0)][: len(actlas.get(name).definition.inputs)]
        results = []
        for kind in (dtype, torch.float64):
            given = [v.to(kind).clone().requires_grad_() for v in inputs]
            y = getattr(actlas.functional, name)(*given)
            y.sum().backward()
            results.append([y, *[v.grad for v in given]])
        for found, truth in zip(*results, strict=True):
            rtol = 1e-2 if dtype == torch.bfloat16 else 1e-5
            torch.testing.assert_close(found.double(), truth, rtol=rtol, atol=1e-5)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_in_place_and_out(layout: str) -> None:
    x = LAYOUTS[layout](images())
    expected = actlas.functional.telu(x)
    if layout != "expanded":
        given = LAYOUTS[layout](images().clone())
        version = given._version
        assert actlas.functional.telu(given, inplace=True) is given
        assert given._version > version
        torch.testing.assert_close(given, expected, rtol=0, atol=0)
    for out in (torch.empty_like(x), torch.empty(x.shape), torch.empty(*x.shape, 2)[..., 0]):
        version = out._version
        assert actlas.functional.telu(x, out=out) is out
        assert out._version > version
        torch.testing.assert_close(out, expected)
    if layout != "expanded":
        given = LAYOUTS[layout](images().clone())
        assert actlas.functional.telu(given, out=given) is given
        torch.testing.assert_close(given, expected, rtol=0, atol=0)


def test_a_result_does_not_overwrite_a_parameter() -> None:
    x = torch.rand(4, 3) + 0.5
    with pytest.raises(actlas.ActlasError, match="or a parameter"):
        actlas.functional.elu(x, alpha=x[0], inplace=True)
    with pytest.raises(actlas.ActlasError, match="or a parameter"):
        actlas.functional.and_ail(x, x[:1], out=x)


def test_gradients_come_in_batches() -> None:
    """A batch of gradients is a functorch tensor without memory of its own."""
    x = torch.randn(5, requires_grad=True)
    y = actlas.functional.mish(x)
    (rows,) = torch.autograd.grad(y, x, torch.eye(5), is_grads_batched=True)
    torch.testing.assert_close(rows.diag(), torch.autograd.grad(mish(x).sum(), x)[0])
    table = torch.autograd.functional.jacobian(actlas.functional.telu, x.detach(), vectorize=True)
    assert torch.equal(table, table.diag().diag())


def test_saved_tensors_may_come_back_otherwise_laid_out() -> None:
    x = torch.randn(6, 4, requires_grad=True)
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t.t().contiguous().t())
    with hooks:
        y = actlas.functional.mish(x)
    y.sum().backward()
    torch.testing.assert_close(x.grad, torch.autograd.grad(mish(x).sum(), x)[0])


def test_gradients_lie_as_their_inputs_do() -> None:
    """What comes back from a mean over the image has no memory of its own for each element."""
    start = images().contiguous(memory_format=torch.channels_last).requires_grad_()
    for function, truth in ((actlas.functional.mish, mish), (actlas.functional.relu, torch.relu)):
        (grad,) = torch.autograd.grad(function(start).mean((2, 3)).sum(), start)
        (wanted,) = torch.autograd.grad(truth(start).mean((2, 3)).sum(), start)
        torch.testing.assert_close(grad, wanted)
        assert grad.stride() == start.stride()


def test_a_second_argument_is_never_ignored() -> None:
    layer, x = actlas.nn.Mish(), torch.randn(4)
    layer(x)
    with pytest.raises(actlas.ActlasError, match="takes 1 tensor, got 2"):
        layer(x, x)


def test_a_program_that_leaves_its_room_is_refused() -> None:
    module = engine().module
    if module is None:
        pytest.skip("the engine is not built here")
    source = program((make("max", symbol("x"), 0),), ("x",))
    operation, *_ = source.steps[0]
    for step in ((operation, 99, 0, 1, 0, 0), (operation, 2, 0, -1, 0, 0), (77, 2, 0, 1, 0, 0)):
        with pytest.raises(ValueError, match="not there"):
            module.program(*replace(source, steps=(step,)).packed())


@pytest.mark.parametrize("called_before", [False, True])  # then the short way is open
def test_out_refuses_what_would_be_wrong(
    called_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(functional, "SHORT", {})
    monkeypatch.setattr(_apply, "SHORT", functional.SHORT)
    x = torch.randn(8)
    if called_before:
        actlas.functional.mish(x)
    with pytest.raises(actlas.ActlasError, match="shares part of its memory"):
        actlas.functional.mish(x[:-1], out=x[1:])
    with pytest.raises(actlas.ActlasError, match="shares part of its memory"):
        actlas.functional.mish(x[1:], out=x[:-1])
    with pytest.raises(actlas.ActlasError, match="shape"):
        actlas.functional.mish(x, out=torch.empty(7))
    with pytest.raises(actlas.ActlasError, match="dtype"):
        actlas.functional.mish(x, out=torch.empty(8, dtype=torch.float64))
    with pytest.raises(actlas.ActlasError, match="automatic differentiation"):
        actlas.functional.mish(x.requires_grad_(), out=torch.empty(8))
    with pytest.raises(actlas.ActlasError, match="not both"):
        actlas.functional.mish(x, out=torch.empty(8), inplace=True)


def test_saved_inputs_are_not_written_into() -> None:
    """Autograd notices a change between forward and backward, as with torch's own functions."""
    x = torch.randn(8, requires_grad=True)
    z = x * 1
    y = actlas.functional.mish(z)
    with torch.no_grad():
        actlas.functional.relu(z, inplace=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_who_is_served() -> None:
    x = torch.randn(4)
    assert launch.serves([x])
    assert launch.serves([torch.nn.Parameter(x), 0.5])
    assert not launch.serves([x.double()])
    assert not launch.serves([x.to("meta")])
    assert not launch.serves([torch.nn.Buffer(x).to_sparse()])
    assert not launch.serves([torch._neg_view(x)])
    torch.testing.assert_close(
        actlas.functional.mish(torch._neg_view(x)), actlas.functional.mish(-x)
    )


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_tracers_see_the_composition() -> None:
    x = torch.randn(4)
    traced = torch.jit.trace(actlas.nn.Mish(), x, check_trace=False)
    torch.testing.assert_close(traced(2 * x), actlas.nn.Mish()(2 * x))
    with FlopCounterMode(display=False):
        torch.testing.assert_close(actlas.nn.Mish()(x), actlas.nn.Mish()(x.double()).float())


def test_dense() -> None:
    x = torch.zeros(2, 3, 4)
    assert is_dense(x.permute(2, 0, 1))
    assert not is_dense(x[:, :2])
    assert not is_dense(x[:, :1].expand(2, 3, 4))


def test_gradients_do_not_depend_on_the_number_of_threads_only_on_rounding() -> None:
    x = torch.randn(3, 5, 150, 150)
    grads = []
    before = torch.get_num_threads()
    for threads in (1, 2, 2):
        torch.set_num_threads(threads)
        made = actlas.nn.create("swish", num_parameters=5)
        made(x).sum().backward()
        grads.append(next(made.parameters()).grad)
    torch.set_num_threads(before)
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(grads[1], grads[2], rtol=0, atol=0)


# ---------------------------------------------------------------- the choice of a path


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], text=True, capture_output=True,
                          env={**os.environ, **environment})  # fmt: skip


REPORT = ("import actlas, torch; from actlas.kernels.cpu.runtime import engine;"
          "print(actlas.functional.mish(torch.tensor([1.0])).item(), engine().isa)")  # fmt: skip


@pytest.mark.parametrize("isa", ["generic", "none", *engine().available])
def test_the_path_is_chosen_by_the_environment(isa: str) -> None:
    value, active = python(REPORT, ACTLAS_ISA=isa).stdout.split()
    assert active == isa
    assert float(value) == pytest.approx(0.8650983882673103, rel=1e-6)


def test_an_unknown_path_is_refused_with_the_nearest_name() -> None:
    done = python(REPORT, ACTLAS_ISA="avx-512")
    assert done.returncode != 0
    assert "avx512, avx2, generic, none" in done.stderr
    assert "avx512" in done.stderr.splitlines()[-1]


def test_a_path_that_this_machine_lacks_is_refused() -> None:
    missing = [isa for isa in ("avx512", "avx2") if isa not in engine().available]
    if not missing:
        pytest.skip("this machine has every instruction set")
    done = python(REPORT, ACTLAS_ISA=missing[0])
    assert done.returncode != 0
    assert "this machine has" in done.stderr
