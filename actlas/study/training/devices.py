"""Where a run is trained: the processor, or an accelerator that PyTorch finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from actlas.errors import ActlasError, nearest
from actlas.study.tasks import Data, Split


def device_of(name: str) -> torch.device:
    """Return the device of a name; ActlasError if PyTorch finds none such on this machine.

    >>> device_of("cpu")
    device(type='cpu')
    """
    here = ["cpu"]
    if (found := torch.accelerator.current_accelerator(check_available=True)) is not None:
        count = torch.accelerator.device_count()
        here += [found.type, *(f"{found.type}:{index}" for index in range(count))]
    if name not in here:
        raise ActlasError(
            f"device {name!r} is not on this machine; PyTorch finds {', '.join(here)}."
            f"{nearest(name, here)}"
        )
    return torch.device(name)


def on_device(data: Data, device: torch.device) -> Data:
    """Return data on a device; they are copied there once, not for every run."""
    return data if device.type == "cpu" else _copied(data, device)


@lru_cache(maxsize=1)  # the data of a task that is done make room
def _copied(data: Data, device: torch.device) -> Data:
    parts = (
        Split(split.inputs.to(device), split.targets.to(device))
        for split in (data.train, data.validation, data.test)
    )
    return replace(Data(*parts), further=tuple(_copied.__wrapped__(one, device)
                                               for one in data.further))  # fmt: skip


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed PyTorch's global generators for a block, and give back their state afterwards."""
    others = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(devices=others, device_type=device.type):
        torch.manual_seed(seed)
        yield


def random_states(device: torch.device) -> list[Tensor]:
    """Return the states of the global generators that a run on a device can draw from."""
    states = [torch.random.get_rng_state()]
    if device.type != "cpu":
        states.append(torch.get_device_module(device).get_rng_state(device))
    return states


def described(device: torch.device) -> dict[str, str]:
    """Return what a record says of a device beside the machine that it is in."""
    if device.type == "cpu":
        return {}
    namer = getattr(torch.get_device_module(device), "get_device_name", None)
    return {"device": namer(device) if namer else device.type}
