"""PyTorch: one call per primitive on tensors of the computing precision (float32 or float64).

Constants stay Python numbers, so nothing needs moving between devices and dtypes; NaN passes
through every function but `where` and `sign`, which `lowering` takes care of.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, Union

import numpy as np
import torch

from actlas.backends import numpy as numpy_backend
from actlas.backends.tables import TANHSHRINK
from actlas.backends.tabulate import Table
from actlas.backends.tape import Tape, record
from actlas.expr import Expr, rewrite, symbol, symbols
from actlas.expr.node import intern, make

Value = Union[torch.Tensor, float]


def _max(u: Value, v: Value) -> torch.Tensor:
    if isinstance(u, torch.Tensor) and isinstance(v, torch.Tensor):
        return torch.maximum(u, v)
    return torch.clamp_min(u, v) if isinstance(u, torch.Tensor) else torch.clamp_min(v, u)  # type: ignore[arg-type, type-var]


def _min(u: Value, v: Value) -> torch.Tensor:
    if isinstance(u, torch.Tensor) and isinstance(v, torch.Tensor):
        return torch.minimum(u, v)
    return torch.clamp_max(u, v) if isinstance(u, torch.Tensor) else torch.clamp_max(v, u)  # type: ignore[arg-type, type-var]


def _sech2(u: torch.Tensor) -> torch.Tensor:
    small = torch.exp(-2 * torch.abs(u))
    return 4 * small / ((1 + small) * (1 + small))


def _sigmoid(u: torch.Tensor) -> torch.Tensor:
    """torch.sigmoid flushes the left tail to 0 early where exp(-u) overflows."""
    small = torch.exp(-torch.abs(u))
    return torch.where(u < 0, small, 1.0) / (1 + small)


def _softplus(u: torch.Tensor) -> torch.Tensor:
    """F.softplus is linear above 20, which float64 can tell from the truth."""
    return torch.clamp_min(u, 0.0) + torch.log1p(torch.exp(-torch.abs(u)))


def _logaddexp(u: Value, v: Value) -> torch.Tensor:
    """torch.logaddexp has no scalar form; max + log1p serves both."""
    return _max(u, v) + torch.log1p(torch.exp(-torch.abs(u - v)))  # type: ignore[arg-type]


def _tanhshrink(u: torch.Tensor) -> torch.Tensor:
    near = torch.clamp(u, -0.6, 0.6)
    square = near * near
    series = torch.zeros_like(u)
    for coefficient in reversed(TANHSHRINK):
        series = series * square + coefficient
    return torch.where(torch.abs(u) < 0.6, series * square * near, u - torch.tanh(u))


def _sphj(order: int, u: torch.Tensor) -> torch.Tensor:
    """Spherical Bessel function: series below `order + 2`, upward recurrence above."""
    small = torch.abs(u) < order + 2
    v, w = torch.where(small, u, 0.0), torch.where(small, 1.0, u)
    term = torch.ones_like(u)
    for k in range(1, order + 1):
        term = term * v / (2 * k + 1)
    series, square = term, -v * v / 2
    for k in range(1, 16 + 2 * order):
        term = term * square / (k * (2 * k + 2 * order + 1))
        series = series + term
    before, now = torch.cos(w) / w, torch.sin(w) / w
    for n in range(order):
        before, now = now, (2 * n + 1) / w * now - before
    return torch.where(small, series, now)


def _hypot1(u: torch.Tensor) -> torch.Tensor:
    """sqrt(1 + u*u), as |u| beyond 1e9 where the square would overflow and the 1 is lost."""
    size = torch.abs(u)
    near = torch.clamp_max(size, 1e9)
    return torch.where(size > 1e9, size, torch.sqrt(1 + near * near))


def _damp(u: Value, v: Value) -> torch.Tensor:
    """u * v, where an exact zero wins over infinity."""
    return torch.where((u == 0) | (v == 0), 0.0, u * v)  # type: ignore[arg-type]


def _choose(condition: torch.Tensor, a: Value, b: Value, like: torch.Tensor) -> torch.Tensor:
    """torch.where of two Python numbers would answer in the default dtype, float32."""
    if not isinstance(a, torch.Tensor) and not isinstance(b, torch.Tensor):
        a = torch.full((), a, dtype=like.dtype, device=like.device)
    return torch.where(condition, a, b)


def _of_parameters(op: str) -> Callable[..., Value]:
    """Return the primitive for arguments that are numbers as long as no parameter is a tensor."""

    def call(*arguments: Value) -> Value:
        first = next((a for a in arguments if isinstance(a, torch.Tensor)), None)
        if first is None:
            return float(numpy_backend.FUNCTIONS[op](*map(np.float64, arguments)))
        return FUNCTIONS[op](*[_like(first, a) for a in arguments])  # type: ignore[no-any-return]

    return call


def _like(tensor: torch.Tensor, value: Value) -> torch.Tensor:
    return value if isinstance(value, torch.Tensor) else torch.full_like(tensor, value)


def _adapt(lowered: Expr, inputs: tuple[str, ...]) -> Expr:
    """Mark what depends on parameters alone, and where(c, a, b) of two such values."""

    def change(node: Expr) -> Expr:
        if node.args and not _reads_input(node):
            return intern(f"parameters.{node.op}", node.args, node.value)
        if node.op == "where" and not any(map(_reads_input, node.args[1:])):
            return make("choose", *node.args, symbol(inputs[0]))
        return node

    return rewrite(lowered, change)


def _reads_input(node: Expr) -> bool:
    return bool(symbols(node) & {"x", "y"})


def _biggest(u: torch.Tensor) -> float:
    return torch.finfo(u.dtype).max


def look_up(table: Table, u: torch.Tensor) -> torch.Tensor:
    """Return the cubics of a table at `u`, as the CPU engine does (kernels/cpu/body.h)."""
    rows = torch.from_numpy(table.rows).to(u.device)
    size = torch.abs(u)
    reach = table.near / table.inverse
    mantissa, exponent = torch.frexp(torch.clamp(size, reach, _biggest(u)))
    octave = (exponent - 1 - round(math.log2(reach))) * 2**table.bits
    within = (2 * mantissa - 1) * 2**table.bits
    last = table.far - 1
    row = torch.clamp_max(octave + torch.floor(within), last)
    local = torch.where(row == last, size, within - torch.floor(within))
    near = torch.clamp(size, 0, reach) * table.inverse
    is_near = size < reach
    row = torch.where(is_near, torch.floor(near), row + table.near)
    t = torch.where(is_near, near - torch.floor(near), local)
    index = torch.nan_to_num(row).long() + torch.signbit(u) * table.half
    c = rows[index]
    y = c[..., 0] + t * (c[..., 1] + t * (c[..., 2] + t * c[..., 3]))
    y = y * u**table.power if table.power else y
    y = torch.where(u == math.inf, table.at_high, torch.where(u == -math.inf, table.at_low, y))
    return y if table.at_zero is None else torch.where(u == 0, table.at_zero, y)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": lambda u, v: u + v, "sub": lambda u, v: u - v, "mul": lambda u, v: u * v,
    "div": lambda u, v: u / v, "neg": lambda u: -u, "lt": lambda u, v: u < v,
    "le": lambda u, v: u <= v, "gt": lambda u, v: u > v, "ge": lambda u, v: u >= v,
    "where": torch.where, "choose": _choose, "max": _max, "min": _min, "abs": abs,
    "sign": torch.sign, "exp": torch.exp,
    "expm1": torch.expm1, "log": torch.log, "log1p": torch.log1p, "sqrt": torch.sqrt,
    "powr": torch.pow, "logaddexp": _logaddexp, "sigmoid": _sigmoid, "softplus": _softplus,
    "tanh": torch.tanh, "sech2": _sech2, "tanhshrink": _tanhshrink, "atan": torch.atan,
    "lorentz": lambda u: 1 / (1 + u * u), "softsign": lambda u: u / (1 + torch.abs(u)),
    "rabs": lambda u: 1 / (1 + torch.abs(u)), "asinh": torch.asinh, "hypot1": _hypot1,
    "rhyp": lambda u: 1 / _hypot1(u), "isru": lambda u: u / _hypot1(u), "erf": torch.erf,
    "erfc": torch.erfc, "ncdf": lambda u: 0.5 * torch.erfc(-math.sqrt(0.5) * u),
    "npdf": lambda u: math.sqrt(0.5 / math.pi) * torch.exp(-0.5 * u * u), "sin": torch.sin,
    "cos": torch.cos, "sphj": _sphj, "damp": _damp,
    "nan_like": lambda x, y: torch.where(torch.isnan(x), x, y),
    "clip_low": lambda u: torch.clamp_min(u, -_biggest(u)),
    "clip_high": lambda u: torch.clamp_max(u, _biggest(u)),
    "at_low": torch.isneginf, "at_high": torch.isposinf,
}  # fmt: skip

_PARAMETER_FUNCTIONS = {f"parameters.{op}": _of_parameters(op) for op in FUNCTIONS}


@cache
def compiled(root: Expr, inputs: tuple[str, ...], defaults: tuple[float, ...] = ()) -> Tape:
    """Return the tape of `root` over tensors, in the order of `inputs`."""
    lowered = numpy_backend.prepared(root, inputs, defaults)
    return record(_adapt(lowered, inputs), inputs, FUNCTIONS | _PARAMETER_FUNCTIONS, "torch")
