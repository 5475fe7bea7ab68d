"""The short way: tensors that lie alike, and single numbers, straight into the engine.

Small tensors are bound by what Python does around them, so this path asks as little as it can, and
asks it in C: are the tensors plain, do they need a gradient. Everything else goes the general way
in `autograd`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from itertools import compress
from typing import TYPE_CHECKING, Any, final

import torch

from actlas.expr import derivative
from actlas.expr.node import ONE
from actlas.kernels.cpu import launch
from actlas.kernels.cpu.runtime import engine
from actlas.kernels.plans import current_plan
from actlas.kernels.retained import output_tells

if TYPE_CHECKING:
    from actlas.kernels.autograd import Elementwise

Run = Callable[..., Any]  # tensors in, new tensors out, or None where the short way is closed


def _closed(*_: torch.Tensor) -> None:
    """Return None: there is no short way."""


@final
class Fixed:
    """A function of `count` tensors: an expression with numbers for its other inputs."""

    def __init__(self, of: Elementwise, count: int, numbers: tuple[float, ...]) -> None:
        self.of, self.numbers = of, numbers
        self.bound = (*[None] * count, *map(float, numbers))
        active = engine()
        self.slopes: dict[tuple[int, ...], Run] = {}
        self.value = launch.value_program(of.kernel, self.bound) if active.active else None
        self.direct: Run = _closed
        if self.value is not None:
            module: Any = active.module
            self.engine, self.direct = module, partial(module.value, self.value.handle)
            self.into: Run = partial(module.into, self.value.handle)
            self.apply = _applied((_of_one if count == 1 else _of_several)(self))

    def __call__(self, *xs: torch.Tensor) -> torch.Tensor | None:
        """Return the value, or None where the general way has to see to it.

        In two steps, of which a caller in a hurry makes the first without this frame: `direct`
        runs where nobody watches and no gradient is wanted.
        """
        y = self.direct(*xs)
        return self.watched(*xs) if y is None else y

    def watched(self, *xs: torch.Tensor) -> torch.Tensor | None:
        """Return the value where `direct` has none, with a gradient; or None."""
        if self.value is None or not torch.is_grad_enabled() or current_plan() != "input":
            return None
        return self.apply(*xs) if self.engine.serves(*xs) else None

    def write(self, out: torch.Tensor, x: torch.Tensor, *more: torch.Tensor) -> torch.Tensor | None:
        """Write the value into `out` and return it; None where the general way has to see to it.

        `out` may be one of the inputs, and is left alone if it shares a part of their memory.
        """
        if self.value is None or not self.engine.write(self.value.handle, x, *more, out):
            return None
        torch.autograd.graph.increment_version(out)
        return out

    def slope(self, wanted: tuple[int, ...]) -> Run:
        """Return what computes grad * df/dx for the tensors number `wanted`, made once."""
        if wanted not in self.slopes:
            code = launch.slope_program(self.of.kernel, self.bound, wanted)
            run = _closed if code is None else partial(self.engine.gradients, code.handle, wanted)
            self.slopes[wanted] = run
        return self.slopes[wanted]

    @cached_property
    def slope_of_one(self) -> Run:
        """What computes grad * f'(x); where f' is 1 everywhere, grad goes through as it is."""
        root, inputs, _ = launch.bound(self.of.kernel, self.bound)
        return _second if derivative(root, inputs[0]) is ONE else self.slope((0,))

    @cached_property
    def told(self) -> bool:
        """Whether the output is kept for backward: it tells the slope as well as the input does."""
        root, inputs, _ = launch.bound(self.of.kernel, self.bound)
        return len(inputs) == 1 and output_tells(root, inputs[0])

    def pull_back(self, x: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
        """Return grad * f'(x) for a function of one tensor; x is the output where that is kept."""
        found: torch.Tensor | None = self.slope_of_one(x, grad)
        return self.of.pull_back([x, *self.numbers], grad, (0,))[0] if found is None else found

    def pull_back_all(
        self, xs: tuple[torch.Tensor, ...], grad: torch.Tensor, needed: tuple[bool, ...]
    ) -> tuple[torch.Tensor | None, ...]:
        """Return grad * df/dx for every x that needs it, else None."""
        wanted = tuple(compress(range(len(xs)), needed))
        found = self.slope(wanted)(*xs, grad)
        if found is None:
            found = self.of.pull_back([*xs, *self.numbers], grad, wanted)
        elif len(wanted) == 1:
            found = (found,)
        if len(found) == len(xs):
            return tuple(found)
        place = dict(zip(wanted, found, strict=True))
        return tuple(place.get(k) for k in range(len(xs)))


def _second(_: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
    return grad


def _applied(function: type[torch.autograd.Function]) -> Run:
    """Return `apply` as it is in C: what Python asks around it, `watched` has asked already."""
    return super(torch.autograd.Function, function).apply  # type: ignore[no-any-return,misc]


def _of_one(of: Fixed) -> type[torch.autograd.Function]:
    """Return the autograd Function, which saves the input alone, or the output if that tells."""

    class Saved(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = of.into(x)
            ctx.save_for_backward(y if of.told else x)
            return y

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            return of.pull_back(ctx.saved_tensors[0], grad)

    return Saved


def _of_several(of: Fixed) -> type[torch.autograd.Function]:
    """Return the autograd Function of more than one tensor, which saves them all."""

    class Saved(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *xs: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(*xs)
            return of.into(*xs)  # type: ignore[no-any-return]

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> Any:
            return of.pull_back_all(ctx.saved_tensors, grad, ctx.needs_input_grad)

    return Saved
