"""A signal: what is known of the elements of one tensor, as a distribution at weighted points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
import torch
from torch import Tensor

from actlas.expr import symbol
from actlas.facts import Curve
from actlas.facts.moments import nodes

_REACH = 12.0  # the mass beyond is 4e-33
_MOST_POINTS = 40_000


@cache
def standard() -> tuple[Tensor, Tensor]:
    """Return quadrature points and weights of N(0, 1), both of shape (points, 1).

    >>> z, weight = standard()
    >>> round(float((weight * z**4).sum()), 12)
    3.0
    """
    z, weight = nodes(Curve(symbol("x")))
    inside = np.abs(z) < _REACH
    return torch.from_numpy(z[inside])[:, None], torch.from_numpy(weight[inside])[:, None]


@cache
def hermite(count: int = 48) -> tuple[Tensor, Tensor]:
    """Return the Gauss-Hermite points and weights of N(0, 1), for smooth integrands."""
    points, weights = np.polynomial.hermite_e.hermegauss(count)
    return torch.from_numpy(points), torch.from_numpy(weights / weights.sum())


@dataclass(frozen=True, eq=False)
class Root:
    """The standard normal number behind a signal's points.

    Args:
        latent: its value at each point, rising.
        correlation: between the numbers at two places (pixels, tokens) of one sample.
    """

    latent: Tensor
    correlation: float = 0.0


@dataclass(frozen=True, eq=False)
class Signal:
    """The distribution of a tensor's elements.

    Signals of one root are functions of the same random number, point for point; others count
    as independent.

    Args:
        values: shape (points, channels); channels is 1 unless they differ.
        weights: the probability of each point, shape (points, 1).
        root: what the points stand for.
        shape: that of the tensor, where an example tells it.
        channels: the number of features, where the shape is not known.
        probabilities: whether the elements along the last dimension add up to 1.
        seen: of logits behind a mask: how many are left along the last dimension, for some rows.
    """

    values: Tensor
    weights: Tensor
    root: Root
    shape: tuple[int, ...] | None = None
    channels: int | None = None
    probabilities: bool = False
    seen: tuple[int, ...] = ()

    def expect(self, values: Tensor) -> float:
        """Return the mean of a function of the signal, given at its points."""
        return float((self.weights * values.double()).sum()) / values.shape[1]

    @cached_property
    def mean(self) -> float:
        """The mean over all elements."""
        return self.expect(self.values)

    @cached_property
    def second_moment(self) -> float:
        """The mean square."""
        return self.expect(self.values.double() ** 2)

    @cached_property
    def variance(self) -> float:
        """The variance over all elements."""
        return self.expect((self.values.double() - self.mean) ** 2)

    @cached_property
    def shared(self) -> float:
        """The covariance of one feature at two places of a sample."""
        correlation = self.root.correlation
        if not 0 < correlation < 1:
            return correlation * self.variance
        (t, weight), (s, inner) = hermite(), hermite()
        latent = (correlation**0.5 * t)[:, None] + ((1 - correlation) ** 0.5 * s)[None, :]
        at = _interpolated(self.values.double(), self.root.latent, latent.flatten())
        given = (inner[None, :, None] * at.reshape(len(t), len(s), -1)).sum(1)
        return min(float((weight[:, None] * (given - self.mean) ** 2).sum()) / given.shape[1],
                   self.variance)  # fmt: skip

    @property
    def correlation(self) -> float:
        """The correlation of one feature at two places of a sample."""
        return self.shared / self.variance if self.variance > 0 else 0.0

    def renew(self) -> Signal:
        """Return the same distribution over other elements: independent of this one."""
        return replace(self, root=replace(self.root))


def _interpolated(values: Tensor, points: Tensor, at: Tensor) -> Tensor:
    """Return the rows of `values`, known at rising `points`, between them."""
    above = torch.searchsorted(points, at).clamp(1, len(points) - 1)
    low, high = points[above - 1], points[above]
    share = ((at - low) / (high - low)).clamp(0, 1)[:, None]
    return (1 - share) * values[above - 1] + share * values[above]


def gaussian(
    mean: float,
    variance: float,
    shared: float = 0.0,
    shape: tuple[int, ...] | None = None,
    channels: int | None = None,
) -> Signal:
    """Return the normal signal of this mean and variance, and covariance between places."""
    z, weights = standard()
    variance = max(variance, 0.0)
    correlation = min(max(shared / variance, -1.0), 1.0) if variance else 0.0
    return Signal(mean + variance**0.5 * z, weights, Root(z[:, 0], correlation), shape, channels)


def distribution(values: Tensor, weights: Tensor, shared: float = 0.0) -> Signal:
    """Return the signal with these values, shape (points, channels), and weights (points, 1).

    The points are put in order, so that the normal number behind them is their quantile.
    """
    channels = values.shape[1]
    flat, order = values.double().flatten().sort(stable=True)
    mass = (weights / weights.sum() / channels).expand(-1, channels).flatten()[order]
    middle = (mass.cumsum(0) - mass / 2).clamp(1e-300, 1 - 1e-16)
    variance = float((mass * flat**2).sum() - (mass * flat).sum() ** 2)
    correlation = min(max(shared / variance, -1.0), 1.0) if variance > 0 else 0.0
    return Signal(flat[:, None], mass[:, None], Root(torch.special.ndtri(middle), correlation))


def constant(value: float) -> Signal:
    """Return the signal that is `value` everywhere."""
    return distribution(torch.full((1, 1), value, dtype=torch.float64), torch.ones(1, 1).double())


def measured(tensor: Tensor) -> Signal:
    """Return a normal signal with the mean and variance of a tensor's elements.

    A tensor with one value per feature is the same at all places.
    """
    flat = tensor.detach().double()
    mean = float(flat.mean()) if flat.numel() else 0.0
    variance = float(((flat - mean) ** 2).mean()) if flat.numel() else 0.0
    by_feature = flat.numel() == max(flat.shape, default=1)
    return gaussian(mean, variance, variance if by_feature else 0.0, tuple(tensor.shape))


def mixture(parts: Sequence[tuple[float, Signal]], shared: float) -> Signal:
    """Return the signal whose elements are drawn from `parts`, each with its share."""
    parts = [(share, part) for share, part in parts if share > 0]
    total = sum(share for share, _ in parts)
    channels = max(part.values.shape[1] for _, part in parts)
    values = torch.cat([p.values.double().expand(-1, channels) for _, p in parts])
    weights = torch.cat([share / total * part.weights for share, part in parts])
    mixed = distribution(values, weights, shared)
    if mixed.values.numel() <= _MOST_POINTS:
        return mixed
    return gaussian(mixed.mean, mixed.variance, shared)


def largest_of(x: Signal, count: float) -> Signal:
    """Return the distribution of the largest of the elements at `count` places.

    >>> top = largest_of(gaussian(0.0, 1.0), 4)
    >>> round(top.mean, 3), round(top.variance, 3)
    (1.029, 0.492)
    """
    rises = x.values.shape[1] == 1 and bool((x.values.double().diff(dim=0) >= 0).all())
    sorted_ = x if rises else distribution(x.values, x.weights, x.shared)
    t, weight = hermite()
    correlation = min(max(sorted_.root.correlation, 0.0), 1 - 1e-6)
    edges = sorted_.weights[:, 0].cumsum(0).clamp(1e-300, 1 - 1e-16)
    own = (torch.special.ndtri(edges)[:, None] - correlation**0.5 * t) / (1 - correlation) ** 0.5
    below = torch.special.ndtr(own) ** count  # at each point, for each common part t
    below[-1] = 1.0
    mass = torch.diff(below, dim=0, prepend=torch.zeros_like(below[:1]))
    given = (mass * sorted_.values).sum(0)
    shared = float((weight * given**2).sum() - (weight * given).sum() ** 2)
    return replace(distribution(sorted_.values, (mass * weight).sum(1, keepdim=True), shared),
                   channels=x.channels)  # fmt: skip
