"""Networks of every kind that autoinit_ has to follow, small, and how to measure in them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

import actlas


class Call(nn.Module):
    """A function of one or more tensors as a module."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor, y: Any = None) -> Any:
        return self.function(x) if y is None else self.function(x, y)


def mlp(name: str, depth: int, width: int) -> nn.Sequential:
    """Return linear layers of one width, each but the last with its activation."""

    def linear() -> nn.Module:  # without PyTorch's own draw, which takes as long as ours
        layer = torch.nn.utils.skip_init(nn.Linear, width, width)
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)  # memory as it comes may hold NaN
        return layer  # type: ignore[no-any-return]

    layers: list[nn.Module] = []
    for _ in range(depth - 1):
        layers += [linear(), actlas.nn.create(name)]
    return nn.Sequential(*layers, linear())


def plain_cnn(name: str, depth: int, channels: int) -> nn.Sequential:
    """Return 3x3 convolutions with zero padding and no normalisation."""
    layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1)]
    for _ in range(depth - 1):
        layers += [actlas.nn.create(name), nn.Conv2d(channels, channels, 3, padding=1)]
    return nn.Sequential(*layers)


class Residual(nn.Module):
    """The basic block of a ResNet."""

    def __init__(self, inputs: int, outputs: int, stride: int, name: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.act = actlas.nn.create(name, inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        y += self.shortcut(x)
        return self.act(y)


class ResNet(nn.Module):
    def __init__(self, name: str = "relu") -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 7, 2, 3, bias=False)
        self.norm, self.pool = nn.BatchNorm2d(32), nn.MaxPool2d(3, 2, 1)
        self.act = actlas.nn.create(name)
        sizes = [(32, 32, 1), (32, 64, 2), (64, 64, 1)]
        self.blocks = nn.Sequential(*(Residual(i, o, s, name) for i, o, s in sizes))
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.pool(self.act(self.norm(self.stem(x)))))
        return self.head(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


class UnnormalisedResidual(nn.Module):
    """A residual MLP without normalisation: the variance of the sum grows by 1 a block."""

    def __init__(self, name: str, blocks: int = 6, width: int = 256) -> None:
        super().__init__()
        self.first, self.act = nn.Linear(width, width), actlas.nn.create(name)
        self.inner = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.outer = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.last = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for inner, outer in zip(self.inner, self.outer, strict=True):
            x = x + outer(self.act(inner(x)))
        return self.last(x)


class DenseNet(nn.Module):
    """Concatenation of all features before, as in a DenseNet, with or without its norms."""

    def __init__(self, name: str, *, norm: bool = True, growth: int = 16, layers: int = 5) -> None:
        super().__init__()
        widths = [24 + growth * i for i in range(layers + 1)]
        self.stem, self.act = nn.Conv2d(3, 24, 3, padding=1), actlas.nn.create(name)
        self.norms = nn.ModuleList(nn.BatchNorm2d(w) if norm else nn.Identity() for w in widths)
        self.convs = nn.ModuleList(nn.Conv2d(w, growth, 3, padding=1) for w in widths[:-1])
        self.transition = nn.Conv2d(widths[-1], 32, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for norm, conv in zip(self.norms, self.convs, strict=False):
            x = torch.cat([x, conv(self.act(norm(x)))], 1)
        return self.transition(self.act(self.norms[-1](x)))


class Block(nn.Module):
    """A pre-norm transformer block with torch's attention."""

    def __init__(self, size: int = 64, heads: int = 4, name: str = "gelu") -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.attention = nn.MultiheadAttention(size, heads, batch_first=True)
        self.up, self.down = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)
        self.act = actlas.nn.create(name)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attention(y, y, y)[0]
        return x + self.down(self.act(self.up(self.norm2(x))))


class HandmadeBlock(nn.Module):
    """A Llama-like block: RMS norms, attention by hand, a gated feed-forward part."""

    def __init__(self, size: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.norm1, self.norm2, self.heads = nn.RMSNorm(size), nn.RMSNorm(size), heads
        self.qkv, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.gate, self.up = nn.Linear(size, 2 * size), nn.Linear(size, 2 * size)
        self.down = nn.Linear(2 * size, size)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, size = x.shape
        parts = self.qkv(self.norm1(x)).chunk(3, -1)
        q, k, v = (p.view(batch, tokens, self.heads, -1).transpose(1, 2) for p in parts)
        scores = (q @ k.transpose(-2, -1)) / (size // self.heads) ** 0.5
        seen = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, tokens, size)
        x = x + self.out(seen)
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


WEIGHTED = (nn.Linear, nn.modules.conv._ConvNd)


def measure(model: nn.Module, x: Any) -> dict[str, tuple[float, float, float]]:
    """Return, for each layer, mean and variance of its input and the mean square of its output."""
    found: dict[str, tuple[float, float, float]] = {}

    def note(name: str, x: Tensor, y: Tensor) -> None:
        found[name] = float(x.mean()), float(x.var(correction=0)), float((y**2).mean())

    handles = [
        module.register_forward_hook(lambda _, x, y, name=name: note(name, x[0], y))
        for name, module in model.named_modules()
        if isinstance(module, WEIGHTED)
    ]
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model.train()(**x) if isinstance(x, dict) else model.train()(x)
    for handle in handles:
        handle.remove()
    return found
