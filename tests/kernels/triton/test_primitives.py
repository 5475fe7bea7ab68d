"""Every primitive as Triton has it, against mpmath, in an interpreter as inexact as a GPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from actlas.backends.printer import print_function
from actlas.backends.triton import TRITON
from actlas.errors import ActlasError
from actlas.expr import symbols
from actlas.expr.node import make
from actlas.expr.primitives import PRIMITIVES
from tests.backends.test_every_primitive import CASES, LOWERED, exactly, points_of
from tests.kernels.triton import needs_triton
from tests.kernels.triton.interpreter import interpreted, run_value
from tests.support.oracle import Truth, failures, report
from tests.support.points import SINGLE
from tests.support.truths import X, node_of

_UNITS = 6.0  # of eps (|f| + |x f'| + |y f_y|), as for JavaScript
_FLUSHED = 2.0**-120  # what it costs that a GPU flushes subnormal results on the way to 0


@pytest.mark.parametrize("case", CASES)
def test_the_printer_has_it(case: str) -> None:
    names = tuple(sorted(symbols(node_of(case))))
    assert "return" in print_function(TRITON, node_of(case), names, "f")


def test_what_lowering_adds_is_there() -> None:
    assert set(LOWERED) <= set(TRITON.templates)


def test_a_lacking_primitive_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRIMITIVES, "gamma", PRIMITIVES["tanh"])
    with pytest.raises(ActlasError, match="the triton backend has no primitive 'gamma'"):
        print_function(TRITON, make("gamma", X), ("x", "y"), "f")


@needs_triton
@pytest.mark.parametrize("case", CASES)
def test_is_right(case: str) -> None:
    names = tuple(sorted(symbols(node_of(case))))
    value, size = exactly(case)
    allowed = _UNITS * SINGLE.eps * size + _FLUSHED
    of = Truth(node_of(case), names, points_of(case), (), value, allowed, SINGLE)
    points = [torch.tensor(np.asarray(p), dtype=torch.float32) for p in of.points]
    found = interpreted(run_value, (of.root, names, ()), points)
    assert not (bad := failures(of, found.double().numpy())), report(bad)
