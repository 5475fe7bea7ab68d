"""Checks of the input and small numerical helpers that all structured units share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.types import Device

from actlas.errors import ActlasError, nearest


def need_float(x: Tensor, name: str) -> None:
    """Raise ActlasError unless `x` is a real floating-point tensor."""
    if not x.is_floating_point():
        raise ActlasError(f"{name}: the input must be a floating-point tensor, got {x.dtype}")


def need_positive(value: int, what: str, name: str, least: int = 1) -> int:
    """Return `value`; ActlasError unless it is an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ActlasError(f"{name}: {what} must be an integer of at least {least}, got {value!r}")
    return value


def need_choice(value: str, allowed: tuple[str, ...], what: str, name: str) -> str:
    """Return `value`; ActlasError with the nearest valid name unless it is one of `allowed`."""
    if value not in allowed:
        listed = ", ".join(map(repr, allowed))
        hint = nearest(str(value), allowed)
        raise ActlasError(f"{name}: {what} must be one of {listed}, got {value!r}.{hint}")
    return value


def need_finite(value: float, what: str, name: str) -> float:
    """Return `value` as a float; ActlasError unless it is a finite number."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not abs(value) < float("inf"):
        raise ActlasError(f"{name}: {what} must be a finite number, got {value!r}")
    return float(value)


def refuse_inplace(inplace: bool, name: str, reason: str) -> None:
    """Raise ActlasError with the reason when the caller asks for work in place."""
    if inplace:
        raise ActlasError(f"{name} cannot work in place: {reason}; leave inplace=False")


def dimension(x: Tensor, dim: int, name: str) -> int:
    """Return `dim` counted from the front; ActlasError if `x` has no such dimension."""
    if not -x.ndim <= dim < x.ndim:
        raise ActlasError(f"{name}: the input of shape {tuple(x.shape)} has no dimension {dim}")
    return dim % x.ndim


def need_channels(x: Tensor, channels: int, dim: int, name: str) -> int:
    """Return the dimension counted from the front; ActlasError if its size is not `channels`."""
    place = dimension(x, dim, name)
    if x.shape[place] != channels:
        raise ActlasError(f"{name}: made for {channels} channels, but dimension {place} of the "
                          f"input of shape {tuple(x.shape)} has {x.shape[place]}")  # fmt: skip
    return place


def grouped(x: Tensor, size: int, dim: int, name: str) -> tuple[Tensor, int]:
    """Split dimension `dim` (C channels) into C/size groups of neighbours.

    Returns the view and the dimension that runs inside a group. Raises ActlasError for a dtype
    that is not floating point, a missing dimension, and a C that is not a multiple of `size`.
    """
    need_float(x, name)
    place = dimension(x, dim, name)
    channels = x.shape[place]
    if channels % size:
        raise ActlasError(f"{name}: dimension {place} has {channels} channels, which is not a "
                          f"multiple of the group size {size}")  # fmt: skip
    return torch.unflatten(x, place, (channels // size, size)), place + 1


def widen(x: Tensor) -> Tensor:
    """Return half-precision tensors as float32, so that a formula rounds once, at its end."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def clamp_finite(x: Tensor) -> Tensor:
    """Replace infinities by the largest finite numbers, for terms where inf - inf would arise."""
    limits = torch.finfo(x.dtype)
    return x.clamp(limits.min, limits.max)


def mean_without_overflow(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Return the mean over `dims`, kept as size 1, without an overflow in the partial sums."""
    count = 1
    for dim in dims:
        count *= x.shape[dim]
    return (x / count).sum(dims, keepdim=True) if dims else x


def empty_layer(cls: type[nn.Module], *args: int, device: Device, **kwargs: Any) -> nn.Module:
    """Return a torch layer whose parameters are not yet drawn: global random state is untouched."""
    place = torch.get_default_device() if device is None else device
    return cls(*args, device="meta", **kwargs).to_empty(device=place)
