"""Activations of a stacked model: called once for all runs, outside the transform.

Under `torch.func.vmap` a function of the catalogue is a composition of PyTorch's operations, and
several times slower than the engine. An elementwise function does not care which number belongs
to which run: it is handed the whole stacked tensor, and to the engine that is an ordinary call.
Learned shape parameters lie along the runs as they otherwise do along the channels.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from actlas.kernels.transforms import transformed
from actlas.nn._apply import evaluate
from actlas.nn._module import ElementwiseModule


def call_outside_(network: nn.Module) -> None:
    """Let the activations of `network`, changed in place, leave vmap while they are computed.

    Modules of several inputs, or with shape parameters for each channel, stay as they are.
    """
    for module in network.modules():
        if (
            isinstance(module, ElementwiseModule)
            and len(module.entry.inputs) == module.num_parameters == 1
            and not module.inplace
        ):
            module.forward = partial(_forward, module)  # type: ignore[method-assign]


def _forward(module: ElementwiseModule, x: Tensor) -> Tensor:
    if not transformed():
        return type(module).forward(module, x)
    values = module.parameter_values()
    learned = {name: value for name, value in values.items() if isinstance(value, Tensor)}
    result: Tensor = _Outside.apply(module, tuple(learned), x, *learned.values())
    return result


class _Outside(torch.autograd.Function):
    """A module's function of a tensor and of its learned parameters, with a rule for vmap."""

    @staticmethod
    def forward(module: ElementwiseModule, names: tuple[str, ...], x: Tensor, *own: Tensor) -> Any:
        given = _numbers(module, names) | dict(zip(names, own, strict=True))
        return evaluate(module.entry, (x,), given)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep nothing: the rule for vmap leaves the gradient to the call that it makes."""

    @staticmethod
    def vmap(
        info: Any, in_dims: Any, module: ElementwiseModule, names: tuple[str, ...], x: Tensor,
        *own: Tensor,
    ) -> tuple[Tensor, int]:  # fmt: skip
        runs = info.batch_size
        x = _runs_first(x, in_dims[2], runs)
        if not names:
            return type(module).forward(module, x), 0
        rows = [
            _runs_first(value, at, runs).reshape(runs, -1)
            for value, at in zip(own, in_dims[3:], strict=True)
        ]
        given = _numbers(module, names) | {
            name: row.T if module.entry.parameters[name].is_vector else row.reshape(runs)
            for name, row in zip(names, rows, strict=True)
        }
        y = evaluate(module.entry, (x.reshape(1, runs, -1),), given)
        return y.reshape(x.shape), 0


def _numbers(module: ElementwiseModule, learned: tuple[str, ...]) -> dict[str, Any]:
    """Return the parameters that are not learned."""
    return {name: getattr(module, name) for name in module.entry.parameters if name not in learned}


def _runs_first(tensor: Tensor, at: int | None, runs: int) -> Tensor:
    return tensor.expand(runs, *tensor.shape) if at is None else tensor.movedim(at, 0)
