"""What a peer is: how its function is found, how a call of it is made, how its values are read."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from actlas.api import Activation
from actlas.bench.cells import BOTH, INTO, Work
from actlas.errors import ActlasError

Array = npt.NDArray[Any]
Call = Callable[[], object]
Function = Callable[..., Any]
_TOLERANCE = 1e-4  # of max(1, |f|): GELU and its tanh form are 4.7e-4 apart


def torch_call(function: Function, work: Work) -> Call | None:
    """Return the timed call of a function of tensors, or None where it has no such mode."""
    if work.cell.mode == INTO:
        return _into(function, work)
    if work.cell.mode != BOTH:
        return partial(function, *work.tensors)
    leaves, seed = [x.clone().requires_grad_() for x in work.tensors], work.grad
    return lambda: torch.autograd.grad(function(*leaves), leaves, seed)


def _into(function: Function, work: Work) -> Call | None:
    """Return the call that writes into a ready buffer, or None where `out` is not understood."""
    few = [x[:1] for x in work.tensors]
    try:
        function(*few, out=torch.empty_like(few[0]))
    except (TypeError, ActlasError):
        return None
    return partial(function, *work.tensors, out=torch.empty_like(work.tensors[0]))


def torch_values(function: Function, points: tuple[Array, ...]) -> Array:
    """Return a function's values, computed in float32 without gradients."""
    with torch.no_grad():
        found = function(*(torch.from_numpy(x.astype(np.float32)) for x in points))
    return np.asarray(found.double().numpy())


@dataclass(frozen=True)
class Peer:
    """Something that computes the same functions and is timed beside actlas.

    `candidates` gives what may be the peer's form of an Activation; `call` what is timed of it for
    a `Work`, or None where there is no such mode; `values` what it gives at points in float32.
    `absent` says why the peer cannot run here, or "". Peers of one runtime share threads.
    """

    name: str
    about: str
    candidates: Callable[[Activation], Iterable[Any]]
    call: Callable[[Any, Work], Call | None] = torch_call
    values: Callable[[Any, tuple[Array, ...]], Array] = torch_values
    absent: Callable[[], str] = lambda: ""
    runtime: str = "torch"
    keeps_steps: bool = False  # whether every intermediate result takes memory of its own

    def function(self, activation: Activation) -> Any:
        """Return the first candidate with the right values, or None where there is no candidate.

        Raises:
            ActlasError: if all candidates are something else; a name may have other meanings.
        """
        place, why = points(activation), ""
        for candidate in self.candidates(activation):
            try:
                if agrees(self.values(candidate, place), activation):
                    return candidate
                why = why or "another function has this name"
            except Exception as error:  # whatever foreign code with this name raises
                why = f"{type(error).__name__}: {error}"
        if why:
            raise ActlasError(why)
        return None


def points(activation: Activation) -> tuple[Array, ...]:
    """Return the places at which values are compared: where networks have them, never 0."""
    generator = np.random.default_rng(0)
    return tuple(3 * generator.standard_normal(1000) for _ in activation.definition.inputs)


def agrees(found: Array, activation: Activation) -> bool:
    """Say whether values at `points` are those of the definition in double precision."""
    truth = activation(*points(activation))
    if found.shape != truth.shape:
        return False
    return bool(np.all(np.abs(found - truth) <= _TOLERANCE * np.maximum(1, np.abs(truth))))


def missing(*packages: str) -> str:
    """Return which of the packages is not installed, as a sentence, or ""."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            return f'{package} is not installed: pip install "actlas[bench]"'
    return ""
