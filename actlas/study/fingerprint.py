"""The content hash of what a study learns from: other data give other runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from actlas.study.command import files_of
from actlas.study.tasks import COMMAND, load_data


def fingerprint_of(task: str, data_root: Path | None) -> str:
    """Return the hash of a task's data; of a program, that of the files which its call names.

    Args:
        task: its name.
        data_root: the folder with the data sets.

    >>> len(fingerprint_of("digits", None))
    16
    """
    if task.startswith(COMMAND):
        return files_of(task)
    return _of_data(task, data_root)


@cache
def _of_data(task: str, data_root: Path | None) -> str:
    return fingerprint(load_data(task, data_root))


def fingerprint(data: object) -> str:
    """Return the hash of all numbers and texts in data of any form.

    Args:
        data: tensors and arrays in dataclasses, lists and mappings, however deep.

    >>> fingerprint([torch.zeros(2), "a"]) == fingerprint([torch.zeros(3), "a"])
    False
    """
    digest = hashlib.sha256()
    for part in _parts(data):
        digest.update(part)
    return digest.hexdigest()[:16]


def _parts(data: object) -> Iterator[bytes]:
    """Yield the bytes of every leaf, each with its kind and size ahead of it."""
    if isinstance(data, torch.Tensor):
        yield f"tensor {data.dtype} {tuple(data.shape)} ".encode()
        yield data.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes()
    elif isinstance(data, np.ndarray):
        yield f"array {data.dtype} {data.shape} ".encode()
        yield np.ascontiguousarray(data).tobytes()
    elif is_dataclass(data):
        yield type(data).__name__.encode()
        for field in fields(data):
            yield from _parts(getattr(data, field.name))
    elif isinstance(data, Mapping):
        yield from _parts([part for pair in sorted(data.items()) for part in pair])
    elif isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        yield f"{type(data).__name__} {len(data)}".encode()
        for item in data:
            yield from _parts(item)
    elif callable(data):  # a function is code, and counted there
        yield type(data).__name__.encode()
    else:
        text = f"{type(data).__name__} {data!r} "
        yield text.encode()
