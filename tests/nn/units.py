"""How the tests of the structured units make a unit and an input."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from actlas.nn.structured import units

# What a constructor must be told, by the name of the argument; everything else has a default.
SIZES = {"channels": 6, "num_pieces": 2, "in_features": 6, "out_features": 4}
SHAPE = (4, 6, 6, 6)  # serves every unit: 6 channels in dimension 1 and in the last one
ALL = sorted(units())
LOGIC = [name for name in ALL if hasattr(units()[name].cls, "combine")]
EXACT = [name for name in LOGIC if name.endswith("_il")]
INFINITY = float("inf")


def build(name: str, **options: Any) -> Any:
    cls = units()[name].cls
    arguments = inspect.signature(cls).parameters
    named = {n: p for n, p in arguments.items() if p.kind is not p.VAR_KEYWORD}
    required = {n: SIZES[n] for n, p in named.items() if p.default is p.empty}
    return cls(**{**required, **options})


def accepts(name: str, argument: str) -> bool:
    return argument in inspect.signature(units()[name].cls).parameters


def normal(shape: tuple[int, ...] = SHAPE, seed: int = 0, **options: Any) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), **options)


def value_and_gradient(module: nn.Module, rows: Any, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    x = torch.tensor(rows, dtype=dtype, requires_grad=True)
    y = module(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    return y.detach().flatten(), gradient
