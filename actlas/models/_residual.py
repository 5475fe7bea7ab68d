"""Residual blocks, in the one form that all residual networks here share."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional

from actlas.models._registry import ActivationFactory


class Residual(nn.Module):
    """A residual block: x' = before(x), then after(shortcut(x') + branch(x')).

    Args:
        branch: what is learned.
        shortcut: the way past it, nn.Identity by default.
        before: what both ways share, such as the normalisation and activation in front of a
            projection; nn.Identity by default.
        after: the activation behind the sum, nn.Identity by default.

    Whatever skips, scales or wraps branches (stochastic depth, for one) relies on these four
    names, and finds the blocks of a network by `residual_blocks`.

    Source: He et al. 2016, Eq. 1 (with `after`), and He et al. 2016, identity mappings, Eq. 1.

    >>> block = Residual(nn.Linear(3, 3, bias=False))
    >>> x = torch.ones(1, 3)
    >>> torch.equal(block(x), x + block.branch(x))
    True
    """

    def __init__(
        self, branch: nn.Module, shortcut: nn.Module | None = None,
        before: nn.Module | None = None, after: nn.Module | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.before = before or nn.Identity()
        self.branch = branch
        self.shortcut = shortcut or nn.Identity()
        self.after = after or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add both ways; the shape is that of the branch's output."""
        x = self.before(x)
        y: torch.Tensor = self.after(self.shortcut(x) + self.branch(x))
        return y


def residual_blocks(network: nn.Module) -> list[Residual]:
    """Return the residual blocks of a network, in the order in which they run.

    >>> len(residual_blocks(nn.Sequential(Residual(nn.ReLU()), Residual(nn.ReLU()))))
    2
    """
    return [module for module in network.modules() if isinstance(module, Residual)]


class PaddedShortcut(nn.Module):
    """Every stride-th pixel, and zeros for the channels that are new: no parameters.

    Source: He et al. 2016, option A of section 3.3.

    >>> PaddedShortcut(16, 32, 2)(torch.ones(1, 16, 8, 8)).shape
    torch.Size([1, 32, 4, 4])
    """

    def __init__(self, fan_in: int, fan_out: int, stride: int) -> None:
        super().__init__()
        self.new, self.stride = fan_out - fan_in, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Take (N, C, H, W) to (N, C + new, H / stride, W / stride)."""
        x = x[:, :, :: self.stride, :: self.stride]
        return functional.pad(x, (0, 0, 0, 0, 0, self.new))

    def extra_repr(self) -> str:
        """Say how many channels are new."""
        return f"new={self.new}, stride={self.stride}"


def pre_activation(
    fan_in: int, fan_out: int, stride: int, rest: Iterable[nn.Module], make: ActivationFactory
) -> Residual:
    """Return a block with normalisation and activation in front of its first convolution.

    Where the shape stays, the shortcut is the identity on the raw input, and normalisation and
    activation belong to the branch. Where it changes, a 1 x 1 convolution makes the shortcut,
    and it sees the normalised, activated input as the branch does.

    Args:
        fan_in, fan_out: channels.
        stride: 1, or 2 to halve the image.
        rest: the branch from its first convolution on.
        make: the activation's factory.

    Source: He et al. 2016, identity mappings, Fig. 1b; the projection as in the authors' code.
    """
    first = nn.Sequential(nn.BatchNorm2d(fan_in), make())
    if fan_in == fan_out and stride == 1:
        return Residual(nn.Sequential(*first, *rest))
    projection = nn.Conv2d(fan_in, fan_out, 1, stride, bias=False)
    return Residual(nn.Sequential(*rest), shortcut=projection, before=first)
