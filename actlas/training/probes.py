"""Probes of a trained classifier: margins, and how the loss rises when the weights are shaken.

Papers: Alabdulmohsin, Maennel and Keysers, arXiv 2109.00267, explain layer-wise
re-initialisation by larger margins on the training examples and by flatter minima; the distance
to the decision boundary to first order is that of Elsayed et al., "Large Margin Deep Networks for
Classification", NeurIPS 2018, Eq. 7.

Deviations:
    The body of the first paper was not read: the noise here is Gaussian, with a standard
    deviation relative to the root mean square of each tensor, or absolute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.training._checks import not_negative, positive_integer
from actlas.training._random import normal_like


def margins(model: nn.Module, x: Tensor, y: Tensor, *, distance: bool = False) -> Tensor:
    """Return by how much the logit of the true class is above the largest other one.

    Args:
        model: a classifier; it is called as it stands, so call `model.eval()` first.
        x: inputs (N, ...).
        y: classes (N,).
        distance: divide by the norm of the margin's gradient in x: the distance to the decision
            boundary to first order, exact for linear models.

    Raises:
        ActlasError: for logits that are not (N, classes) with two or more classes.

    >>> margins(nn.Identity(), torch.tensor([[3.0, 1.0], [0.0, 2.0]]), torch.tensor([0, 0]))
    tensor([ 2., -2.])
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_(distance)
        logits = model(x)
        if logits.ndim != 2 or logits.shape[1] < 2:
            raise ActlasError("margins need logits of shape (N, classes) with two classes or "
                              f"more, got {tuple(logits.shape)}")  # fmt: skip
        own = logits.gather(1, y[:, None])[:, 0]
        others = logits.scatter(1, y[:, None], -torch.inf).amax(1)
        margin: Tensor = own - others
        if distance:
            (slope,) = torch.autograd.grad(margin.sum(), x)
            margin = margin / slope.flatten(1).norm(dim=1)
    return margin.detach()


@dataclass(frozen=True)
class Rise:
    """How much the loss rises at a scale of noise: the mean over draws and its standard error."""

    scale: float
    mean: float
    error: float


def noise_robustness(
    model: nn.Module,
    loss: Callable[[nn.Module], float | Tensor],
    scales: Iterable[float],
    *,
    draws: int = 10,
    relative: bool = True,
    generator: torch.Generator | None = None,
) -> list[Rise]:
    """Return the rise of the loss under Gaussian noise on all parameters, for every scale.

    Args:
        model: a trained network; its parameters and buffers are put back bit for bit.
        loss: the loss on fixed data: loss(model).
        scales: standard deviations of the noise, from 0 up.
        draws: noises per scale, 2 or more.
        relative: the standard deviation is a scale times the root mean square of a tensor.
        generator: random state; None takes PyTorch's.

    Raises:
        ActlasError: for a scale below 0 or fewer than two draws.
    """
    wanted = [not_negative(scale, "a scale") for scale in scales]
    if positive_integer(draws, "draws") < 2:
        raise ActlasError("draws must be 2 or more, or there is no standard error; got 1")
    kept: dict[Tensor, Tensor] = {p: p.detach().clone() for p in model.parameters()}
    state = {b: b.detach().clone() for b in model.buffers()}  # running means, in training mode

    def measured() -> float:
        try:
            return float(loss(model))
        finally:
            _put_back(state)

    with torch.no_grad():
        start = measured()
        try:
            return [_rise(measured, kept, scale, draws, relative, generator, start)
                    for scale in wanted]  # fmt: skip
        finally:
            _put_back(kept)


def _put_back(kept: Mapping[Tensor, Tensor]) -> None:
    for tensor, value in kept.items():
        tensor.copy_(value)


def _rise(
    measured: Callable[[], float], kept: Mapping[Tensor, Tensor], scale: float, draws: int,
    relative: bool, generator: torch.Generator | None, start: float,
) -> Rise:  # fmt: skip
    found = []
    for _ in range(draws):
        for parameter, value in kept.items():
            noise = normal_like(value, generator)
            size = value.square().mean().sqrt() if relative else 1.0
            parameter.copy_(value + noise * (scale * size))
        found.append(measured() - start)
    rises = torch.tensor(found, dtype=torch.float64)  # NaN where a loss is not finite
    return Rise(scale, rises.mean().item(), rises.std().item() / draws**0.5)
