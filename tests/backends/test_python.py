"""Printed Python, run as somebody runs it who copied it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import actlas
from actlas.backends import numpy as numpy_backend
from actlas.backends.printer import Language, print_function
from actlas.backends.python import JAX, NUMPY, TORCH
from actlas.catalogue import Definition, find, unroll
from actlas.expr import exp, symbol
from tests.conftest import over

X = np.array([-300.0, -7.0, -1.3, -0.2, -1e-3, 0.01, 0.4, 1.1, 2.7, 6.5, 25.0, 300.0])


def run(text: str, language: Language, entry: Definition) -> np.ndarray:
    """Return the values of copied code at X (moved by a place for a second input)."""
    names: dict[str, Any] = {}
    exec(text, names)
    if language is JAX:
        pytest.importorskip("jax").config.update("jax_enable_x64", True)
    inputs = [np.roll(X, shift) for shift in range(len(entry.inputs))]
    if language is TORCH:
        inputs = [torch.from_numpy(each) for each in inputs]
    with np.errstate(all="ignore"):
        return np.asarray(names[language.safe(entry.name)](*inputs, *_numbers(entry)))


def _numbers(entry: Definition) -> tuple[float, ...]:
    return tuple(unroll({name: p.default for name, p in entry.parameters.items()}).values())


def _wanted(entry: Definition) -> np.ndarray:
    inputs = (*entry.inputs, *entry.scalars(entry.default_shape))
    tape = numpy_backend.compiled(entry.expression(), inputs)
    places = [np.roll(X, shift) for shift in range(len(entry.inputs))]
    return numpy_backend.run(tape, *places, *_numbers(entry))


@pytest.mark.parametrize("language", [NUMPY, TORCH, JAX], ids=lambda language: language.name)
@over()
def test_it_computes_the_function(entry: Definition, language: Language) -> None:
    pytest.importorskip("jax" if language is JAX else "scipy", reason="not installed here")
    found = run(actlas.get(entry.name).source(language.name), language, entry)
    np.testing.assert_allclose(found, _wanted(entry), rtol=1e-11, atol=1e-300)


@pytest.mark.parametrize(("old", "new"), [("softplus(t0)", "sigmoid(t0)"), ("(t0 *", "(-t0 *")])
def test_a_wrong_line_is_seen(old: str, new: str) -> None:
    pytest.importorskip("scipy", reason="scipy is not installed")
    entry = find("mish")
    text = NUMPY.runtime + actlas.get(entry.name).source("numpy").rpartition("\n\n")[2]
    assert old in text
    wrong = run(text.replace(old, new), NUMPY, entry)
    assert not np.allclose(wrong, _wanted(entry))


def test_only_helpers_that_are_called_are_printed() -> None:
    text = actlas.get("mish").source("torch")
    assert [line for line in text.splitlines() if line.startswith("def ")] == [
        "def on_tensors(function):", "def maximum(u, v): return torch.where(v > u, v, u)",
        "def softplus(u): return maximum(u, 0) + torch.log1p(torch.exp(-torch.abs(u)))",
        "def clip_low(u): return maximum(u, torch.finfo(u.dtype).min)", "def mish(x):",
    ]  # fmt: skip


def test_shared_parts_are_computed_once() -> None:
    part = exp(symbol("x") * 3 + 1)
    assert print_function(TORCH, part * part + 1 / part, ("x",), "f").count("torch.exp") == 1
