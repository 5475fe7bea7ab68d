"""The short way: one contiguous tensor, all parameters numbers, straight into the engine.

Small tensors are bound by what Python does around them, so this path asks as little as it can:
is the tensor plain, does it need a gradient. Everything else goes the general way in `autograd`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import torch

from actlas.kernels.cpu import launch
from actlas.kernels.cpu.build import Compiled
from actlas.kernels.cpu.runtime import engine
from actlas.kernels.transforms import dual, observed

if TYPE_CHECKING:
    from actlas.kernels.autograd import Elementwise


@final
class Fixed:
    """A function of one tensor: an expression with numbers for its other inputs."""

    def __init__(self, of: Elementwise, numbers: tuple[float, ...]) -> None:
        self.of, self.numbers = of, numbers
        active = engine()
        bound = (None, *map(float, numbers))
        self.value = launch.value_program(of.kernel, bound) if active.active else None
        if self.value is not None:
            self.run = active.module.flat  # type: ignore[union-attr]
            self.apply = _function(self).apply

    def serves(self, x: torch.Tensor) -> bool:
        """Say whether `x` is a plain contiguous CPU tensor and nobody traces or transforms."""
        return (
            self.value is not None
            and launch.is_plain(x)
            and x.is_contiguous()
            and not observed()
            and not dual()
        )

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return the value for an `x` that `serves` let through."""
        if x.requires_grad and torch.is_grad_enabled():
            return self.apply(x)  # type: ignore[no-any-return]
        return self.into(self.value, x, x)

    def into(self, code: Compiled | None, x: torch.Tensor, *inputs: torch.Tensor) -> torch.Tensor:
        """Run a program over contiguous tensors of one dtype; return a new tensor like `x`."""
        assert code is not None
        y = launch.advised(torch.empty_like(x))
        self.run(code.handle, torch.get_num_threads(), x.numel(), launch.TYPES[x.dtype],
                 *[tensor.data_ptr() for tensor in inputs], y.data_ptr())  # fmt: skip
        return y

    @cached_property
    def slope(self) -> Compiled | None:
        """The program of grad * f'(x), made when a gradient is first asked for."""
        return launch.slope_program(self.of.kernel, (None, *map(float, self.numbers)), (0,))

    def pull_back(self, x: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
        """Return grad * f'(x)."""
        alike = grad.dtype is x.dtype and grad.shape == x.shape
        plain = alike and self.serves(x) and launch.is_plain(grad) and grad.is_contiguous()
        if plain and self.slope is not None and not torch.is_grad_enabled():
            return self.into(self.slope, x, x, grad)
        return self.of.pull_back([x, *self.numbers], grad, (0,))[0]


def _function(of: Fixed) -> type[Any]:
    """Return the autograd Function, which saves the input alone."""

    class Saved(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(x)
            return of.into(of.value, x, x)

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            return of.pull_back(ctx.saved_tensors[0], grad)

    return Saved
