"""Training one network: a pure function from a specification to a record."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from actlas.study.provenance import machine
from actlas.study.tasks import Data, Metric, Split, Task
from actlas.study.training.devices import described, device_of, on_device
from actlas.study.training.initialisation import Model, build, initialise_
from actlas.study.training.optimizers import make_optimizer, schedule
from actlas.study.training.seeding import Draws, draws_of, isolated
from actlas.study.training.specification import Phase, Record, RunSpec

State = dict[str, Tensor]


@dataclass
class History:
    """The curves of a run in the making, and the weights of its best epoch so far."""

    validation: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    step_seconds: list[float] = field(default_factory=list)  # the mean of every epoch
    best_epoch: int = -1
    best_loss: float = math.inf  # on the validation set, in that epoch
    best_state: State = field(default_factory=dict)
    diverged: bool = False

    def add(
        self, losses: tuple[float, float], score: float, spec: RunSpec, metric: Metric,
        state: Callable[[], State],
    ) -> None:  # fmt: skip
        """Note an epoch, or that the run has diverged in it.

        Args:
            losses: on the training and the validation set.
            score: on the validation set.
            spec: says which epoch is kept.
            metric: says which score is better.
            state: called for a copy of the weights if this epoch is kept.
        """
        if not math.isfinite(sum(losses) + score):
            self.diverged = True
            return
        self.loss.append(losses[0])
        self.validation.append(score)
        if spec.selection == "last epoch" or self._is_best(score, losses[1], metric):
            self.best_epoch, self.best_loss = len(self.validation) - 1, losses[1]
            self.best_state = state()

    def _is_best(self, score: float, loss: float, metric: Metric) -> bool:
        """Compare scores, then validation losses: few examples leave many epochs tied."""
        if self.best_epoch < 0:
            return True
        best = self.validation[self.best_epoch]
        return metric.beats(score, best) or (score == best and loss < self.best_loss)


@dataclass(frozen=True)
class Run:
    """A run that has begun: its network with start weights, its data, and what came of it."""

    spec: RunSpec
    data: Data
    model: Model
    gain: float
    history: History
    device: torch.device


def train(spec: RunSpec, task: Task, data: Data) -> Record:
    """Train one network and return what came of it; the same arguments give the same scores.

    The epoch with the best validation score is kept. The test set is read once, with the weights
    of that epoch, and only in the confirmation phase.

    Args:
        spec: what to train; seeds and rates included.
        task: network, metric and loss.
        data: the task's three parts; of several splits the one of the seed is taken.
    """
    started = time.perf_counter()
    with isolated(spec.stream, spec.device):
        run = _begin(spec, task, data)
        _fit(run, task)
    return finish(run, task, started)


def begun(spec: RunSpec, task: Task, data: Data) -> Run:
    """Return a run with the start weights that `train` gives it."""
    with isolated(spec.stream, spec.device):
        return _begin(spec, task, data)


def _begin(spec: RunSpec, task: Task, data: Data) -> Run:
    from actlas.init import gain

    own, parameters = data.of_seed(spec.seed), dict(spec.parameters)
    scale = 1.0 if spec.is_network else gain(spec.activation, **parameters)
    device = device_of(spec.device)
    model = build(task.network, spec.activation, parameters, spec.initialisation)
    some = task.transform(own.train.inputs[:2])
    initialise_(model, some, scale, spec.stream, spec.initialisation, spec.start_bias)
    model.network.to(device)  # the same numbers on every device: they were drawn on the processor
    return Run(spec, on_device(data, device).of_seed(spec.seed), model, scale, History(), device)


def finish(run: Run, task: Task, started: float, together: int = 1) -> Record:
    """Score a run that has been trained, and return its record.

    Args:
        run: with the curves and weights of its training.
        task: its task.
        started: when it began, by `time.perf_counter`.
        together: how many runs were trained as one model; they share the time.
    """
    history = run.history
    validation, test, calibration = _final_scores(run, task)
    return Record(
        spec=run.spec,
        validation=validation,
        test=test,
        best_epoch=history.best_epoch,
        validation_curve=tuple(history.validation),
        loss_curve=tuple(history.loss),
        diverged=history.diverged,
        gain=run.gain,
        learned=_learned(run.model),
        seconds=(time.perf_counter() - started) / together,
        machine=machine() | described(run.device),
        together=together,
        step_seconds=median(history.step_seconds) / together,
        calibration=calibration,
    )


def _fit(run: Run, task: Task) -> None:
    spec, network = run.spec, run.model.network
    optimizer = make_run_optimizer(run)
    draws = draws_of(spec.stream)
    for epoch in range(spec.epochs):
        if spec.fresh_optimizer and epoch:
            optimizer = make_run_optimizer(run)
        loss = _train_epoch(run, optimizer, epoch, task, draws)
        score, validation_loss = evaluate(network, task, run.data.validation)
        run.history.add(
            (loss, validation_loss), score, spec, task.metric,
            lambda: copy.deepcopy(network.state_dict()),
        )  # fmt: skip
        if run.history.diverged:
            return


def make_run_optimizer(run: Run) -> torch.optim.Optimizer:
    """Return the optimiser of a run, for its weights and its functions' own parameters."""
    spec = run.spec
    return make_optimizer(
        spec.optimizer, run.model, spec.learning_rate, spec.weight_decay, spec.momentum,
        spec.shape_rate,
    )  # fmt: skip


def rate_factor(spec: RunSpec, epoch: int, step: int, steps: int) -> float:
    """Return the schedule's factor on the learning rate for a step of an epoch, from 0 on."""
    return schedule((epoch + (step + 1) / steps) / spec.epochs, spec.schedule, spec.warm_up)


def _train_epoch(
    run: Run, optimizer: torch.optim.Optimizer, epoch: int, task: Task, draws: Draws
) -> float:
    """Go once through the training set in a fresh order; return the mean loss per batch."""
    spec, network, split = run.spec, run.model.network, run.data.train
    network.train()
    started = time.perf_counter()
    order = torch.randperm(len(split), generator=draws.order).to(run.device)
    batches = order.split(spec.batch_size)
    losses = []
    for step, batch in enumerate(batches):
        factor = rate_factor(spec, epoch, step, len(batches))
        inputs, targets = task.training_batch(
            split.inputs[batch], split.targets[batch], draws.augmentation
        )
        losses.append(train_step(network, optimizer, (inputs, targets), factor, spec, task))
    mean = torch.stack(losses).cpu().double().mean().item()  # the only wait for the device
    run.history.step_seconds.append((time.perf_counter() - started) / len(batches))
    return mean


def train_step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: tuple[Tensor, Tensor],
    factor: float,
    spec: RunSpec,
    task: Task,
) -> Tensor:
    """Train a network on one batch, at `factor` times its rate; return the loss before.

    Args:
        network: in training mode.
        optimizer: of its parameters.
        batch: inputs of the network, and targets.
        factor: from the schedule.
        spec: rate and clipping.
        task: the loss.
    """
    for group in optimizer.param_groups:
        group["lr"] = spec.learning_rate * factor * group["share"]
    optimizer.zero_grad()
    inputs, targets = batch
    loss = task.loss(network(inputs), targets)
    loss.backward()
    if spec.gradient_clip:
        nn.utils.clip_grad_norm_(network.parameters(), spec.gradient_clip)
    optimizer.step()
    return loss.detach()


def evaluate(network: nn.Module, task: Task, split: Split) -> tuple[float, float]:
    """Return the metric and the loss of `network` on all of `split`."""
    return judged(_outputs(network, task, split), split.targets, task)


def _outputs(network: nn.Module, task: Task, split: Split) -> Tensor:
    """Return what a network gives for all of `split`, without dropout."""
    network.eval()
    with torch.no_grad():
        return torch.cat(
            [network(task.transform(part)) for part in split.inputs.split(task.evaluation_batch)]
        )


def judged(outputs: Tensor, targets: Tensor, task: Task) -> tuple[float, float]:
    """Return the metric, taken on the processor, and the loss of a network's outputs."""
    loss = task.loss(outputs, targets).item()
    return task.metric.score(outputs.cpu(), targets.cpu()), loss


def _final_scores(run: Run, task: Task) -> tuple[float, float | None, float | None]:
    """Return the scores on the validation and the test set, and the calibration error on that."""
    history, confirms = run.history, run.spec.phase is Phase.CONFIRMATION
    if history.diverged:
        return task.metric.worst, task.metric.worst if confirms else None, None
    validation = history.validation[history.best_epoch]
    if not confirms:
        return validation, None, None
    run.model.network.load_state_dict(history.best_state)
    split = run.data.test
    outputs = _outputs(run.model.network, task, split)
    test, _ = judged(outputs, split.targets, task)
    if not math.isfinite(test):
        return validation, task.metric.worst, None
    return validation, test, task.calibration(outputs, split.targets)


def _learned(model: Model) -> dict[str, Any]:
    """Return the shape parameters' values at the end; text where a number is not finite."""
    return {name: _plain(value.detach().tolist()) for name, value in model.learned().items()}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if math.isfinite(value) else str(value)
