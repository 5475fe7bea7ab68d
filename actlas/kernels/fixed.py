"""The short way: contiguous tensors of one shape, all parameters numbers, straight into the engine.

Small tensors are bound by what Python does around them, so this path asks as little as it can:
are the tensors plain, do they need a gradient. Everything else goes the general way in `autograd`.
"""

from __future__ import annotations

from functools import cached_property
from itertools import compress
from typing import TYPE_CHECKING, Any, final

import torch

from actlas.expr import derivative
from actlas.expr.node import ONE
from actlas.kernels.cpu import launch
from actlas.kernels.cpu.build import Compiled
from actlas.kernels.cpu.launch import TYPES, is_plain
from actlas.kernels.cpu.runtime import engine
from actlas.kernels.plans import current_plan
from actlas.kernels.transforms import watched

if TYPE_CHECKING:
    from actlas.kernels.autograd import Elementwise

_FEW = 1 << 15  # elements, up to which one thread runs, as in module.c
_address = torch.Tensor.data_ptr


@final
class Fixed:
    """A function of `count` tensors: an expression with numbers for its other inputs."""

    def __init__(self, of: Elementwise, count: int, numbers: tuple[float, ...]) -> None:
        self.of, self.numbers = of, numbers
        self.bound = (*[None] * count, *map(float, numbers))
        active = engine()
        self.slopes: dict[tuple[int, ...], Compiled | None] = {}
        self.value = launch.value_program(of.kernel, self.bound) if active.active else None
        if self.value is not None:
            self.run = active.module.flat  # type: ignore[union-attr]
            self.apply = (_of_one if count == 1 else _of_several)(self).apply

    def serves(self, x: torch.Tensor) -> bool:
        """Say whether `x` is a plain contiguous CPU tensor and nobody traces or transforms."""
        return (
            self.value is not None and is_plain(x) and x.is_contiguous() and not watched()
        )  # fmt: skip

    def __call__(self, x: torch.Tensor, *more: torch.Tensor) -> torch.Tensor | None:
        """Return the value, or None where the general way has to see to it."""
        if not self.serves(x):
            return None
        for y in more:
            if not _fits(y, x):
                return None
        if torch.is_grad_enabled() and (x.requires_grad or (more and more[-1].requires_grad)):
            return self.apply(x, *more) if current_plan() == "input" else None
        return self.into(self.value, x, *more)

    def write(self, out: torch.Tensor, x: torch.Tensor, *more: torch.Tensor) -> torch.Tensor | None:
        """Write the value into `out` and return it; None where the general way has to see to it.

        `out` may be one of the inputs, and is left alone if it shares a part of their memory.
        """
        tensors = (out, x, *more)
        if not self.serves(x) or not all(_fits(y, x) for y in (out, *more)):
            return None
        if torch.is_grad_enabled() and any(y.requires_grad for y in tensors):
            return None
        size, place = out.numel() * out.element_size(), out.data_ptr()
        if any(0 < abs(y.data_ptr() - place) < size for y in (x, *more)):
            return None
        torch.autograd.graph.increment_version(out)
        return self.fill(self.value, out, x, *more)

    def into(self, code: Compiled | None, x: torch.Tensor, *more: torch.Tensor) -> torch.Tensor:
        """Run a program over contiguous tensors of one dtype; return a new tensor like `x`."""
        y = torch.empty_like(x)
        if x.numel() > _FEW:
            launch.advised(y)
        return self.fill(code, y, x, *more)

    def fill(
        self, code: Compiled | None, y: torch.Tensor, x: torch.Tensor, *more: torch.Tensor
    ) -> torch.Tensor:
        """Run a program over contiguous tensors of one dtype and shape, and return `y`."""
        count = x.numel()
        threads = 1 if count <= _FEW else torch.get_num_threads()
        inputs = map(_address, more) if more else ()
        self.run(code.handle, threads, count, TYPES[x.dtype], x.data_ptr(), *inputs, y.data_ptr())  # type: ignore[union-attr]
        return y

    def into_all(
        self, code: Compiled, results: int, x: torch.Tensor, *more: torch.Tensor
    ) -> list[torch.Tensor]:
        """Run a program of several results; return new tensors like `x`."""
        found = [launch.advised(torch.empty_like(x)) for _ in range(results)]
        addresses = map(_address, (x, *more, *found))
        self.run(code.handle, torch.get_num_threads(), x.numel(), TYPES[x.dtype], *addresses)
        return found

    def slope(self, wanted: tuple[int, ...]) -> Compiled | None:
        """Return the program of grad * df/dx for the tensors number `wanted`, made once."""
        if wanted not in self.slopes:
            self.slopes[wanted] = launch.slope_program(self.of.kernel, self.bound, wanted)
        return self.slopes[wanted]

    @cached_property
    def passes(self) -> bool:
        """Whether f' is 1 everywhere, so that a gradient goes through as it is."""
        root, inputs, _ = launch.bound(self.of.kernel, self.bound)
        return len(inputs) == 1 and derivative(root, inputs[0]) is ONE

    def pull_back(self, x: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
        """Return grad * f'(x) for a function of one tensor."""
        if self.passes:
            return grad
        slope = self.slope((0,))
        if slope is not None and self.serves(x) and _fits(grad, x) and not torch.is_grad_enabled():
            return self.into(slope, x, grad)
        return self.of.pull_back([x, *self.numbers], grad, (0,))[0]

    def pull_back_all(
        self, xs: tuple[torch.Tensor, ...], grad: torch.Tensor, needed: tuple[bool, ...]
    ) -> tuple[torch.Tensor | None, ...]:
        """Return grad * df/dx for every x that needs it, else None."""
        wanted = tuple(compress(range(len(xs)), needed))
        slope, x, more = self.slope(wanted), xs[0], (*xs[1:], grad)
        plain = self.serves(x) and all(_fits(y, x) for y in more)
        if slope is not None and plain and not torch.is_grad_enabled():
            found = self.into_all(slope, len(wanted), x, *more)
        else:
            found = self.of.pull_back([*xs, *self.numbers], grad, wanted)
        if len(found) == len(xs):
            return tuple(found)
        place = dict(zip(wanted, found, strict=True))
        return tuple(place.get(k) for k in range(len(xs)))


def _fits(y: torch.Tensor, x: torch.Tensor) -> bool:
    """Say whether `y` is plain, contiguous, and of the dtype and shape of `x`, which is plain."""
    return is_plain(y) and y.dtype is x.dtype and y.is_contiguous() and y.shape == x.shape


def _of_one(of: Fixed) -> type[Any]:
    """Return the autograd Function, which saves the input alone."""

    class Saved(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(x)
            return of.into(of.value, x)

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            return of.pull_back(ctx.saved_tensors[0], grad)

    return Saved


def _of_several(of: Fixed) -> type[Any]:
    """Return the autograd Function of more than one tensor, which saves them all."""

    class Saved(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *xs: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(*xs)
            return of.into(of.value, *xs)

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> Any:
            return of.pull_back_all(ctx.saved_tensors, grad, ctx.needs_input_grad)

    return Saved
