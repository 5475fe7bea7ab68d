"""Stochastic depth: residual branches that are left out for whole mini-batches.

Paper: Huang, Sun, Liu, Sedra and Weinberger, "Deep Networks with Stochastic Depth", ECCV 2016,
arXiv 1603.09382: the gate and the test-time rule of section 3 (training: H = after(shortcut(x) +
b f(x)) with one Bernoulli b per block and mini-batch; test: the survival probability p in the
place of b) and the linear decay p_l = 1 - l/L (1 - p_L) with p_L = 0.5.

Where b = 0 the branch is not called: no computation, no gradient, no update of its batch norms.
Drop-path (drop_path.py) is another thing.

A residual block is any module with a `branch` and a `shortcut` that adds what both give (see
actlas/models/README.md); a model's blocks count in the order in which it lists its modules.

Deviations:
    The published Torch code goes on applying momentum and weight decay to a skipped block, since
    its gradient is a vector of zeros. Here its gradient is None after
    `optimizer.zero_grad(set_to_none=True)`, PyTorch's default, so the optimiser leaves it alone;
    `set_to_none=False` gives the published behaviour from the block's second step on.
    Shortcuts are the network's own; the published code has an average pool and zero channels,
    which is `resnet(shortcut="average")` in actlas.models. Its convolutions have biases besides,
    which the batch norms behind them take out; those of `resnet` have none.
    Gates are drawn when a block is reached and not before the mini-batch, which is the same in
    law; a block that is called twice in a step (checkpointing) draws twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from actlas.errors import ActlasError, nearest
from actlas.training._checks import positive_integer, probability
from actlas.training._residual import Gate, branch_of, residual_blocks


def linear_survival(blocks: int, last: float = 0.5) -> tuple[float, ...]:
    """Return the paper's survival probabilities, which fall linearly to that of the last block.

    Args:
        blocks: L, the number of residual blocks.
        last: p_L, from 0 to 1.

    Source: Huang et al. 2016, Eq. 4.

    >>> linear_survival(4)
    (0.875, 0.75, 0.625, 0.5)
    >>> round(sum(linear_survival(54)), 9)  # 110 layers: a quarter of the work is saved
    40.25
    """
    count, last = positive_integer(blocks, "blocks"), probability(last, "survival")
    return tuple(1 - block / count * (1 - last) for block in range(1, count + 1))


def uniform_survival(blocks: int, survival: float = 0.5) -> tuple[float, ...]:
    """Return the same survival probability for every block.

    >>> uniform_survival(3, 0.8)
    (0.8, 0.8, 0.8)
    """
    return (probability(survival, "survival"),) * positive_integer(blocks, "blocks")


SCHEDULES: Mapping[str, Callable[[int, float], tuple[float, ...]]] = {
    "linear": linear_survival,
    "uniform": uniform_survival,
}


class StochasticBranch(Gate):
    """A residual branch that is skipped for whole mini-batches in training.

    In training it gives branch(x) with probability `survival`, else the number 0, which the
    block adds to its shortcut; the branch is then not called. Otherwise `survival` branch(x).

    Args:
        branch: any module whose output a block adds to its shortcut.
        survival: the probability that the branch is there, from 0 to 1.
        generator: random state, on any device; None takes PyTorch's.

    Raises:
        ActlasError: for a probability outside [0, 1].

    >>> branch = StochasticBranch(nn.Linear(2, 2), survival=0.0)
    >>> branch(torch.ones(1, 2)), branch.executed, branch.batches
    (tensor(0.), 0, 1)
    """

    def __init__(
        self, branch: nn.Module, survival: float, generator: torch.Generator | None = None
    ) -> None:
        super().__init__(branch)
        self.generator = generator
        self.survival = probability(survival, "survival")
        self.executed = self.batches = 0

    def forward(self, x: Tensor, *inputs: Any) -> Tensor:
        """Return the branch's output, scaled or left out."""
        if not self.training:
            y = self._run(x, *inputs)
            return y if self.survival == 1 else self.survival * y
        if self._is_kept():
            return self._run(x, *inputs)
        return x.new_zeros(())  # of no dimension: it fits any shape and changes no dtype

    def _run(self, x: Tensor, *inputs: Any) -> Tensor:
        y: Tensor = self.branch(x, *inputs)
        return y

    # A compiled graph ends here; a counter inside it would have it compiled anew every time.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _is_kept(self) -> bool:
        """Draw the gate, and count."""
        device = self.generator.device if self.generator else torch.device("cpu")
        kept = self.survival == 1 or (
            torch.rand((), generator=self.generator, device=device).item() < self.survival
        )
        self.batches += 1
        self.executed += kept
        return kept

    def extra_repr(self) -> str:
        """Show the probability."""
        return f"survival={self.survival:g}"


@dataclass(frozen=True)
class StochasticDepth:
    """What `stochastic_depth_` put into a model: the gates, their counters, and the way back."""

    blocks: tuple[nn.Module, ...]
    gates: tuple[StochasticBranch, ...]

    @property
    def survival(self) -> tuple[float, ...]:
        """The probability p_l of every block."""
        return tuple(gate.survival for gate in self.gates)

    @property
    def expected(self) -> float:
        """The expected number of branches that a mini-batch runs: the sum of the p_l."""
        return sum(self.survival)

    @property
    def executed(self) -> tuple[int, ...]:
        """How often the branch of every block has run in training."""
        return tuple(gate.executed for gate in self.gates)

    @property
    def batches(self) -> tuple[int, ...]:
        """How many mini-batches every block has seen in training."""
        return tuple(gate.batches for gate in self.gates)

    def reset(self) -> None:
        """Set the counters to 0."""
        for gate in self.gates:
            gate.executed = gate.batches = 0

    def remove(self) -> None:
        """Put the plain branches back."""
        for block, gate in zip(self.blocks, self.gates, strict=True):
            block.branch = gate.branch


def stochastic_depth_(
    model: nn.Module,
    survival: float = 0.5,
    schedule: str = "linear",
    *,
    blocks: Iterable[nn.Module] | None = None,
    generator: torch.Generator | None = None,
) -> StochasticDepth:
    """Give every residual block of a model a gate, in place.

    Args:
        model: a network with residual blocks: modules with a `branch` and a `shortcut`.
        survival: p_L of the last block ("linear"), or p of every block ("uniform").
        schedule: "linear" or "uniform".
        blocks: the residual blocks, in order, of a model where they cannot be found like this;
            each has a `branch`.
        generator: random state shared by the gates; None takes PyTorch's.

    Raises:
        ActlasError: for a probability outside [0, 1], an unknown schedule, no blocks, or blocks
            without a branch; the model is then unchanged.

    Source: Huang et al. 2016, section 3.
    """
    if schedule not in SCHEDULES:
        raise ActlasError(f"schedule is one of {', '.join(SCHEDULES)}, got {schedule!r}."
                          f"{nearest(str(schedule), SCHEDULES)}")  # fmt: skip
    found = residual_blocks(model, blocks)
    probabilities = SCHEDULES[schedule](len(found), survival)
    gates = [StochasticBranch(branch_of(block), p, generator)
             for block, p in zip(found, probabilities, strict=True)]  # fmt: skip
    for block, gate in zip(found, gates, strict=True):
        block.branch = gate.train(block.training)
    return StochasticDepth(tuple(found), tuple(gates))
