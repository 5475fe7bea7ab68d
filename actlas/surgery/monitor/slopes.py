"""Where on its curve a function works: its derivative at sampled inputs, and what that means.

Saturated and linear are facts about the derivative, so they mean the same for every function.
With s the root mean square of f'(z), z ~ N(0, 1), and t the tolerance,

- saturated: |f'(x)| <= t s, the function passes next to nothing of the gradient back;
- linear: f'(x) and f(x) lie within t s of an asymptote with a slope, so that here the function
  does no more than a straight line would.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import torch
from torch import Tensor, nn

_FAR = 512.0  # where an asymptote is read off, and at twice the distance confirmed
_ENDS = (-2 * _FAR, -_FAR, _FAR, 2 * _FAR)
_QUANTILES = tuple(NormalDist().inv_cdf((i + 0.5) / 32) for i in range(32))
_LARGEST = 100_000  # parameters of a module that is copied to ask for its derivative


@dataclass(frozen=True)
class Asymptotes:
    """f ~ slope x + offset to the left and to the right of every channel; NaN where there is none.

    `slope` and `offset` have shape (2, channels); `scale` is the root mean square slope; `sloped`
    says on which of the two sides any channel has an asymptote that is not flat.
    """

    slope: Tensor
    offset: Tensor
    scale: Tensor
    sloped: tuple[int, ...]


def asymptotes(f: Tensor, df: Tensor, tolerance: float) -> Asymptotes:
    """Return the asymptotes from values and slopes at the probes, of shape (probes, channels)."""
    scale = df[len(_ENDS) :].square().mean().sqrt()
    ends = torch.tensor(_ENDS, dtype=f.dtype, device=f.device)[:, None]
    offsets = f[: len(_ENDS)] - df[: len(_ENDS)] * ends
    outer, inner = [0, 3], [1, 2]
    allowed = tolerance * scale
    settled = (df[outer] - df[inner]).abs() <= allowed
    settled &= (offsets[outer] - offsets[inner]).abs() <= allowed
    slope = torch.where(settled, df[outer], torch.nan)
    rising = (slope.abs() > allowed).any(dim=1).tolist()
    return Asymptotes(slope, offsets[outer], scale, tuple(k for k in (0, 1) if rising[k]))


def regimes(
    x: Tensor, f: Tensor, df: Tensor, at: Asymptotes, tolerance: float
) -> tuple[Tensor, Tensor]:
    """Return two masks of the shape of x: saturated, and linear."""
    allowed = tolerance * at.scale
    saturated = df.abs() <= allowed
    linear = torch.zeros_like(saturated)
    for slope, offset in ((at.slope[side], at.offset[side]) for side in at.sloped):
        near = (f - (slope * x + offset)).abs() <= allowed * x.abs().clamp_min(1)
        linear |= near & ((df - slope).abs() <= allowed)
    return saturated, linear & ~saturated


class Twin:
    """A private copy of a site's module, which can be asked for its derivative.

    The module itself is never called a second time: that could draw random numbers, move running
    statistics or run other people's hooks.
    """

    def __init__(self, module: nn.Module, like: Tensor) -> None:
        if sum(p.numel() for p in module.parameters()) > _LARGEST:
            raise ValueError("it has too many parameters")
        twin: Any = copy.deepcopy(module)
        self.module = twin.eval().requires_grad_(False).to(like.dtype)
        for inner in self.module.modules():
            inner._forward_hooks.clear()
            inner._forward_pre_hooks.clear()
        if hasattr(self.module, "channel_dim"):
            self.module.channel_dim = 1  # where rows have their channels
        self._kind = (like.dtype, like.device)
        self._state = [*self.module.parameters(), *self.module.buffers()]
        self._known: Asymptotes | None = None

    def fits(self, x: Tensor) -> bool:
        """Say whether x has the precision and the device that the twin was made for."""
        return self._kind == (x.dtype, x.device)

    @torch.no_grad()
    def follow(self, module: nn.Module) -> None:
        """Take over the present shape parameters."""
        if self._state:
            for mine, theirs in zip(
                self._state, [*module.parameters(), *module.buffers()], strict=True
            ):
                mine.copy_(theirs)

    def judge(self, x: Tensor, tolerance: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return f(x), f'(x) and the masks saturated and linear."""
        if self._known is not None and not self._state:
            f, df = self.slope(x)
            return f, df, *regimes(x, f, df, self._known, tolerance)
        points = torch.tensor([*_ENDS, *_QUANTILES], dtype=x.dtype, device=x.device)
        probes = points[:, None].expand(-1, x.shape[1])
        both = self.slope(torch.cat([probes, x]))  # one call: the shape may have changed
        (ends, f), (slopes, df) = (values.split([len(points), len(x)]) for values in both)
        self._known = asymptotes(ends, slopes, tolerance)
        return f, df, *regimes(x, f, df, self._known, tolerance)

    def slope(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return f(x) and f'(x), of the shape of x."""
        devices = [x.device] if x.is_cuda else []
        with (
            torch.inference_mode(False),
            torch.enable_grad(),
            torch.autocast(x.device.type, enabled=False),
            torch.random.fork_rng(devices),
        ):
            leaf = x.clone().requires_grad_()
            f = self.module.forward(leaf.clone())  # which works in place, perhaps
            df = torch.zeros_like(f)  # a step function has no graph at all
            if f.requires_grad:
                (df,) = torch.autograd.grad(f, leaf, torch.ones_like(f))
        return f.detach(), df

    def mixes(self, x: Tensor) -> bool:
        """Say whether an output depends on more than its own input, as a softmax's does."""
        moved = x.clone()
        rows, columns = torch.meshgrid(*map(torch.arange, x.shape), indexing="ij")
        shifted = ((rows + columns) % 2 == 0).to(x.device)
        moved[shifted] += 1.0
        before, after = self.slope(x)[0], self.slope(moved)[0]
        if before.shape != x.shape:
            return True
        return not torch.equal(before[~shifted].nan_to_num(), after[~shifted].nan_to_num())
