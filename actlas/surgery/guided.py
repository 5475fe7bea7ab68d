"""Guided backpropagation through any activation: which inputs speak for an output.

It stands in surgery because it looks into a model of any origin through hooks and leaves it as it
was; nothing is trained.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Union

import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.surgery.monitor.sites import is_activation
from actlas.surgery.replacement.sites import collect

Target = Union[int, Tensor, Callable[[Tensor], Tensor]]


def guided_backprop(
    model: nn.Module, inputs: Tensor, target: Target,
    only: type[nn.Module] | tuple[type[nn.Module], ...] = nn.Module,
) -> Tensor:  # fmt: skip
    """Return the guided gradient of an output with respect to the inputs.

    At every activation y = f(z) the signal R_y that comes from above is cut to its positive part
    before the slope acts on it: R_z = f'(z) max(R_y, 0). For ReLU this is the published rule,
    1[z > 0] 1[R_y > 0] R_y. For any other function it is our extension: evidence against the
    output is dropped at each activation, and what is left is handed on as the chain rule says.
    Where f falls, f'(z) < 0 and R_z is negative, for there more input does mean less output; the
    activation below cuts it off.

    Args:
        model: its activation functions are modules; its mode (train, eval) is left as it is.
        inputs: a batch, floating point, any shape.
        target: the output looked at: its index in the last dimension, one for all examples or a
            tensor of them, (N,) for outputs (N, classes); or a function of the outputs that
            returns their scores.
        only: classes of activation modules to guide at; by default all of them.

    Returns:
        A tensor of the shape of `inputs`.

    Raises:
        ActlasError: if the model calls functions that are not modules, has no activation module,
            or its outputs do not depend on the inputs, and for inputs or targets of another kind
            or shape; the model is as it was then, too.

    Source: Springenberg et al. 2014, section 3.4 and Fig. 1.

    >>> net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    >>> for layer, weight in ((0, [[1.0, 2.0], [3.0, 4.0]]), (2, [[1.0, -1.0]])):
    ...     _ = net[layer].weight.data.copy_(torch.tensor(weight))
    >>> guided_backprop(net, torch.ones(1, 2), 0)
    tensor([[1., 2.]])
    """
    if not inputs.is_floating_point():
        raise ActlasError(f"guided_backprop: inputs must be floating point, which alone have "
                          f"gradients, got {inputs.dtype}")  # fmt: skip
    model = getattr(model, "_orig_mod", model)
    x = inputs.detach().clone().requires_grad_()
    handles = [place.register_forward_hook(_cut) for place in _places(model, only)]
    try:
        with torch.enable_grad():
            score = _scores(model(x), target).sum()
            (signal,) = torch.autograd.grad(score, x, allow_unused=True)
    finally:
        for handle in handles:
            handle.remove()
    if signal is None:
        raise ActlasError("guided_backprop: the outputs do not depend on the inputs")
    return signal


def _cut(_: nn.Module, __: Any, output: Tensor) -> None:
    if output.requires_grad:
        output.register_hook(lambda signal: signal.clamp(min=0))


def _places(model: nn.Module, only: type[nn.Module] | tuple[type[nn.Module], ...]) -> list[Any]:
    """Return the activation modules; ActlasError for functions that no hook can reach."""
    for site in collect(model):
        if site.entry is not None and site.kind != "module":
            raise ActlasError(
                f"guided_backprop: {site.path} is a call of {site.function}, which no hook "
                f'reaches; make it a module first: actlas.replace(model, {{"{site.function}": '
                f'"{site.function}"}}, only="functions")'
            )
    found = [m for m in model.modules() if is_activation(m) and isinstance(m, only)]
    if not found:
        raise ActlasError(f"guided_backprop: there is no such activation module in "
                          f"{type(model).__name__}")  # fmt: skip
    return found


def _scores(outputs: Tensor, target: Target) -> Tensor:
    """Return the outputs that are looked at."""
    if not isinstance(target, (int, Tensor)):
        return target(outputs)
    size, rows = outputs.shape[-1], tuple(outputs.shape[:-1])
    wanted = torch.as_tensor(target, device=outputs.device)
    if wanted.ndim and wanted.shape != rows:
        raise ActlasError(f"guided_backprop: for outputs {tuple(outputs.shape)} target must be an "
                          f"index or {rows} of them, got {tuple(wanted.shape)}")  # fmt: skip
    if wanted.is_floating_point() or bool(((wanted < 0) | (wanted >= size)).any()):
        raise ActlasError(f"guided_backprop: target must be an index below {size}, got {target!r}")
    index = wanted.expand(rows).unsqueeze(-1)
    return outputs.gather(-1, index)
