"""Tensors in, tensors out: which may run in the engine, and what is made for the results.

Everything returns None where the engine does not serve (another device or dtype, a subclass, a
tracer, a broadcast it does not know): the caller then runs the plain composition.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Union

import torch

from actlas.expr import Expr, const, derivative, substitute, symbol
from actlas.kernels.cpu.build import GRAD, Compiled, compiled
from actlas.kernels.cpu.layout import Grid, Placed, grid_of, is_dense
from actlas.kernels.cpu.runtime import engine
from actlas.kernels.cpu.tensors import LARGE, TYPES, is_plain
from actlas.kernels.transforms import observed

Value = Union[torch.Tensor, float]
Kernel = tuple[Expr, tuple[str, ...], tuple[float, ...]]  # an expression, its inputs, usual values
_SUM = 3
CHANGES = 16  # different numbers for a parameter, after which it is no longer built in


def serves(values: Sequence[Value]) -> bool:
    """Say whether the engine may run over these: plain CPU tensors of a type it knows."""
    return (
        all(is_plain(v) for v in values if isinstance(v, torch.Tensor))
        and not observed()
        and engine().active
    )


def value(
    kernel: Kernel, values: Sequence[Value], dtype: torch.dtype, out: torch.Tensor | None = None
) -> torch.Tensor | None:
    """Return the value of an expression in a new tensor, or in `out`, which fits; or None."""
    found = _prepare(value_program, kernel, values)
    if found is None:
        return None
    code, grid = found
    alike = out is None or (is_dense(out) and out.stride() == grid.like.stride())
    if not alike or not is_plain(out if out is not None else grid.like):
        return None
    result = fresh(grid, dtype) if out is None else out
    _run(code, grid, grid.tensors, [(grid.place(result), TYPES[result.dtype])])
    return result


def value_and_slope(
    kernel: Kernel, values: Sequence[Value]
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Return the value and the derivative in the first input, from one pass; or None."""
    found = _prepare(_both_program, kernel, values)
    if found is None:
        return None
    code, grid = found
    results = fresh(grid, grid.like.dtype), fresh(grid, grid.like.dtype)
    _run(code, grid, grid.tensors, [(grid.place(r), TYPES[r.dtype]) for r in results])
    return results


def gradients(
    kernel: Kernel, values: Sequence[Value], grad: torch.Tensor, wanted: tuple[int, ...]
) -> list[torch.Tensor] | None:
    """Return grad * df/dv for the inputs number `wanted`, summed to their shapes; or None."""
    tensors = [index for index, v in enumerate(values) if isinstance(v, torch.Tensor)]
    found = _prepare(slope_program, kernel, values, wanted, grad=grad)
    if found is None:
        return None
    code, grid = found
    results = [_result(grid, tensors.index(index)) for index in wanted]
    _run(code, grid, grid.tensors, results)
    return [
        _restored(placed.tensor, values[index], grid)
        for (placed, _), index in zip(results, wanted, strict=True)
    ]


def run_program(code: Compiled, inputs: Sequence[torch.Tensor]) -> torch.Tensor | None:
    """Return the one result of a ready program, in the dtype of the first input; or None."""
    grid = grid_of(inputs)
    if grid is None:
        return None
    result = fresh(grid, inputs[0].dtype)
    _run(code, grid, grid.tensors, [(grid.place(result), TYPES[result.dtype])])
    return result


# ---------------------------------------------------------------- programs


@lru_cache(maxsize=4096)
def value_program(kernel: Kernel, numbers: tuple[float | None, ...]) -> Compiled | None:
    """Return the program of a value; `numbers` are built in, None stands for a tensor."""
    root, inputs, usual = bound(kernel, numbers)
    return compiled((root,), inputs, usual)


@lru_cache(maxsize=4096)
def slope_program(
    kernel: Kernel, numbers: tuple[float | None, ...], wanted: tuple[int, ...]
) -> Compiled | None:
    """Return the program of grad * df/dv for the inputs number `wanted`."""
    root, inputs, usual = bound(kernel, numbers)
    slopes = tuple(derivative(root, kernel[1][index]) for index in wanted)
    return compiled(slopes, inputs, usual, GRAD)


@lru_cache(maxsize=4096)
def _both_program(kernel: Kernel, numbers: tuple[float | None, ...]) -> Compiled | None:
    root, inputs, usual = bound(kernel, numbers)
    return compiled((root, derivative(root, inputs[0])), inputs, usual)


def bound(kernel: Kernel, numbers: tuple[float | None, ...]) -> Kernel:
    """Return the kernel with its numbers built in; tensors (None) stay inputs."""
    root, inputs, usual = kernel
    given = zip(inputs, numbers, strict=True)
    root = substitute(root, {symbol(n): const(v) for n, v in given if v is not None})
    kept = [index for index, number in enumerate(numbers) if number is None]
    usual = tuple(usual[index - 1] for index in kept[1:]) if usual else ()
    return root, tuple(inputs[index] for index in kept), usual


_numbers_seen: dict[Kernel, set[tuple[float | None, ...]]] = {}


def _changes_often(kernel: Kernel, numbers: tuple[float | None, ...]) -> bool:
    """Say whether a parameter has taken many values, as one that is annealed does."""
    if numbers[-len(kernel[2]) :] == kernel[2]:
        return False  # the usual values stay built in
    seen = _numbers_seen.setdefault(kernel, set())
    if len(seen) <= CHANGES:
        seen.add(numbers)
    return len(seen) > CHANGES


def _prepare(
    program: Callable[..., Compiled | None], kernel: Kernel, values: Sequence[Value], *more: Any,
    grad: torch.Tensor | None = None,
) -> tuple[Compiled, Grid] | None:  # fmt: skip
    numbers = tuple(None if isinstance(v, torch.Tensor) else float(v) for v in values)
    if any(number is not None for number in numbers) and _changes_often(kernel, numbers):
        values = [v if isinstance(v, torch.Tensor) else torch.tensor(float(v)) for v in values]
        numbers = (None,) * len(values)
    tensors = [v for v in values if isinstance(v, torch.Tensor)]
    grid = grid_of([*tensors, grad] if grad is not None else tensors)
    code = None if grid is None else program(kernel, numbers, *more)
    return None if code is None or grid is None else (code, grid)


# ---------------------------------------------------------------- memory


def fresh(grid: Grid, dtype: torch.dtype) -> torch.Tensor:
    """Return a new tensor for a result: strided like the input where that is dense."""
    x = grid.like
    dense = grid.tensors[0].column == 1 and x.numel() == grid.rows * grid.columns
    lies_alike = dense and grid.tensors[0].row in (0, grid.columns)
    result = torch.empty_like(x, dtype=dtype) if lies_alike else x.new_empty(x.shape, dtype=dtype)
    return advised(result)


def advised(fresh: torch.Tensor) -> torch.Tensor:
    """Ask for large pages behind a fresh tensor that is large, and return it.

    The first touch of a page costs more than the arithmetic on it, and a large page is touched
    once for 512 small ones.
    """
    if fresh.numel() >= LARGE:
        module = engine().module
        assert module is not None
        module.advise(fresh.data_ptr(), fresh.numel() * fresh.element_size())
    return fresh


def _result(grid: Grid, index: int) -> tuple[Placed, int]:
    """Return where a gradient goes: a tensor like the input, or sums for a smaller one."""
    placed = grid.tensors[index]
    if placed.tensor.shape == grid.like.shape:
        result = fresh(grid, placed.tensor.dtype)
        return grid.place(result), TYPES[result.dtype]
    sums = torch.zeros(placed.tensor.numel(), dtype=torch.float64)
    return Placed(sums, placed.period, placed.row, placed.column), _SUM


def _restored(result: torch.Tensor, like: Value, grid: Grid) -> torch.Tensor:
    assert isinstance(like, torch.Tensor)
    if result.dtype != torch.float64:
        return result
    spread = result.reshape(-1, grid.inner).sum(1) if result.numel() > like.numel() else result
    return spread.reshape(like.shape).to(like.dtype)


def _run(
    code: Compiled, grid: Grid, inputs: Sequence[Placed], outputs: list[tuple[Placed, int]]
) -> None:
    records = [placed.record(TYPES[placed.tensor.dtype]) for placed in inputs]
    records += [placed.record(kind) for placed, kind in outputs]
    packed = b"".join(struct.pack("6q", *record) for record in records)
    module = engine().module
    assert module is not None
    if grid.rows * grid.columns:
        module.grid(code.handle, torch.get_num_threads(), grid.rows, grid.columns, packed)
