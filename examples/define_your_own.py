"""A function of your own: define it, look at it, train with it, compare it.

Run it from anywhere; it takes a few seconds and leaves `out_own/report.html`:

    python define_your_own.py
"""

from __future__ import annotations

import torch
from torch import nn

import actlas
from actlas.catalogue import learnable
from actlas.expr import Expr, exp, tanh

# From text. A number declares a constant; learnable(...) a parameter that networks train.
actlas.define("steep_telu", "x * tanh(exp(a*x))", a=learnable(1.5))


# Or from Python, with stable primitives; this form can also carry a paper, claims and errata.
@actlas.activation(title="TwoSidedTeLU")
def two_sided_telu(x: Expr, b: Expr = learnable(0.1)) -> Expr:  # noqa: B008 - declares b
    """TeLU plus a line, so that the left side keeps a slope."""
    return x * tanh(exp(x)) + b * x


def look() -> None:
    """Print what is computed from the formula."""
    function = actlas.get("steep_telu")
    print(f"f(x) = {function.latex}")
    print(f"f'(x) = {function.derivative().latex}")
    print(f"minimum {function.facts.minimum}, gain {function.facts.gain:.4f}")


def train() -> None:
    """Fit a curve; the parameter `a` of the activation is trained with the weights."""
    generator = torch.Generator().manual_seed(0)
    x = 4 * torch.rand(256, 1, generator=generator) - 2
    y = torch.sin(2 * x)
    network = nn.Sequential(nn.Linear(1, 32), actlas.nn.create("steep_telu"), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(200):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(network(x), y)
        loss.backward()
        optimizer.step()
    print(f"mean squared error {loss.item():.4f} with {network[1]}, a = {network[1].a.item():.3f}")


def main() -> None:
    """Look at the function, train with it, and compare it with ReLU."""
    look()
    train()
    result = actlas.compare(
        activations=["relu", "steep_telu", "two_sided_telu"],
        seeds=3, budget=1, epochs=3, workers=1, out="out_own",
    )  # fmt: skip
    print(f"{result.headline}\nThe report is {result.report_path}.")


if __name__ == "__main__":
    main()
