"""Two ways to train the runs of a function: one by one, or as one model; a few steps tell."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch
from torch import Tensor

from actlas.errors import ActlasError
from actlas.study.tasks import Data, Task
from actlas.study.training.devices import random_states
from actlas.study.training.seeding import draws_of, generator, isolated
from actlas.study.training.specification import RunSpec
from actlas.study.training.stacked import Stack
from actlas.study.training.trainer import Run, begun, make_run_optimizer, train_step

_CHECKED = 3  # steps that both ways must agree on
_FACTOR = 0.5  # on the learning rate meanwhile: neither the warm-up nor its peak
_ROUNDS, _SECONDS = 3, 1.0  # of measuring at least
_GAIN = 1.05  # one model must be faster by so much
_ALIKE = 1e-3  # relative difference of losses that rounding alone can make in a few steps


@dataclass(frozen=True)
class Way:
    """Whether runs are trained as one model, and why, as half a sentence."""

    together: bool
    reason: str


def fastest_way(specs: Sequence[RunSpec], task: Task, data: Data) -> Way:
    """Return the faster way to train these runs, after a few steps of each.

    One by one wherever a single model is impossible, or gives other numbers.

    Args:
        specs: runs of one function, phase and recipe.
        task: network, metric and loss.
        data: the task's.
    """
    try:
        gain = _gain([begun(spec, task, data) for spec in specs], task)
    except Exception as error:  # whatever a network of the user's raises under a transform
        return Way(False, f"one model is impossible: {first_sentence(error)}")
    if gain < _GAIN:
        return Way(False, f"one model would train at {gain:.2f} times the speed")
    return Way(True, f"one model trains at {gain:.2f} times the speed")


def _gain(runs: Sequence[Run], task: Task) -> float:
    """Return how many times faster one model trains the runs; ActlasError if it differs."""
    stack = Stack(runs, task)  # copies the weights
    run, batches = runs[-1], _batches(runs)
    optimizer, draws = make_run_optimizer(run), draws_of(run.spec.stream)

    def alone(numbers: Tensor) -> float:
        network, train = run.model.network, run.data.train
        stored = train.inputs[numbers[-1]], train.targets[numbers[-1]]
        batch = task.training_batch(*stored, draws.augmentation)
        return train_step(network, optimizer, batch, _FACTOR, run.spec, task).item()

    def together(numbers: Tensor) -> float:
        return stack.step(numbers, _FACTOR)[-1].item()

    with isolated(run.spec.stream, run.spec.device):
        before = random_states(run.device)
        wanted = [alone(numbers) for numbers in batches]
        if not all(map(torch.equal, before, random_states(run.device))):
            raise ActlasError("it draws random numbers while it trains")
        _compare(wanted, [together(numbers) for numbers in batches])
        clock = time.process_time if run.device.type == "cpu" else time.perf_counter
        return len(runs) * _ratio(partial(alone, batches[0]), partial(together, batches[0]), clock)


def _batches(runs: Sequence[Run]) -> list[Tensor]:
    """Return some batches of example numbers, of shape (runs, batch)."""
    size, count, device = len(runs[0].data.train), runs[0].spec.batch_size, runs[0].device
    draws = generator(runs[0].spec.stream, "ways")
    return [
        torch.stack([torch.randperm(size, generator=draws)[:count] for _ in runs]).to(device)
        for _ in range(_CHECKED)
    ]


def _compare(wanted: Sequence[float], found: Sequence[float]) -> None:
    """Compare the losses of a run in both ways; the later ones depend on the gradients too."""
    for step, (one, other) in enumerate(zip(wanted, found, strict=True)):
        if not math.isclose(one, other, rel_tol=_ALIKE, abs_tol=_ALIKE):
            raise ActlasError(f"its loss at step {step} would be {other:g} in place of {one:g}")


def _ratio(
    alone: Callable[[], float], together: Callable[[], float], clock: Callable[[], float]
) -> float:
    """Return the time of one call over that of the other, the median of each; in turns.

    Args:
        alone, together: give numbers, so they end when the device is done.
        clock: the processor's time where it does the work, so that other work does not count.
    """
    times: tuple[list[float], list[float]] = ([], [])
    begun = clock()
    while len(times[0]) < _ROUNDS or clock() - begun < _SECONDS:
        for call, own in zip((alone, together), times, strict=True):
            call()  # so that its weights are in the cache, as they are in a training
            started = clock()
            call()
            own.append(clock() - started)
    return median(times[0]) / median(times[1])


def first_sentence(error: Exception) -> str:
    """Return the beginning of an error's message, or its kind where there is none.

    >>> first_sentence(RuntimeError("no such thing. See there."))
    'no such thing'
    """
    text = " ".join(str(error).partition("\n")[0].split())
    return text.partition(". ")[0].rstrip(".") or type(error).__name__
