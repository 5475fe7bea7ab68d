"""One neuron that computes XOR, and what networks of such neurons cost."""

import torch
from torch import nn

import actlas
from actlas.models import count_parameters
from actlas.models.pynada import pynada_lenet

CORNERS = torch.cartesian_prod(torch.arange(2.0), torch.arange(2.0))
XOR = CORNERS.sum(1).remainder(2)


def learned(name: str, restarts: int = 32, steps: int = 300) -> int:
    """Return how many of the restarts learn XOR with one neuron of the function, in percent."""
    draws = torch.Generator().manual_seed(0)
    neuron, function = torch.randn(restarts, 3, generator=draws), actlas.nn.create(name)
    output = torch.tensor([[1.0, 0.0]]).repeat(restarts, 1)
    optimiser = torch.optim.Adam([neuron.requires_grad_(), output.requires_grad_()], 0.05)
    for _ in range(steps):
        hidden = function(neuron[:, :2] @ CORNERS.T + neuron[:, 2:])
        logits = output[:, :1] * hidden + output[:, 1:]
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(logits, XOR.expand(restarts, -1)).backward()
        optimiser.step()
    return int(100 * ((logits > 0).float() == XOR).all(1).float().mean())


def main() -> None:
    """Print XOR in closed form, how often it is learned, and the three forms of LeNet."""
    print("x e^(10 - 10 x) of the sums:", actlas.get("ada", alpha=10.0, c=10.0)(CORNERS.sum(1)))
    for name in ("ada", "silu", "relu"):
        print(f"{name:5} learns XOR with one neuron in {learned(name)} % of the restarts")
    for form in ("single", "pynada", "control"):
        print(f"LeNet, {form:8}{count_parameters(pynada_lenet(neuron=form)):9,} parameters")


if __name__ == "__main__":
    main()
