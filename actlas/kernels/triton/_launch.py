"""From tensors to a launch: results made, the kernel run, partial sums added up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import torch

from actlas.kernels.triton._geometry import Geometry, Strides, Tiles, Unsupported, tiles
from actlas.kernels.triton._inputs import (
    Value,
    check,
    geometry_of,
    inputs_of,
    kinds_of,
    pairs_of,
    slots_of,
    tensors_of,
)
from actlas.kernels.triton._module import module_of
from actlas.kernels.triton._text import Kernel, Spec, source

_WARPS = 4
_MOST_PROGRAMS = 2**31 - 1


def value(
    kernel: Kernel,
    values: Sequence[Value],
    dtype: torch.dtype | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return an expression's value, computed in float32 and rounded once.

    Args:
        kernel: the expression, its inputs, and typical values of inputs[1:] or nothing.
        values: the inputs: float32, bfloat16 or float16 tensors of any strides that broadcast to
            the shape of the first; all but the first may be numbers.
        dtype: of the result, one of the three; by default that of values[0].
        out: where the result goes, of any strides; it may be an input, but overlap none.

    Raises:
        Unsupported: why the composition has to serve; nothing was written.
    """
    inputs = inputs_of(values)
    first = inputs[0]
    result = torch.empty_like(first, dtype=dtype or first.dtype) if out is None else out
    check([result, *inputs], first)
    if result.shape != first.shape:
        raise Unsupported(f"a result of shape {tuple(result.shape)}, not {tuple(first.shape)}")
    if first.numel():
        geometry = geometry_of(first.shape, [*tensors_of(inputs), result])
        spec = Spec(kernel, kinds_of(inputs, geometry.kinds), len(geometry.sizes))
        spec = _paired(spec, geometry, inputs, {})
        slots = [*slots_of(inputs, geometry.strides), result, *geometry.strides[-1]]
        _run(spec, geometry, tiles(geometry, sums=False), slots)
    return result


def gradients(
    kernel: Kernel,
    values: Sequence[Value],
    grad: torch.Tensor,
    wanted: Sequence[int],
    into: Mapping[int, torch.Tensor] | None = None,
) -> list[torch.Tensor]:
    """Return grad * df/dv for the inputs number `wanted`, each in its own shape and dtype.

    Args:
        kernel, values: as for `value`.
        grad: the gradient of the result, of its shape and of any strides.
        wanted: numbers of inputs that are tensors, in ascending order.
        into: where gradients of full size go, by the number of the input: two halves of one
            tensor, for instance. They may overlap neither `grad` nor an input.

    Raises:
        Unsupported: why the composition has to serve; nothing was written.
    """
    inputs = inputs_of(values)
    first, given = inputs[0], into or {}
    results = {i: given[i] if i in given else torch.empty_like(inputs[i]) for i in wanted}
    check([grad, *results.values(), *inputs], first)
    if grad.shape != first.shape:
        raise Unsupported(f"a gradient of shape {tuple(grad.shape)}, not {tuple(first.shape)}")
    if first.numel() and results:
        _launch_gradients(kernel, inputs, grad, results)
    else:
        for result in results.values():
            result.zero_()
    return list(results.values())


def _launch_gradients(
    kernel: Kernel, inputs: list[Any], grad: torch.Tensor, results: Mapping[int, torch.Tensor]
) -> None:
    targets, geometry = _targets(inputs, grad, results)
    count = len(tensors_of(inputs))
    spec = Spec(kernel, kinds_of(inputs, geometry.kinds), len(geometry.sizes), tuple(targets))
    spec = _paired(spec, geometry, inputs, targets)
    shares = tiles(geometry, sums=spec.steps)
    slots = [*slots_of(inputs, geometry.strides), grad, *geometry.strides[count]]
    strides = dict(zip(targets, geometry.strides[count + 1 :], strict=True))
    partial: dict[int, torch.Tensor] = {}
    for i, target in targets.items():
        if spec.kinds[i] != "full":
            partial[i] = _room(spec.kinds[i], geometry, shares, target.device)
        slots += [partial[i]] if i in partial else [target, *strides[i]]
    _run(spec, geometry, shares, slots)
    for i, result in results.items():
        if i in partial:
            _add_up(partial[i], result, strides[i])
        elif targets[i] is not result:
            result.copy_(targets[i].sum_to_size(result.shape))


def _targets(
    inputs: list[Any], grad: torch.Tensor, results: Mapping[int, torch.Tensor]
) -> tuple[dict[int, torch.Tensor], Geometry]:
    """Return what the kernel writes to, and how all is walked: results, or what is summed after.

    That is a tensor of full size where an input moves in the innermost loop and in others, so
    that no program sees a whole sum.
    """
    targets, first = dict(results), inputs[0]
    while True:
        geometry = geometry_of(first.shape, [*tensors_of(inputs), grad, *targets.values()])
        kinds = geometry.kinds[-len(targets) :]
        small = [i for (i, t), kind in zip(targets.items(), kinds, strict=True)
                 if kind == "full" and t.numel() < first.numel()]  # fmt: skip
        if not small:
            return targets, geometry
        targets |= {i: torch.empty_like(first, dtype=torch.float32) for i in small}


def _paired(
    spec: Spec, geometry: Geometry, inputs: list[Any], targets: Mapping[int, torch.Tensor]
) -> Spec:
    """Return the spec with the tensors that lie in turn, which is the case for few."""
    there = tensors_of(inputs)
    names = [n for n, v in zip(spec.names, inputs, strict=True) if isinstance(v, torch.Tensor)]
    read = zip(names, there, geometry.strides, strict=False)
    to = [f"to_{spec.names[i]}" for i in targets]
    written = zip(to, targets.values(), geometry.strides[len(there) + 1 :], strict=False)
    pairs = pairs_of(list(read)) + pairs_of(list(written))
    return replace(spec, pairs=pairs) if pairs else spec


def _room(kind: str, geometry: Geometry, shares: Tiles, device: torch.device) -> torch.Tensor:
    """Return room for the sums of programs: how many are to be added, then a size for each loop."""
    *outer, inner = geometry.sizes
    still = [1] * len(outer)
    shape = {
        "scalar": (shares.chunks * shares.across, *still, 1),
        "rows": (shares.across, *outer, 1),
        "columns": (shares.chunks, *still, inner),
    }[kind]
    return torch.empty(shape, dtype=torch.float32, device=device)


def _add_up(sums: torch.Tensor, result: torch.Tensor, strides: Strides) -> None:
    """Sum over the loops in which the input stood still, always in the same order."""
    total = sums.sum([0, *(k + 1 for k, stride in enumerate(strides) if not stride)])
    result.as_strided(total.shape, [stride for stride in strides if stride]).copy_(total)


@cache
def kernel_of(spec: Spec) -> Any:
    """Return the Triton function of a spec, made once."""
    return module_of(source(spec)).kernel


def _run(spec: Spec, geometry: Geometry, shares: Tiles, slots: list[Any]) -> None:
    programs = shares.chunks * shares.across
    if programs > _MOST_PROGRAMS:
        raise Unsupported(f"{programs} programs; a grid holds {_MOST_PROGRAMS}")
    numbers = (
        *geometry.sizes[1:-1],
        geometry.rows,
        geometry.sizes[-1],
        shares.across,
        shares.steps,
    )
    kernel, first = kernel_of(spec), tensors_of(slots)[0]
    # Triton's default for fusion changes with its version; the numbers should not.
    options = {"ROWS": shares.rows, "COLUMNS": shares.columns, "num_warps": _WARPS,
               "enable_fp_fusion": True}  # fmt: skip
    with torch.cuda.device_of(first):
        kernel[(programs,)](*slots, *numbers, **options)
