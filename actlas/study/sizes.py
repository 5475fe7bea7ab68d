"""How large the networks of a study are: what rule 5 of the protocol asks to be equal or said.

Source: docs/protocol.md, "Equal parameters and operations".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from actlas.study.arms import Arm
from actlas.study.tasks import Data, Task
from actlas.study.training.initialisation import build

SIZES = "sizes"  # the name in the store
CLOSE = 5  # percent: networks whose numbers differ by no more count as matched


@dataclass(frozen=True)
class Size:
    """Numbers that are trained, and multiply-adds of the forward pass for one example.

    Counted are matrix products, convolutions and attention; the work of functions, normalisation,
    pooling and embeddings on single numbers is not.
    """

    parameters: int
    multiply_adds: int

    def beside(self, other: Size) -> tuple[float, float]:
        """Return both numbers in units of another network's.

        >>> Size(300, 200).beside(Size(200, 200))
        (1.5, 1.0)
        """
        return (
            self.parameters / max(other.parameters, 1),
            self.multiply_adds / max(other.multiply_adds, 1),
        )

    def matches(self, other: Size) -> bool:
        """Return whether neither number differs from the other's by more than 5 %."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return all(100 * abs(one - wanted) <= CLOSE * wanted for one, wanted in pairs)


def size_of(arm: Arm, task: Task, data: Data) -> Size:
    """Return the size of an arm's network on a task.

    Args:
        arm: a function, or a network.
        task: with the arm's network.
        data: the task's; one example is fed.
    """
    some = task.transform(data.train.inputs[:1])
    counter = FlopCounterMode(display=False)
    with torch.random.fork_rng(devices=[]):
        network = build(task.network, arm.name, dict(arm.parameters)).network.eval()
        with sdpa_kernel(SDPBackend.MATH), counter:  # fused kernels would not be counted
            network(some)
    trained = sum(one.numel() for one in network.parameters() if one.requires_grad)
    return Size(trained, counter.get_total_flops() // 2)


def written(sizes: Mapping[str, Mapping[str, Size]]) -> str:
    """Return the sizes of every part, by the arms' labels, as a text that `read_sizes` reads."""
    return json.dumps(
        {part: {label: asdict(size) for label, size in own.items()} for part, own in sizes.items()}
    )


def read_sizes(text: str | None) -> dict[str, dict[str, Size]]:
    """Return what `written` wrote; nothing for a study of an earlier version.

    >>> read_sizes(written({"digits": {"relu": Size(4810, 4736)}}))["digits"]["relu"].parameters
    4810
    """
    kept = json.loads(text or "{}")
    return {
        part: {label: Size(**size) for label, size in own.items()} for part, own in kept.items()
    }
