"""Drop-path: residual branches that are left out for single samples, as timm and torchvision do.

Paper: Larsson, Maire and Shakhnarovich, "FractalNet", ICLR 2017, arXiv 1605.07648, in the form
of today's libraries: one gate per sample, divided by the probability of staying in training, the
identity at test time. It regularises as stochastic depth does but computes every branch, so it
saves no time, and every block's batch norms see every batch.

Deviations:
    From the published stochastic depth: all of the above, and the first block is never dropped.
    From timm: none; with the same random numbers the results are the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from actlas.training._checks import positive_integer, probability
from actlas.training._random import empty_for
from actlas.training._residual import Gate, branch_of, residual_blocks


class DropPath(nn.Module):
    """Sets samples to zero in training and scales the others up: drop-path, per sample.

    Args:
        drop: the probability that a sample is set to 0, from 0 to 1.
        scale_by_keep: divide what is kept by 1 - drop, so that the mean stays.
        generator: random state; None takes PyTorch's.

    Source: Larsson et al. 2017, arXiv 1605.07648, in the form of timm and torchvision.

    >>> DropPath(0.5).eval()(torch.ones(2))
    tensor([1., 1.])
    """

    def __init__(
        self,
        drop: float = 0.0,
        scale_by_keep: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.drop = probability(drop, "drop")
        self.scale_by_keep, self.generator = scale_by_keep, generator

    def forward(self, x: Tensor) -> Tensor:
        """Return x with some samples, along the first dimension, set to 0."""
        if self.drop == 0 or not self.training:
            return x
        keep = 1 - self.drop
        mask = empty_for(x, self.generator, (x.shape[0],) + (1,) * (x.ndim - 1))
        mask.bernoulli_(keep, generator=self.generator)
        if keep and self.scale_by_keep:
            mask.div_(keep)
        return x * mask.to(x.device)

    def extra_repr(self) -> str:
        """Show the probability."""
        return f"drop={self.drop:g}"


class DroppedBranch(Gate):
    """A branch followed by its `DropPath`."""

    def __init__(self, branch: nn.Module, path: DropPath) -> None:
        super().__init__(branch)
        self.path = path

    def forward(self, x: Tensor) -> Tensor:
        """Return the branch's output, with some samples left out."""
        y: Tensor = self.path(self.branch(x))
        return y


def drop_path_rates(blocks: int, rate: float) -> tuple[float, ...]:
    """Return timm's rates: from 0 for the first block in equal steps to `rate` for the last.

    >>> drop_path_rates(3, 0.2)
    (0.0, 0.1, 0.2)
    """
    count, rate = positive_integer(blocks, "blocks"), probability(rate, "rate")
    return tuple(rate * block / max(1, count - 1) for block in range(count))


def drop_path_(
    model: nn.Module,
    rate: float = 0.1,
    *,
    blocks: Iterable[nn.Module] | None = None,
    generator: torch.Generator | None = None,
) -> tuple[DropPath, ...]:
    """Put a `DropPath` behind the branch of every residual block, in place; return them.

    Args:
        model, blocks, generator: as `stochastic_depth_`.
        rate: the probability of the last block; `drop_path_rates` gives the others.

    Raises:
        ActlasError: as `stochastic_depth_`.
    """
    found = residual_blocks(model, blocks)
    paths = tuple(DropPath(p, generator=generator) for p in drop_path_rates(len(found), rate))
    for block, path in zip(found, paths, strict=True):
        block.branch = DroppedBranch(branch_of(block), path).train(block.training)
    return paths
