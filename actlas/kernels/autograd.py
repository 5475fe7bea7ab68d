"""The autograd glue: any expression as a differentiable function of tensors.

One `torch.autograd.Function` per expression saves the inputs alone, or an output that tells the
slope (`retained`), and computes the gradient from the exact derivative, another expression of the
same kind; so the gradient is as accurate as the value, has no NaN from 0 * inf, and can be
differentiated again to any order. The same Function serves eager mode, torch.compile, vmap, jvp
and jacrev.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch

from actlas.backends.torch import Value, compiled
from actlas.errors import ActlasError
from actlas.expr import Expr, derivative
from actlas.kernels import engines, plans
from actlas.kernels.cpu import launch
from actlas.kernels.fixed import Fixed
from actlas.kernels.transforms import transformed


def computing_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the precision a result of `dtype` is computed in: half formats in float32."""
    return torch.float32 if dtype in (torch.bfloat16, torch.float16) else dtype


class Elementwise:
    """An expression over the tensors `inputs`; `defaults` are usual values of inputs[1:].

    The result has the dtype of the first tensor, or with `wide` the computing precision, which
    derivatives keep until the one rounding at the end.
    """

    def __init__(
        self, root: Expr, inputs: tuple[str, ...], defaults: tuple[float, ...], wide: bool
    ) -> None:
        self.root, self.inputs, self.defaults, self.wide = root, inputs, defaults, wide
        self.tape = compiled(root, inputs, defaults)
        self.kernel = (root, inputs, defaults)
        self.complete = root.symbols >= set(inputs)  # of the full shape
        self.slopes: dict[int, Elementwise] = {}
        self.fixed: dict[tuple[int, tuple[float, ...]], Fixed] = {}
        self.function, self.transformable = _functions(self)
        self.key = len(_shared)
        _shared.append(self)

    def slope(self, index: int) -> Elementwise:
        """Return the derivative with respect to the input number `index`."""
        if index not in self.slopes:
            root = derivative(self.root, self.inputs[index])
            self.slopes[index] = elementwise(root, self.inputs, self.defaults, wide=True)
        return self.slopes[index]

    def value(self, *values: Value) -> torch.Tensor:
        """Return the value, from the engine where it serves, else from the composition."""
        first = next(value for value in values if isinstance(value, torch.Tensor))
        dtype = computing_dtype(first.dtype) if self.wide else first.dtype
        result = engines.value(self.kernel, values, dtype)
        return self.composition(*values, dtype=dtype) if result is None else result

    def composition(self, *values: Value, dtype: torch.dtype) -> torch.Tensor:
        """Return the value by torch's own operations, in float32 at least, rounded once."""
        tensors = [value for value in values if isinstance(value, torch.Tensor)]
        wide = computing_dtype(tensors[0].dtype)
        result = self.tape(*[v.to(wide) if isinstance(v, torch.Tensor) else v for v in values])
        if any(result is value for value in values):
            result = result.clone()  # the identity: a Function must not return its own input
        if self.complete and isinstance(result, torch.Tensor):
            return result.to(dtype)
        shape = torch.broadcast_shapes(*(tensor.shape for tensor in tensors))
        if not isinstance(result, torch.Tensor):
            return torch.full(shape, result, dtype=dtype, device=tensors[0].device)
        result = result.to(dtype)  # a view would forbid writing into the result in place
        return result if result.shape == shape else result.expand(shape).clone()

    def __call__(self, *values: Value) -> torch.Tensor:
        """Return the value, differentiable in every tensor among `values`."""
        if transformed():
            return self.transformable.apply(*values)  # type: ignore[no-any-return]
        x, *others = values
        if plans.current_plan() != "input" and self._runs_planned(values):
            return plans.planned(self, "", plans.current_plan(), tuple(others)).apply(x)  # type: ignore[arg-type,no-any-return]
        fixed = self.at(values)
        y = None if fixed is None else fixed(*values[: len(values) - len(fixed.numbers)])  # type: ignore[arg-type]
        if y is not None:
            return y
        if any(isinstance(v, torch.Tensor) and v.requires_grad for v in values):
            return self.function.apply(*values)  # type: ignore[no-any-return]
        return self.value(*values)

    def into(self, out: torch.Tensor, *values: Value) -> torch.Tensor:
        """Write the value into `out`, which has the right shape and dtype; it is no input's part.

        Autograd is not asked: the caller has made sure that nothing needs a gradient.
        """
        found = (
            None if self._watched(values) else engines.value(self.kernel, values, out.dtype, out)
        )
        if found is None:
            return out.copy_(self(*values))
        torch.autograd.graph.increment_version(out)
        return out

    def in_place(self, x: torch.Tensor, *values: Value) -> torch.Tensor | None:
        """Store the value into `x`, differentiable in it, and return it.

        None where backward needs more than the output, or autograd would have to know more: of a
        view, a leaf, a transform or a memory plan.
        """
        open_way = not (x.is_leaf or x._is_view() or self._watched(values))
        if not open_way or plans.current_plan() != "input" or not self.told([x, *values]):
            return None
        return _in_place(self, values).apply(x)  # type: ignore[no-any-return,arg-type]

    def value_and_slope(self, *values: Value) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the value and the derivative in the first input, in its dtype."""
        runs = launch.serves(values) and not self._watched(values)
        found = launch.value_and_slope(self.kernel, values) if runs else None
        if found is not None:
            return found
        first = values[0]
        assert isinstance(first, torch.Tensor)
        return self(*values), self.slope(0)(*values).to(first.dtype)

    def told(self, values: Sequence[Value]) -> bool:
        """Say whether the output may be kept for backward in place of the one tensor, the first."""
        fixed = self.at(values)
        return fixed is not None and fixed.told

    def _watched(self, values: Sequence[Value]) -> bool:
        """Say whether somebody watches: a gradient is asked for, a transform runs, or a graph."""
        watched = torch.is_grad_enabled() and any(
            isinstance(v, torch.Tensor) and v.requires_grad for v in values
        )
        return watched or transformed() or torch.compiler.is_compiling()

    def _runs_planned(self, values: Sequence[Value]) -> bool:
        """Say whether something is kept for a backward pass; refuse what no plan can keep."""
        if not torch.is_grad_enabled() or not any(
            isinstance(v, torch.Tensor) and v.requires_grad for v in values
        ):
            return False
        if sum(isinstance(v, torch.Tensor) for v in values) > 1:
            raise ActlasError(
                f"save={plans.current_plan()!r} serves functions of one tensor; the gradients of "
                "a second input or of learnable parameters need the input: use save='input'"
            )
        return True

    def at_numbers(self, x: torch.Tensor, numbers: tuple[float, ...]) -> torch.Tensor:
        """Return the value without a graph."""
        with torch.no_grad(), plans.saving("input"):
            return self(x, *numbers)

    def at(self, values: Sequence[Value]) -> Fixed | None:
        """Return the short way for tensors followed by these numbers.

        None for results of another dtype, for tensors behind numbers, or at the 17th set: a number
        that changes with every step, as one that is annealed, is not built into tables.
        """
        count = sum(isinstance(v, torch.Tensor) for v in values)
        numbers = tuple(values[count:])
        if self.wide or any(isinstance(v, torch.Tensor) for v in numbers):
            return None
        key = count, numbers
        room = len(self.fixed) < launch.CHANGES or numbers == self.defaults
        if room and key not in self.fixed:
            self.fixed[key] = Fixed(self, count, numbers)  # type: ignore[arg-type,index]
        return self.fixed.get(key)  # type: ignore[arg-type]

    def pull_back(
        self, values: Sequence[Value], grad: torch.Tensor, wanted: tuple[int, ...]
    ) -> list[torch.Tensor]:
        """Return grad * df/dv for the inputs number `wanted`, summed to their shapes."""
        found = None
        if not torch.is_grad_enabled() and not transformed():
            found = engines.gradients(self.kernel, values, grad, wanted)
        return found or [_pull_back(self.slope(i), values, grad, values[i]) for i in wanted]


_shared: list[Elementwise] = []


@cache
def elementwise(
    root: Expr, inputs: tuple[str, ...], defaults: tuple[float, ...], *, wide: bool = False
) -> Elementwise:
    """Return the shared differentiable function of an expression."""
    return Elementwise(root, inputs, defaults, wide)


def shared(key: int) -> Elementwise:
    """Return the shared function number `key`."""
    return _shared[key]


def apply(key: int, *values: Value) -> torch.Tensor:
    """Call the shared function number `key`, in eager mode or under torch.compile."""
    if not torch.compiler.is_compiling():
        return _shared[key](*values)
    return _shared[key].value(*values) if transformed() else _in_graph(key, *values)


@torch.compiler.allow_in_graph  # type: ignore[untyped-decorator]
def _in_graph(key: int, *values: Value) -> torch.Tensor:
    """Call a shared function as one node that Dynamo does not look into.

    AOTAutograd then traces through it, so that Inductor fuses value and exact derivative alike.
    """
    return _shared[key].transformable.apply(*values)  # type: ignore[no-any-return]


def _functions(of: Elementwise) -> tuple[type[Any], type[Any]]:
    """Return the autograd Function of one expression: the quick form, and the one for transforms.

    They differ in where the inputs are saved: PyTorch wants `setup_context` for vmap and jvp, and
    spends as long on binding its arguments as a small tensor takes to compute.
    """

    class Quick(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *values: Value) -> torch.Tensor:
            y = of.value(*values)
            ctx.save_for_backward(*_separate(ctx, (y, *values[1:]) if of.told(values) else values))
            return y

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> Any:
            values = _restore(ctx)
            wanted = tuple(i for i, needed in enumerate(ctx.needs_input_grad) if needed)
            place = dict(zip(wanted, of.pull_back(values, grad, wanted), strict=True))
            return tuple(place.get(index) for index in range(len(values)))

    class Transformable(torch.autograd.Function):
        generate_vmap_rule = True
        backward = Quick.backward

        @staticmethod
        def forward(*values: Value) -> torch.Tensor:
            return of.value(*values)

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[Value, ...], output: torch.Tensor) -> None:
            tensors = _separate(ctx, inputs)
            ctx.save_for_backward(*tensors)
            ctx.save_for_forward(*tensors)

        @staticmethod
        def jvp(ctx: Any, *tangents: Any) -> torch.Tensor:
            values = _restore(ctx)
            pushed = [
                of.slope(index)(*values) * tangent
                for index, tangent in enumerate(tangents)
                if isinstance(tangent, torch.Tensor)
            ]
            return sum(pushed[1:], start=pushed[0])

    return Quick, Transformable


@cache
def _in_place(of: Elementwise, numbers: tuple[float, ...]) -> type[Any]:
    """Return the autograd Function that overwrites its input, for outputs that tell the slope."""

    class InPlace(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            of.into(x, x, *numbers)
            ctx.mark_dirty(x)
            ctx.save_for_backward(x)
            return x

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            return of.pull_back([*ctx.saved_tensors, *numbers], grad, (0,))[0]

    return InPlace


def _separate(ctx: Any, values: tuple[Value, ...]) -> list[torch.Tensor]:
    """Return the tensors among the inputs; the numbers are kept on the context."""
    ctx.numbers = [None if isinstance(value, torch.Tensor) else value for value in values]
    return [value for value in values if isinstance(value, torch.Tensor)]


def _restore(ctx: Any) -> list[Value]:
    remaining = iter(ctx.saved_tensors)
    return [next(remaining) if number is None else number for number in ctx.numbers]


def _pull_back(
    slope: Elementwise, values: Sequence[Value], grad: torch.Tensor, to: Value
) -> torch.Tensor:
    """Return grad * slope, summed over the dimensions along which the input `to` was broadcast."""
    assert isinstance(to, torch.Tensor)
    product = grad.to(computing_dtype(grad.dtype)) * slope(*values)
    return product.sum_to_size(to.shape).to(to.dtype)
