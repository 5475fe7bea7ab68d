"""Calling a foreign function: with tensors, else arrays, else numbers, until one of them works."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from actlas.surgery.identification.curves import Array

Form = Callable[[Callable[..., Any], tuple[Array, ...]], Array]


class OddResultError(Exception):
    """What came back is not an array of real numbers."""


def first_form(function: Callable[..., Any], x: tuple[Array, ...]) -> tuple[Form, Array]:
    """Return the first way of calling that works, and what it gave."""
    failure: Exception | None = None
    for form in (_double, single, _arrays, _numbers):
        try:
            return form, form(function, x)
        except OddResultError:
            raise
        except Exception as error:  # a function of arrays refuses tensors, and so on
            failure = failure or error
    raise failure or TypeError


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let foreign functions run without gradients and warnings, and with no trace on random state.

    >>> with undisturbed():
    ...     _ = torch.rand(3)
    """
    with (
        warnings.catch_warnings(), np.errstate(all="ignore"), torch.no_grad(),
        torch.random.fork_rng(devices=[]),
    ):  # fmt: skip
        warnings.simplefilter("ignore")
        yield


def _double(function: Callable[..., Any], x: tuple[Array, ...]) -> Array:
    return _as_numbers(function(*(torch.from_numpy(a.copy()) for a in x)))


def single(function: Callable[..., Any], x: tuple[Array, ...]) -> Array:
    """Call with tensors in single precision."""
    return _as_numbers(function(*(torch.from_numpy(a.copy()).float() for a in x)))


def _arrays(function: Callable[..., Any], x: tuple[Array, ...]) -> Array:
    return _as_numbers(function(*(a.copy() for a in x)))


def _numbers(function: Callable[..., Any], x: tuple[Array, ...]) -> Array:
    flat = zip(*(a.ravel().tolist() for a in x), strict=True)
    return np.array([_as_numbers(function(*point)) for point in flat]).reshape(x[0].shape)


def _as_numbers(y: Any) -> Array:
    if isinstance(y, (tuple, list)):
        raise OddResultError(f"returns {len(y)} results instead of one")
    if y is None:
        raise OddResultError("returns nothing")
    found = y.detach().cpu() if isinstance(y, torch.Tensor) else np.asarray(y)
    if isinstance(found, torch.Tensor):
        found = found.resolve_conj().double().numpy() if not found.is_complex() else found.numpy()
    if found.dtype.kind not in "fiub":
        raise OddResultError(f"returns {found.dtype} instead of real numbers")
    return np.asarray(found, dtype=np.float64)


def said(error: Exception | None) -> str:
    """Return what an exception says, in one line."""
    text = " ".join(str(error).split()) or "no reason given"
    return f"{type(error).__name__}: {text if len(text) <= 160 else text[:157] + '...'}"
