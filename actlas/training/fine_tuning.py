"""The transfer protocol of Kornblith et al., second and third part: fine-tuning, from scratch.

Paper: Kornblith, Shlens and Le, "Do Better ImageNet Models Transfer Better?", CVPR 2019,
arXiv 1805.08974, as restated in SimCLR's appendix: 20,000 steps of batches of 256, SGD with
Nesterov momentum 0.9, half a cosine down to 0, batch-norm averages that keep max(1 - 10/s, 0.9)
with s steps per epoch; 7 learning rates x 8 weight decays, the decays divided by the learning
rate. From scratch it is the same with a network that was not trained before, for longer.
Augmentation (random resized crop and flip) is the caller's: it belongs to the batches.

Deviations:
    `SCRATCH_GRID` and its 40,000 steps are SimCLR's; the paper's own could not be verified.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from actlas.errors import ActlasError
from actlas.training._checks import not_negative, positive_integer
from actlas.training.transfer import Chosen, Metric, log_spaced, outputs_of, top_1


class Batches(Protocol):
    """What can be gone through again and again and knows its length, such as a DataLoader."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Go through the batches (inputs, labels) once."""

    def __len__(self) -> int:
        """Return the number of batches, the steps of an epoch."""


def _grid(rates: Sequence[float], decays: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Return every (learning rate, weight decay); the decays are products of both."""
    return tuple((rate, decay / rate) for rate, decay in itertools.product(rates, decays))


FINE_TUNING_GRID = _grid(log_spaced(1e-4, 1e-1, 7), (*log_spaced(1e-6, 1e-3, 7), 0.0))
SCRATCH_GRID = _grid(log_spaced(1e-3, 1.0, 7), (*log_spaced(1e-5, 10**-1.5, 7), 0.0))
FINE_TUNING_STEPS, SCRATCH_STEPS = 20_000, 40_000


def fine_tune(
    model: nn.Module,
    batches: Batches,
    *,
    steps: int = FINE_TUNING_STEPS,
    learning_rate: float,
    weight_decay: float = 0.0,
) -> list[float]:
    """Train all of a network in place by the paper's recipe, and return the loss of every step.

    Args:
        model: a classifier that gives logits.
        batches: training batches with the caller's augmentation.
        steps: the number of updates.
        learning_rate: at the first step; half a cosine takes it to 0.
        weight_decay: for all parameters.

    Raises:
        ActlasError: for no batches, no steps, or a negative rate or decay.
    """
    positive_integer(steps, "steps"), positive_integer(len(batches), "the number of batches")
    rate, decay = not_negative(learning_rate, "learning_rate"), not_negative(weight_decay, "decay")
    optimizer = torch.optim.SGD(
        model.parameters(), lr=rate, momentum=0.9, nesterov=True, weight_decay=decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: cosine(n / steps))
    _average_slowly(model, len(batches))
    model.train()
    losses = []
    for x, y in itertools.islice(_forever(batches), steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
    return losses


def cosine(progress: float) -> float:
    """Return the factor on the learning rate when a part of the steps is done.

    >>> [round(cosine(part), 3) for part in (0, 0.5, 1)]
    [1.0, 0.5, 0.0]
    """
    return 0.5 * (1 + math.cos(math.pi * progress))


def batch_norm_momentum(steps_per_epoch: int) -> float:
    """Return PyTorch's momentum for averages that keep max(1 - 10/s, 0.9).

    >>> batch_norm_momentum(50), batch_norm_momentum(1000)
    (0.1, 0.01)
    """
    return min(10 / positive_integer(steps_per_epoch, "steps_per_epoch"), 0.1)


def _average_slowly(model: nn.Module, steps_per_epoch: int) -> None:
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.momentum = batch_norm_momentum(steps_per_epoch)


def _forever(batches: Batches) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield from batches


def accuracy_of(model: nn.Module, batches: Batches, metric: Metric = top_1) -> float:
    """Return the metric of a classifier on batches, in evaluation mode."""
    outputs = [(logits.argmax(1), y) for logits, y in outputs_of(model, batches)]
    predictions, labels = (torch.cat(part).cpu().numpy() for part in zip(*outputs, strict=True))
    return metric(labels, predictions)


def train_over_grid(
    make_model: Callable[[], nn.Module],
    train: Batches,
    validation: Batches,
    test: Batches,
    *,
    both: Batches | None = None,
    grid: Sequence[tuple[float, float]] = FINE_TUNING_GRID,
    steps: int = FINE_TUNING_STEPS,
    metric: Metric = top_1,
) -> Chosen:
    """Return the test accuracy of the best cell of a grid, the validation set being the judge.

    Args:
        make_model: gives a fresh copy of the pretrained network, or one from scratch.
        train, validation, test: batches of (inputs, labels).
        both: training and validation batches in one, to train the final network on; without it
            the network that was chosen is the final one.
        grid: (learning rate, weight decay) to try; `SCRATCH_GRID` from scratch.
        steps: the number of updates; `SCRATCH_STEPS` from scratch.
        metric: metric(labels, predictions), the larger the better.

    Raises:
        ActlasError: for an empty grid, and as `fine_tune`.
    """
    if not grid:
        raise ActlasError("grid must have at least one (learning rate, weight decay)")
    found, best = [], None
    for rate, decay in grid:
        model = make_model()
        fine_tune(model, train, steps=steps, learning_rate=rate, weight_decay=decay)
        found.append(accuracy_of(model, validation, metric))
        if found[-1] == max(found) and found.count(found[-1]) == 1:
            best = model
    choice = grid[found.index(max(found))]
    if both is not None or best is None:
        best = make_model()
        fine_tune(best, both or train, steps=steps, learning_rate=choice[0], weight_decay=choice[1])
    return Chosen(choice, tuple(found), accuracy_of(best, test, metric))
