"""Train two small networks on digits, and draw which pixels speak for the right answer."""

import matplotlib.pyplot as plt
import torch
from torch import nn

import actlas
from actlas.study import find_task
from actlas.surgery import guided_backprop


def trained(activation: str, x: torch.Tensor, y: torch.Tensor) -> nn.Module:
    """Return a small network of convolutions after ten passes over the digits."""
    layers: list[nn.Module] = []
    for fan_in, fan_out, stride in ((1, 16, 1), (16, 32, 2), (32, 64, 2)):
        layers += [nn.Conv2d(fan_in, fan_out, 3, stride, 1), actlas.nn.create(activation)]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(256, 10))
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for batch in torch.randperm(10 * len(x)).remainder(len(x)).split(64):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
        optimizer.step()
    return net


if __name__ == "__main__":
    torch.manual_seed(0)
    data = find_task("digits").data(None)
    shown, answers = data.test.inputs[:6].view(-1, 1, 8, 8), data.test.targets[:6]
    rows = {"digit": shown}
    for name in ("relu", "gelu", "tanh"):
        net = trained(name, data.train.inputs.view(-1, 1, 8, 8), data.train.targets)
        rows[name] = guided_backprop(net, shown, answers)
    figure, axes = plt.subplots(len(rows), len(shown), figsize=(6, 4.2), layout="constrained")
    for line, (title, images) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(line, images.numpy(), strict=True):
            axis.imshow(image[0] / abs(image).max(), cmap="RdBu_r", vmin=-1, vmax=1)
            axis.set(xticks=[], yticks=[], ylabel=title if axis is line[0] else "")
    figure.savefig("guided_backprop.png", dpi=90)
