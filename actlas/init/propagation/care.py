"""Tracing runs the code of a model: what has to be put back, and kept quiet."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

KINDS = ("_parameters", "_buffers", "_modules")  # where a module keeps what belongs to it


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Put everything back that tracing writes into modules, and the random state."""
    held = [(m, dict(vars(m)), [dict(vars(m)[kind]) for kind in KINDS]) for m in model.modules()]
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            for module, attributes, kinds in held:
                vars(module).clear()
                vars(module).update(attributes)
                for kind, content in zip(KINDS, kinds, strict=True):
                    vars(module)[kind].clear()
                    vars(module)[kind].update(content)


@contextmanager
def silence() -> Iterator[None]:
    """Keep PyTorch from logging and warning about each way to trace that fails."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
