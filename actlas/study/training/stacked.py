"""Many runs as one model: all seeds and settings of a function, trained in step.

The weights of every run are a row of one matrix, and the network is mapped over the rows by
`torch.func.vmap`. Each run has the batches, rate, clipping and best epoch that it has alone. A run
that diverges leaves the stack, and the others do not notice.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain

import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.nn.functional import cross_entropy

from actlas.errors import ActlasError
from actlas.study.tasks import Data, Task
from actlas.study.training.layered import layers_of, outputs_of
from actlas.study.training.outside import call_outside_
from actlas.study.training.row_optimizers import RowOptimizer, clip_rows_
from actlas.study.training.seeding import draws_of
from actlas.study.training.specification import Record, RunSpec
from actlas.study.training.stacked_data import join
from actlas.study.training.trainer import (
    Run,
    State,
    begun,
    finish,
    judged,
    make_run_optimizer,
    rate_factor,
)


def train_stacked(specs: Sequence[RunSpec], task: Task, data: Data) -> list[Record]:
    """Train runs that differ in seed and setting (rate, decay, shape rate) alone as one model.

    The numbers are those of `train`, up to the rounding of sums in another order. What PyTorch
    cannot map over the runs raises whatever it raises there: control flow that depends on the
    data, changes in place, random numbers.

    Args:
        specs: at least one run; all of one function, phase and recipe.
        task: network, metric and loss.
        data: the task's three parts, or several splits of one size.
    """
    started = time.perf_counter()
    runs = [begun(spec, task, data) for spec in specs]
    stack = Stack(runs, task)
    for epoch in range(specs[0].epochs):
        if stack.runs:
            stack.run_epoch(epoch)
    stack.leave(range(len(stack.runs)))
    return [finish(run, task, started, len(runs)) for run in runs]


class Stack:
    """The runs that still train, as one model.

    Args:
        runs: all of one function and recipe, on splits of one size.
        task: network, metric and loss.
    """

    def __init__(self, runs: Sequence[Run], task: Task) -> None:
        self.runs = list(runs)
        self._spec, self._task = runs[0].spec, task
        self._network = copy.deepcopy(runs[0].model.network)
        some = task.transform(runs[0].data.train.inputs[:1])
        self._layers = layers_of(self._network, some)
        call_outside_(self._network)
        self._shapes = _shapes_of(runs[0])
        self._weights = torch.stack([_row_of(run, self._shapes) for run in runs])
        self._gradient = torch.empty_like(self._weights)
        self._fixed = _stacked_rest(runs, self._shapes)
        decaying = sum(one.numel() for one in runs[0].model.weights() if one.requires_grad)
        decay = _decay_of(runs, self._weights)
        self._optimizer = RowOptimizer(make_run_optimizer(runs[0]), decay, decaying)
        self._rates = _rates_of(runs, decaying, self._weights.shape[1])
        self._draws = [draws_of(run.spec.stream) for run in runs]
        self._train = join([run.data.train for run in runs])
        self._validation = join([run.data.validation for run in runs])

    def run_epoch(self, epoch: int) -> None:
        """Train and validate every run once; those that diverge in it leave."""
        losses = self._train_epoch(epoch)
        found = self._evaluate()
        for row, (run, loss, (score, validation_loss)) in enumerate(
            zip(self.runs, losses, found, strict=True)
        ):
            run.history.add(
                (loss, validation_loss), score, run.spec, self._task.metric,
                partial(self._state, row),
            )  # fmt: skip
        self.leave([row for row, run in enumerate(self.runs) if run.history.diverged])

    def _train_epoch(self, epoch: int) -> list[float]:
        """Go once through the training sets; return the mean loss per batch of every run."""
        self._network.train()
        if self._spec.fresh_optimizer:
            self._optimizer.forget()
        started = time.perf_counter()
        orders = [torch.randperm(self._train.size, generator=one.order) for one in self._draws]
        joined = torch.stack(orders).to(self._weights.device)
        batches = joined.split(self._spec.batch_size, dim=1)
        losses = []
        for step, batch in enumerate(batches):
            factor = rate_factor(self._spec, epoch, step, len(batches))
            losses.append(self.step(batch, factor))
        means: list[float] = torch.stack(losses).cpu().double().mean(0).tolist()
        spent = (time.perf_counter() - started) / len(batches)
        for run in self.runs:
            run.history.step_seconds.append(spent)
        return means

    def step(self, numbers: Tensor, factor: float) -> Tensor:
        """Train every run on its batch of examples, at `factor` times its rate; return the losses.

        Args:
            numbers: of the examples, of shape (runs, batch).
            factor: from the schedule.
        """
        inputs, targets = self._augmented(*self._train.batch(numbers, self._task))
        leaves = self._views()
        with torch.enable_grad():
            outputs = self._outputs(leaves, inputs, 0)
            losses = _losses(self._task.loss, outputs, targets)
            gradients = torch.autograd.grad(losses.sum(), list(leaves.values()))
        for place, gradient in zip(self._places(self._gradient), gradients, strict=True):
            place.copy_(gradient)
        if self._spec.gradient_clip:
            clip_rows_(self._gradient, self._spec.gradient_clip)
        rates = (self._rates * factor).to(self._weights)
        self._optimizer.step(self._weights, self._gradient, rates)
        return losses.detach()

    def _augmented(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the batches of all runs, each changed by the draws of its run."""
        augment = self._task.augment
        if augment is None:
            return inputs, targets
        changed = [
            augment(x, y, draws.augmentation)
            for x, y, draws in zip(inputs, targets, self._draws, strict=True)
        ]
        return torch.stack([x for x, _ in changed]), torch.stack([y for _, y in changed])

    def _places(self, matrix: Tensor) -> list[Tensor]:
        """Return views of a matrix in the shapes of the weights, the runs first."""
        columns = matrix.split([shape.numel() for shape in self._shapes.values()], dim=1)
        return [
            column.view(len(column), *shape)
            for shape, column in zip(self._shapes.values(), columns, strict=True)
        ]

    def _views(self) -> dict[str, Tensor]:
        """Return the weights by name, as views of the matrix."""
        places = self._places(self._weights)
        return {
            name: place.requires_grad_() for name, place in zip(self._shapes, places, strict=True)
        }

    def _outputs(self, leaves: dict[str, Tensor], inputs: Tensor, dimension: int | None) -> Tensor:
        """Return the outputs of all runs; the inputs have them first, or not at all (None)."""
        if self._layers is not None:
            shared = inputs.expand(len(self.runs), *inputs.shape) if dimension is None else inputs
            return outputs_of(self._layers, leaves | self._fixed, shared)

        def forward(weights: dict[str, Tensor], rest: dict[str, Tensor], x: Tensor) -> Tensor:
            output: Tensor = functional_call(self._network, (weights, rest), (x,))
            return output

        mapped = vmap(forward, in_dims=(0, 0, dimension))
        outputs: Tensor = mapped(leaves, self._fixed, inputs)
        return outputs

    def _evaluate(self) -> list[tuple[float, float]]:
        """Return the validation score and loss of every run."""
        self._network.eval()
        count = max(1, self._task.evaluation_batch // len(self.runs))
        with torch.no_grad():
            parts = [
                self._outputs(self._views(), inputs, dimension)
                for inputs, dimension in self._validation.in_turn(count, self._task)
            ]
        return [
            judged(outputs, self._validation.targets_of(row), self._task)
            for row, outputs in enumerate(torch.cat(parts, dim=1))
        ]

    def _state(self, row: int) -> State:
        """Return a copy of the weights and buffers of one run, which has them afterwards."""
        network = self.runs[row].model.network
        own = dict(chain(network.named_parameters(), network.named_buffers()))
        with torch.no_grad():
            for name, tensor in (self._views() | self._fixed).items():
                own[name].copy_(tensor[row])
        return copy.deepcopy(network.state_dict())

    def leave(self, rows: Sequence[int]) -> None:
        """Give runs their weights back and go on without them."""
        for row in rows:
            self._state(row)
        if not rows:
            return
        rest = [row for row in range(len(self.runs)) if row not in rows]
        keep = torch.tensor(rest, dtype=torch.int64)
        self.runs = [self.runs[row] for row in rest]
        self._draws = [self._draws[row] for row in rest]
        self._weights, self._rates = self._weights[keep], self._rates[keep]
        self._gradient = torch.empty_like(self._weights)
        self._fixed = {name: tensor[keep] for name, tensor in self._fixed.items()}
        self._train, self._validation = self._train.keep(keep), self._validation.keep(keep)
        self._optimizer.keep(keep)


def _losses(loss: Callable[[Tensor, Tensor], Tensor], outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of every run; the runs come first in outputs and targets."""
    if loss is cross_entropy and outputs.ndim == 3 and targets.ndim == 2:  # quicker without vmap
        each = cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none")
        return each.view_as(targets).mean(1)
    mapped: Tensor = vmap(loss)(outputs, targets)
    return mapped


def _decay_of(runs: Sequence[Run], weights: Tensor) -> float | Tensor:
    """Return the weight decay of all runs as a number, or of every run in a column."""
    decays = [run.spec.weight_decay for run in runs]
    if len(set(decays)) == 1:
        return decays[0]
    return torch.tensor(decays, dtype=torch.float64).unsqueeze(1).to(weights)


def _rates_of(runs: Sequence[Run], decaying: int, columns: int) -> Tensor:
    """Return the learning rate of every run in a column, or of every number where it differs.

    The columns from `decaying` on are the functions' own parameters.
    """
    rates = torch.tensor([[run.spec.learning_rate] for run in runs], dtype=torch.float64)
    shares = torch.tensor([[run.spec.shape_rate] for run in runs], dtype=torch.float64)
    if decaying == columns or bool((shares == 1).all()):
        return rates
    own = (rates * shares).expand(-1, columns - decaying)
    return torch.cat([rates.expand(-1, decaying), own], dim=1)


def _shapes_of(run: Run) -> dict[str, torch.Size]:
    """Return the shapes of what is trained, the functions' own parameters last."""
    own = {id(parameter) for parameter in run.model.shape_parameters().values()}
    trained = [
        (name, parameter)
        for name, parameter in run.model.network.named_parameters()
        if parameter.requires_grad
    ]
    if len({parameter.dtype for _, parameter in trained}) != 1:
        raise ActlasError("its weights are not of one dtype")
    trained.sort(key=lambda pair: id(pair[1]) in own)
    return {name: parameter.shape for name, parameter in trained}


def _row_of(run: Run, names: Sequence[str] | dict[str, torch.Size]) -> Tensor:
    parameters = dict(run.model.network.named_parameters())
    return torch.cat([parameters[name].detach().flatten() for name in names])


def _stacked_rest(runs: Sequence[Run], trained: dict[str, torch.Size]) -> dict[str, Tensor]:
    """Return buffers and frozen parameters by name, the runs first."""
    tensors = [
        dict(chain(run.model.network.named_parameters(), run.model.network.named_buffers()))
        for run in runs
    ]
    names = [name for name in tensors[0] if name not in trained]
    return {name: torch.stack([own[name].detach() for own in tensors]) for name in names}
