"""Solve u_t = 0.1 u_xx on a rod by a network, with and without adaptive slopes and Rowdy waves."""

import math

import torch

from actlas.models.pinn import PINN, heat_residual, pinn


def solution(points: torch.Tensor) -> torch.Tensor:
    """Return the exact solution with u(x, 0) = sin(pi x) and u = 0 at both ends."""
    x, t = points.unbind(1)
    return (torch.exp(-0.1 * math.pi**2 * t) * torch.sin(math.pi * x))[:, None]


def train(net: PINN, inside: torch.Tensor, edge: torch.Tensor) -> None:
    """Make the equation hold inside and the solution known at the edge."""
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        known = (net(edge) - solution(edge)).square().mean()
        total = heat_residual(net, inside, 0.1).square().mean() + known
        total.backward()
        return total

    optimizer.step(loss)


generator = torch.Generator().manual_seed(0)
inside, edge = torch.rand(2, 200, 2, generator=generator)
edge[:100, 1] = 0  # the start; the other half lies at x = 0 and x = 1
edge[100:, 0] = torch.arange(100) % 2
for adaptive, waves in (("none", 0), ("layer", 0), ("neuron", 2)):
    net = pinn("tanh", layers=2, adaptive=adaptive, scale=2, rowdy=waves, generator=generator)
    train(net, inside, edge)
    error = (net(inside) - solution(inside)).abs().max()
    print(f"slopes {adaptive:6} waves {waves}: largest error {error:.3f}")
