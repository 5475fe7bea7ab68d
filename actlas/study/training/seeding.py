"""Random numbers by name: each purpose of each run has its own generator."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from actlas.study.training.devices import device_of, seeded


def generator(stream: str, purpose: str) -> torch.Generator:
    """Return the generator for one purpose of one stream, independent of every other.

    >>> one, same = (generator("confirmation/paired/3", "weights") for _ in range(2))
    >>> torch.equal(torch.randn(4, generator=one), torch.randn(4, generator=same))
    True
    """
    return torch.Generator().manual_seed(_number(stream, purpose))


@dataclass(frozen=True)
class Draws:
    """What a run draws while it trains: the order of examples, and how they are changed."""

    order: torch.Generator
    augmentation: torch.Generator


def draws_of(stream: str) -> Draws:
    """Return the generators of a stream, at their start."""
    return Draws(generator(stream, "order"), generator(stream, "augmentation"))


@contextmanager
def isolated(stream: str, device: str) -> Iterator[None]:
    """Seed the global generators for the length of the block, and give back their state afterwards.

    Constructors and layers such as dropout can draw from nowhere else.
    """
    with seeded(_number(stream, "layers"), device_of(device)):
        yield


def _number(stream: str, purpose: str) -> int:
    digest = hashlib.sha256(f"{stream}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:7], "big")
