"""Another activation function in a network that is trained already, without losing a digit.

Run it from anywhere; it takes a few seconds:

    python replace_in_a_model.py
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

import actlas


class Net(nn.Module):
    """A function in a module and another one in the code: both are found."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.relu = nn.Linear(8, 32), nn.Linear(32, 1), nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.b(self.relu(self.a(x))))


torch.manual_seed(0)
model, x = Net(), torch.randn(256, 8)
before = model(x)
report = actlas.replace(model, {nn.ReLU: "pvlu"}, warm_start=True)
print(report)
print("the same output, bit for bit:", torch.equal(model(x), before))

optimizer = torch.optim.AdamW(report.param_groups(weight_decay=0.01), lr=1e-2)
(model(x) - x[:, :1].abs()).square().mean().backward()
optimizer.step()
print("and now it learns:", [round(p.item(), 3) for p in report.modules["relu"].parameters()])
