"""Training and validation examples cut anew: luck with the split becomes part of the seeds."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import torch

from actlas.errors import ActlasError
from actlas.study.tasks._protocol import Data, Split, Task


def check_cuts(task: Task, data: Data, count: int) -> None:
    """Raise ActlasError where `count` cuts are wanted of data that cannot be cut anew."""
    if count == 1 or (task.exchangeable and not data.further):
        return
    reason = (
        f"comes with {1 + len(data.further)} splits, which seeds take in turn as it is"
        if data.further
        else "does not say that training and validation examples may change places"
    )
    raise ActlasError(f"splits = {count} is not possible: the task {task.name} {reason}")


@lru_cache(maxsize=1)  # the data of a task that is done make room
def recut(data: Data, count: int) -> Data:
    """Return data with `count` cuts into training and validation, the given one first.

    The parts keep their sizes, the test set stays, and the cuts are the same every time.

    Args:
        data: with one split.
        count: how many cuts, at least 1; every one takes as much memory as the data.

    Source: Bouthillier et al., 2021, arXiv:2103.03098: the split is a larger source of variance
    than start weights.
    """
    inputs = torch.cat([data.train.inputs, data.validation.inputs])
    targets = torch.cat([data.train.targets, data.validation.targets])

    def cut(number: int) -> Data:
        draws = torch.Generator().manual_seed(number)
        train, rest = torch.randperm(len(targets), generator=draws).tensor_split([len(data.train)])
        return Data(Split(inputs[train], targets[train]), Split(inputs[rest], targets[rest]),
                    data.test)  # fmt: skip

    return replace(data, further=tuple(cut(number) for number in range(1, count)))
