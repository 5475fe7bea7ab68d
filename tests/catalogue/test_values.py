"""Every function x backend x precision x order of derivative against 50 digits."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from actlas.catalogue import Definition, unroll
from tests.conftest import over
from tests.support.oracle import Truth, failures, report, truth
from tests.support.points import DOUBLE, corner_cases
from tests.support.runners import RUNNERS, compiler, node, on_torch

_ORDERS = {"value": 0, "slope": 1, "curvature": 2}


def _skip_without_tools(backend: str) -> None:
    if backend.startswith("c-") and compiler() is None:
        pytest.skip("no C compiler on this machine")
    if backend.startswith("javascript") and node() is None:
        pytest.skip("no node on this machine")


@lru_cache(maxsize=2)  # the orders of one backend stand side by side
def _tables(entry: Definition, backend: str) -> dict[tuple[str, str], tuple[Truth, np.ndarray]]:
    """Return truth and result by case and order: one compilation, one process for them all."""
    run, precision = RUNNERS[backend]
    truths = {
        (case, order): truth(entry, case, precision, ("x",) * times)
        for case in corner_cases(entry) for order, times in _ORDERS.items()
    }  # fmt: skip
    results = run(list(truths.values()))
    return {key: (truths[key], found) for key, found in zip(truths, results, strict=True)}


@pytest.mark.parametrize("order", _ORDERS)
@pytest.mark.parametrize("backend", RUNNERS)
@over()
def test_matches_fifty_digits(entry: Definition, backend: str, order: str) -> None:
    """Value, first and second derivative, at default parameters and at their corners."""
    _skip_without_tools(backend)
    tables = _tables(entry, backend)
    for case in corner_cases(entry):
        bad = failures(*tables[case, order])
        assert not bad, f"{entry.name} [{case}] {report(bad)}"


@over()
def test_gradients_of_parameters(entry: Definition) -> None:
    """The derivative with respect to every parameter and second input, in double precision."""
    cases = [case for case in corner_cases(entry) if case != "default" or not entry.parameters]
    for case in cases:
        for name in _differentiable(entry, case):
            of = truth(entry, case, DOUBLE, (name,))
            bad = failures(of, on_torch(of))
            assert not bad, f"{entry.name} [{case}] d/d{name}: {report(bad)}"


def _differentiable(entry: Definition, case: str) -> list[str]:
    """Return the names to differentiate in; of a vector the first and the last element."""
    values = entry.bind(corner_cases(entry)[case])
    names = [*entry.inputs[1:]]
    for name in unroll(values):
        stem, _, index = name.rpartition("_")
        vector = values.get(stem)
        inner = isinstance(vector, tuple) and 0 < int(index) < len(vector) - 1
        names += [] if inner else [name]
    return names


@over()
def test_special_values(entry: Definition) -> None:
    """NaN gives NaN; an infinite input gives the limit where there is one."""
    import torch

    from actlas.backends import mpmath as exact
    from actlas.kernels.autograd import elementwise

    if len(entry.inputs) == 2:
        pytest.skip("limits of two variables are tested with the logic units")
    of = truth(entry, "default", DOUBLE, ())
    numbers = dict(zip(of.inputs[1:], of.numbers, strict=True))
    found = elementwise(of.root, of.inputs, of.numbers)(
        torch.tensor([np.nan, -np.inf, np.inf], dtype=torch.float64), *of.numbers
    )
    assert found[0].isnan()
    for value, towards in zip(found[1:].tolist(), (-1, 1), strict=True):
        limit = exact.limit(of.root, numbers, towards)
        if limit is not None:
            assert value == pytest.approx(limit, rel=1e-14, abs=1e-300)
