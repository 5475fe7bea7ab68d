"""One function of the catalogue on tensors: parameters checked, shaped, and handed to a kernel."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import torch
from torch.compiler import is_compiling, is_dynamo_compiling

from actlas.catalogue import Definition, Parameter, Shape, find, unroll
from actlas.errors import ActlasError, UnsupportedDtypeError
from actlas.kernels.autograd import apply, elementwise, shared
from actlas.kernels.cpu.tensors import PLAIN
from actlas.kernels.fixed import Fixed
from actlas.kernels.transforms import transformed


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def kernel_key(name: str, shape: Shape) -> int:
    """Return the number of the shared kernel of an entry: a constant to torch.compile."""
    return _kernel_key(find(name), shape)


def _key(entry: Definition, shape: Shape) -> int:
    compiling = is_compiling()  # a graph wants a constant, found by the name
    return kernel_key(entry.name, shape) if compiling else _kernel_key(entry, shape)


@cache
def _kernel_key(entry: Definition, shape: Shape) -> int:
    inputs = (*entry.inputs, *entry.scalars(shape))
    usual = unroll({name: parameter.default for name, parameter in entry.parameters.items()})
    known = shape == entry.default_shape and len(entry.inputs) == 1
    defaults = tuple(usual[name] for name in entry.scalars(shape)) if known else ()
    return elementwise(entry.expression(shape), inputs, defaults).key


# The short ways of calls whose parameters came the long way once, where they were checked; None
# stands for the defaults. Not to be taken while somebody compiles.
SHORT: dict[tuple[Definition, tuple[Any, ...] | None], Fixed] = {}


def quick(
    entry: Definition, inputs: tuple[Any, ...], given: tuple[Any, ...]
) -> torch.Tensor | None:
    """Return the value at these parameters; None where the short way is closed.

    It is open for parameters that came the long way before, unless Dynamo reads this; other ways
    to make a graph have tensors of their own, which the short way does not serve.
    """
    if is_dynamo_compiling():
        return None
    try:
        short = SHORT.get((entry, given))
    except TypeError:  # what has no hash was not kept
        return None
    return None if short is None else short(*inputs)


def _keep_short(
    entry: Definition, key: int, values: tuple[Any, ...], given: Mapping[str, Any]
) -> None:
    """Remember the short way of a call with numbers, if there is one, for the next call."""
    learned = any(isinstance(value, torch.Tensor) for value in given.values())
    short = None if learned or is_compiling() else shared(key).at(values)
    if short is None:
        return
    values = tuple(given.get(name, p.default) for name, p in entry.parameters.items())
    with suppress(TypeError):  # a list has no hash
        SHORT[entry, values] = short
    if not given:
        SHORT[entry, None] = short


def evaluate(
    entry: Definition, inputs: tuple[torch.Tensor, ...], given: Mapping[str, Any]
) -> torch.Tensor:
    """Return the entry's value; parameters in `given` are numbers or tensors, others default."""
    if len(inputs) != len(entry.inputs):
        raise ActlasError(f"{entry.name} takes {len(entry.inputs)} tensor"
                          f"{'s' * (len(entry.inputs) > 1)}, got {len(inputs)}")  # fmt: skip
    for tensor in inputs:
        check_dtype(tensor, entry.name)
    shape, values = _flatten(entry, inputs[0], given)
    key = _key(entry, shape)
    result = apply(key, *inputs, *values)
    _keep_short(entry, key, (*inputs, *values), given)
    return result


def evaluate_into(
    out: torch.Tensor,
    entry: Definition,
    inputs: tuple[torch.Tensor, ...],
    given: Mapping[str, Any],
) -> torch.Tensor:
    """Write the entry's value into `out`, which may be the first input itself.

    Raises:
        ActlasError: if `out` has another shape, dtype or device, or shares part of its memory
            with an input.
    """
    for tensor in (*inputs, out):
        check_dtype(tensor, entry.name)
    tensors = [t for t in (*inputs, *given.values()) if isinstance(t, torch.Tensor)]
    _check_out(out, entry.name, tensors)
    shape, values = _flatten(entry, inputs[0], given)
    key = _key(entry, shape)
    _keep_short(entry, key, (*inputs, *values), given)
    return shared(key).into(out, *inputs, *values)


def _check_out(out: torch.Tensor, name: str, inputs: list[torch.Tensor]) -> None:
    """Refuse a result of another form, one that is differentiated, and overlapping memory.

    `inputs` are all tensors that are read, parameters too; the first gives the form.
    """
    x = inputs[0]
    found, wanted = ((t.dtype, tuple(t.shape), str(t.device)) for t in (out, x))
    if found != wanted:
        raise ActlasError(f"{name}: out= has {_words(found)}; the result has {_words(wanted)}")
    if torch.is_grad_enabled() and any(t.requires_grad for t in (out, *inputs)):
        raise ActlasError(f"{name}: out= does not support automatic differentiation, "
                          "but a tensor requires a gradient")  # fmt: skip
    if not transformed() and any(_overlap(out, tensor) for tensor in inputs if tensor is not out):
        raise ActlasError(f"{name}: out= shares part of its memory with an input or a parameter; "
                          "give the input itself or memory of its own")  # fmt: skip


def _words(of: tuple[Any, ...]) -> str:
    return f"dtype {of[0]}, shape {of[1]}, device {of[2]}"


def _overlap(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Say whether two tensors share memory without being the same elements in the same places."""
    if not all(type(t) in PLAIN for t in (a, b)):
        return False  # a subclass, as of a tracer, may have no memory to ask for
    if (a.data_ptr(), a.shape, a.stride()) == (b.data_ptr(), b.shape, b.stride()):
        return False
    (low, high), (start, end) = map(_reach, (a, b))
    return bool(a.numel() and b.numel()) and low < end and start < high


def _reach(x: torch.Tensor) -> tuple[int, int]:
    """Return the first address of a tensor's elements and the one behind its last."""
    last = sum((size - 1) * stride for size, stride in zip(x.shape, x.stride(), strict=True))
    return x.data_ptr(), x.data_ptr() + (last + 1) * x.element_size()


def check_dtype(tensor: Any, name: str) -> None:
    """Refuse everything but tensors of real floating-point numbers."""
    if not isinstance(tensor, torch.Tensor):
        raise ActlasError(f"{name}: expected a tensor, got {type(tensor).__name__}")
    if not tensor.is_floating_point():
        raise UnsupportedDtypeError(
            f"{name} needs a floating-point tensor, got {tensor.dtype}; convert it with .float()"
        )


def _flatten(
    entry: Definition, x: torch.Tensor, given: Mapping[str, Any]
) -> tuple[Shape, list[Any]]:
    shape: list[tuple[str, int | str]] = []
    values: list[Any] = []
    for name, parameter in entry.parameters.items():
        value = given.get(name, parameter.default)
        if not isinstance(value, torch.Tensor) and value is not parameter.default:
            value = parameter.check(value, entry.name)
        if parameter.choices:
            shape.append((name, str(value)))
            continue
        pieces = _elements(parameter, value, entry.name)
        if parameter.is_vector:
            shape.append((name, len(pieces)))
        values.extend(_along_channels(piece, x, entry.name, name) for piece in pieces)
    return tuple(shape), values


def _elements(parameter: Parameter, value: Any, entry: str) -> tuple[Any, ...]:
    if not parameter.is_vector:
        return (value,)
    if isinstance(value, torch.Tensor) and value.ndim == 0:
        raise ActlasError(f"{entry}: {parameter.name} must have one element per term, got a scalar")
    return value.unbind(0) if isinstance(value, torch.Tensor) else tuple(value)


def _along_channels(value: Any, x: torch.Tensor, entry: str, name: str) -> Any:
    """Lay a 1-D parameter along dimension 1 of `x`, as torch.nn.functional.prelu does."""
    if not isinstance(value, torch.Tensor) or value.ndim != 1:
        return value
    if value.shape[0] == 1:
        return value if x.ndim else value.reshape(())
    channels = x.shape[1] if x.ndim > 1 else 1
    if value.shape[0] != channels:
        raise ActlasError(
            f"{entry}: {name} has {value.shape[0]} values, but the input of shape "
            f"{tuple(x.shape)} has {channels} channels in dimension 1"
        )
    return value.reshape(1, -1, *[1] * (x.ndim - 2))


def evaluate_inplace(
    entry: Definition, inputs: tuple[torch.Tensor, ...], given: Mapping[str, Any]
) -> torch.Tensor:
    """Store the value into the first input; autograd refuses where that would be wrong.

    A value that is differentiated is computed from a copy where its backward needs the old
    values; where the new ones tell the slope, as those of ReLU do, there is no copy.
    """
    x, tensors = inputs[0], [*inputs, *given.values()]
    watched = torch.is_grad_enabled() and any(
        isinstance(t, torch.Tensor) and t.requires_grad for t in tensors
    )
    if watched and not is_compiling() and len(inputs) == 1:
        shape, values = _flatten(entry, x, given)
        y = shared(_key(entry, shape)).in_place(x, *values)
        if y is not None:
            return y
    if watched or is_compiling():
        return x.copy_(evaluate(entry, (x.clone(), *inputs[1:]), given))
    return evaluate_into(x, entry, inputs, given)
