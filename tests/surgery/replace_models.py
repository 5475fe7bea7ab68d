"""Models as people write them, each with the same model written with another function by hand."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812 - as models write it
from torch import Tensor, nn

Function = Callable[[Tensor], Tensor]


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return standard normal numbers, the same ones every time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


class Block(nn.Module):
    """A residual block that calls ReLU in five ways."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.squeeze = nn.Conv2d(channels, channels, 1)
        self.relu = nn.ReLU(inplace=True)
        self.act = F.relu

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        gate = self.act(self.squeeze(y.mean((2, 3), keepdim=True)))
        y = torch.relu(y * gate)
        y += x
        return y.relu()

    def by_hand(self, x: Tensor, f: Function) -> Tensor:
        y = f(self.bn2(self.conv2(f(self.bn1(self.conv1(x))))))
        gate = f(self.squeeze(y.mean((2, 3), keepdim=True)))
        return f(f(y * gate) + x)


class ResNet(nn.Module):
    """Two blocks between a stem in a Sequential and a head."""

    def __init__(self, channels: int = 6, classes: int = 4) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), nn.ReLU())
        self.blocks = nn.Sequential(Block(channels), Block(channels))
        self.head = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.stem(x))
        return self.head(F.adaptive_avg_pool2d(F.relu(x), 1).flatten(1))  # type: ignore[no-any-return]

    def by_hand(self, x: Tensor, f: Function) -> Tensor:
        x = f(self.stem[0](x))
        for block in self.blocks:
            x = block.by_hand(x, f)  # type: ignore[operator]
        return self.head(F.adaptive_avg_pool2d(f(x), 1).flatten(1))  # type: ignore[no-any-return]


class Attention(nn.Module):
    """A transformer block with GELU as a function and a normalisation before each part."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))

    def mlp(self, x: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(x)))  # type: ignore[no-any-return]


class ViT(nn.Module):
    """Patches, a class token, blocks, a head: a vision transformer in small."""

    def __init__(self, width: int = 16, patch: int = 4, size: int = 8, classes: int = 4) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, stride=patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(0.02 * draw(1, (size // patch) ** 2 + 1, width))
        self.blocks = nn.ModuleList([Attention(width, 2) for _ in range(2)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward_features(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.places
        for block in self.blocks:
            x = block(x)
        return torch.tanh(self.norm(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.forward_features(x)[:, 0])  # type: ignore[no-any-return]


class Twice(nn.Module):
    """Two calls in one line."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.b(F.relu(self.a(x))))


class Forms(nn.Module):
    """A function as a module, in a call and as an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3)
        self.module, self.attribute = nn.ReLU(), F.relu

    def forward(self, x: Tensor) -> Tensor:
        return self.attribute(self.c(F.relu(self.b(self.module(self.a(x))))))

    def by_hand(self, x: Tensor, f: Function) -> Tensor:
        return f(self.c(f(self.b(f(self.a(x))))))


class Nest(nn.Module):
    """A module that holds one of its own kind, and calls through a function and a comprehension."""

    def __init__(self, inner: nn.Module | None = None) -> None:
        super().__init__()
        self.inner = inner
        self.a = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        if self.inner is not None:
            x = self.inner(x)
        return doubled(F.relu(self.a(x)))


def doubled(x: Tensor) -> Tensor:
    """Call ReLU on behalf of whoever calls this."""
    return x.relu() + sum([F.relu(one) for one in (x,)])
