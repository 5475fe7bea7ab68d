"""The formula without actlas's engine: as a user would write it, compiled, and as composition."""

from __future__ import annotations

import operator
import shutil
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812

from actlas.api import Activation
from actlas.backends import torch as torch_backend
from actlas.backends.lowering import fold_constants
from actlas.backends.tape import Tape, record
from actlas.bench.cells import Work
from actlas.bench.peers._peer import Call, Function, Peer, torch_call
from actlas.catalogue import unroll
from actlas.errors import ActlasError
from actlas.expr import Expr
from actlas.facts import Curve
from actlas.kernels.autograd import Elementwise, elementwise


def filled(activation: Activation, *, as_printed: bool = False) -> Expr:
    """Return the expression in the inputs alone, the parameters replaced by their values."""
    root = activation.expression(as_printed=as_printed)
    return Curve.of(root, unroll(dict(activation.values))).root


def written(activation: Activation, functions: Mapping[str, Function], language: str) -> Tape:
    """Return the paper's formula over `functions`, one for each primitive in it."""
    root = fold_constants(filled(activation, as_printed=True))
    return record(root, activation.definition.inputs, functions, language)


# What every array library has: Python's own operators.
OPERATORS: dict[str, Function] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "neg": operator.neg, "abs": operator.abs, "lt": operator.lt, "le": operator.le,
    "gt": operator.gt, "ge": operator.ge, "pow": lambda n, u: u**n,
}  # fmt: skip


def _sphj(order: int, u: torch.Tensor) -> torch.Tensor:
    if order:
        raise ActlasError(f"torch has no spherical Bessel function of order {order}")
    return torch.sinc(u / torch.pi)


# The primitives by the calls that a user makes, where the backend spells them out for exactness.
WRITTEN: dict[str, Function] = torch_backend.FUNCTIONS | OPERATORS | {
    "sigmoid": torch.sigmoid, "softplus": F.softplus, "tanhshrink": F.tanhshrink,
    "softsign": F.softsign, "ncdf": lambda u: 0.5 * (1 + torch.erf(u * 0.5**0.5)),
    "hypot1": lambda u: torch.sqrt(1 + u * u), "rhyp": lambda u: torch.rsqrt(1 + u * u),
    "isru": lambda u: u * torch.rsqrt(1 + u * u), "sphj": _sphj,
}  # fmt: skip


def _written(activation: Activation) -> Iterable[Tape]:
    return [written(activation, WRITTEN, "eager")]


# ---------------------------------------------------------------- compiled


def _compiled_call(function: Function, work: Work) -> Call | None:
    torch._dynamo.reset()  # all formulas share one code object, of which few versions are kept
    return torch_call(torch.compile(function, fullgraph=True, dynamic=False), work)


def _no_compiler() -> str:
    found = any(map(shutil.which, ("c++", "g++", "clang++", "cl")))
    return "" if found else "torch.compile needs a C++ compiler, and none was found"


# ---------------------------------------------------------------- the composition


def _composition(activation: Activation) -> Iterable[Function]:
    """Yield what runs where there is no engine: torch's operations and the exact derivative."""
    inputs, numbers = activation.definition.inputs, unroll(dict(activation.values))
    defaults = tuple(numbers.values()) if len(inputs) == 1 else ()
    kernel = elementwise(activation.expression(), (*inputs, *numbers), defaults)
    return [_as_function(kernel, tuple(numbers.values()))]


def _as_function(kernel: Elementwise, numbers: tuple[float, ...]) -> Function:
    class Composition(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(*tensors)
            return kernel.composition(*tensors, *numbers, dtype=tensors[0].dtype)

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> Any:
            wide, values = grad.to(torch.float32), (*ctx.saved_tensors, *numbers)
            slopes = (kernel.slope(index) for index in range(len(ctx.saved_tensors)))
            return tuple((wide * s.composition(*values, dtype=torch.float32)).to(grad.dtype)
                         for s in slopes)  # fmt: skip

    return Composition.apply  # type: ignore[no-any-return]


EAGER = Peer("eager", "the paper's formula in PyTorch operations, under autograd", _written,
             keeps_steps=True)  # fmt: skip
COMPILE = Peer("compile", "torch.compile of that formula", _written, _compiled_call,
               absent=_no_compiler, keeps_steps=True)  # fmt: skip
COMPOSITION = Peer("composition", "what actlas runs without its engine", _composition,
                   keeps_steps=True)  # fmt: skip
