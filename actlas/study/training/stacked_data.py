"""The data of runs that train in step: batches of all of them at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from actlas.errors import ActlasError
from actlas.study.tasks import Split, Task


@dataclass(frozen=True)
class Joined:
    """One part of the data of several runs: their splits one after the other, each kept once.

    `starts` says for every run where its split begins, of shape (runs, 1).
    """

    inputs: Tensor
    targets: Tensor
    starts: Tensor
    size: int

    def batch(self, numbers: Tensor, task: Task) -> tuple[Tensor, Tensor]:
        """Return inputs and targets of the examples `numbers` (runs, batch) of every run."""
        numbers = numbers + self.starts
        inputs = task.transform(self.inputs[numbers.flatten()])
        return inputs.unflatten(0, numbers.shape), self.targets[numbers]

    def in_turn(self, count: int, task: Task) -> Iterator[tuple[Tensor, int | None]]:
        """Yield the inputs in order, so many at a time, and the dimension of the runs.

        That is None where all runs have the same inputs.
        """
        if self.size == len(self.targets):
            for part in self.inputs.split(count):
                yield task.transform(part), None
            return
        for numbers in torch.arange(self.size, device=self.starts.device).split(count):
            yield self.batch(numbers.expand(len(self.starts), -1), task)[0], 0

    def targets_of(self, row: int) -> Tensor:
        """Return all targets of one run."""
        start = int(self.starts[row])
        return self.targets[start : start + self.size]

    def keep(self, rows: Tensor) -> Joined:
        """Return the data of some of the runs."""
        return Joined(self.inputs, self.targets, self.starts[rows], self.size)


def join(splits: Sequence[Split]) -> Joined:
    """Return the splits of all runs as one; ActlasError if they differ in size."""
    different = list({id(split): split for split in splits}.values())
    size = len(different[0])
    if any(len(split) != size for split in different):
        raise ActlasError("its splits differ in size")
    place = {id(split): size * index for index, split in enumerate(different)}
    device = different[0].targets.device
    starts = torch.tensor([[place[id(split)]] for split in splits], device=device)
    if len(different) == 1:
        return Joined(different[0].inputs, different[0].targets, starts, size)
    inputs = torch.cat([split.inputs for split in different])
    return Joined(inputs, torch.cat([split.targets for split in different]), starts, size)
