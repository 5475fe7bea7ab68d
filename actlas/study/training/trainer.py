"""Training one network: a pure function from a specification to a record."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from actlas.study.provenance import machine
from actlas.study.tasks import Data, Split, Task
from actlas.study.training.initialisation import Model, build, initialise_
from actlas.study.training.optimizers import make_optimizer, schedule
from actlas.study.training.seeding import generator, isolated
from actlas.study.training.specification import Phase, Record, RunSpec

_EVALUATION_BATCH = 2000


@dataclass
class _History:
    """The curves of a run in the making, and the weights of its best epoch so far."""

    validation: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    best_epoch: int = -1
    best_state: dict[str, torch.Tensor] = field(default_factory=dict)
    diverged: bool = False


def train(spec: RunSpec, task: Task, data: Data) -> Record:
    """Train one network and return what came of it; the same arguments give the same scores.

    The epoch with the best validation score is kept. The test set is read once, with the weights
    of that epoch, and only in the confirmation phase.

    Args:
        spec: what to train; seeds and rates included.
        task: network, metric and loss.
        data: the task's three parts.
    """
    from actlas.init import gain

    started = time.perf_counter()
    parameters = dict(spec.parameters)
    scale = gain(spec.activation, **parameters)
    with isolated(spec.stream):
        model = build(task.network, spec.activation, parameters)
        initialise_(model, task.transform(data.train.inputs[:2]), scale, spec.stream)
        history = _fit(model, spec, task, data)
    validation, test = _final_scores(model.network, spec, task, data, history)
    return Record(
        spec=spec,
        validation=validation,
        test=test,
        best_epoch=history.best_epoch,
        validation_curve=tuple(history.validation),
        loss_curve=tuple(history.loss),
        diverged=history.diverged,
        gain=scale,
        learned=_learned(model),
        seconds=time.perf_counter() - started,
        machine=machine(),
    )


def _fit(model: Model, spec: RunSpec, task: Task, data: Data) -> _History:
    optimizer = make_optimizer(spec.optimizer, model, spec.learning_rate, spec.weight_decay)
    order = generator(spec.stream, "order")
    history = _History()
    for epoch in range(spec.epochs):
        loss = _train_epoch(model.network, optimizer, epoch, spec, task, data.train, order)
        score, validation_loss = evaluate(model.network, task, data.validation)
        if not math.isfinite(loss + validation_loss + score):
            history.diverged = True
            break
        history.loss.append(loss)
        history.validation.append(score)
        if history.best_epoch < 0 or task.metric.beats(
            score, history.validation[history.best_epoch]
        ):
            history.best_epoch = epoch
            history.best_state = copy.deepcopy(model.network.state_dict())
    return history


def _train_epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    epoch: int,
    spec: RunSpec,
    task: Task,
    split: Split,
    order: torch.Generator,
) -> float:
    """Go once through the training set in a fresh order; return the mean loss per batch."""
    network.train()
    batches = torch.randperm(len(split), generator=order).split(spec.batch_size)
    parameters = list(network.parameters())
    total = 0.0
    for step, batch in enumerate(batches):
        factor = schedule((epoch + (step + 1) / len(batches)) / spec.epochs)
        for group in optimizer.param_groups:
            group["lr"] = spec.learning_rate * factor
        optimizer.zero_grad()
        loss = task.loss(network(task.transform(split.inputs[batch])), split.targets[batch])
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, spec.gradient_clip)
        optimizer.step()
        total += loss.item()
    return total / len(batches)


def evaluate(network: nn.Module, task: Task, split: Split) -> tuple[float, float]:
    """Return the metric and the loss of `network` on all of `split`."""
    network.eval()
    with torch.no_grad():
        outputs = torch.cat(
            [network(task.transform(part)) for part in split.inputs.split(_EVALUATION_BATCH)]
        )
        loss = task.loss(outputs, split.targets).item()
        return task.metric.score(outputs, split.targets), loss


def _final_scores(
    network: nn.Module, spec: RunSpec, task: Task, data: Data, history: _History
) -> tuple[float, float | None]:
    confirms = spec.phase is Phase.CONFIRMATION
    if history.diverged:
        return task.metric.worst, task.metric.worst if confirms else None
    validation = history.validation[history.best_epoch]
    if not confirms:
        return validation, None
    network.load_state_dict(history.best_state)
    test, _ = evaluate(network, task, data.test)
    return validation, test if math.isfinite(test) else task.metric.worst


def _learned(model: Model) -> dict[str, Any]:
    """Return the shape parameters' values at the end; text where a number is not finite."""
    return {
        name: _plain(parameter.detach().tolist())
        for name, parameter in model.shape_parameters().items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if math.isfinite(value) else str(value)
